"""`python -m local.sandbox --port 4568`: the sandbox on loopback, and nowhere else."""

import argparse
import contextlib
import logging

import uvicorn

from local.sandbox import (
    SANDBOX_INSTAGRAM_TOKEN,
    SANDBOX_INSTAGRAM_USER_ID,
    SANDBOX_TELEGRAM_TOKEN,
    SANDBOX_YOUTUBE_KEY,
    demo,
)
from local.sandbox.app import create_app
from local.sandbox.telegram import TOKEN
from local.sandbox.world import Keys, World

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 4568
GRACE_SECONDS = 1
KEPT_SECONDS = 75  # an idle connection: longer than any client keeps one, lest it be closed as it is used again
# What uvicorn says of failures.DroppedConnection, which leaves its answer unfinished because it was told to.
DROPPED_ON_PURPOSE = "ASGI callable returned without completing response."


def telegram_token(given: str) -> str:
    if not TOKEN.fullmatch(given):
        message = "a bot's token looks like 123456:AA…"
        raise argparse.ArgumentTypeError(message)
    return given


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.sandbox", description="YouTube, Telegram and Instagram on loopback"
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--demo", action="store_true", help="start with the demo's channels and chats")
    parser.add_argument("--youtube-key", default=SANDBOX_YOUTUBE_KEY)
    parser.add_argument("--telegram-token", type=telegram_token, default=SANDBOX_TELEGRAM_TOKEN)
    parser.add_argument("--instagram-token", default=SANDBOX_INSTAGRAM_TOKEN)
    parser.add_argument("--instagram-user-id", default=SANDBOX_INSTAGRAM_USER_ID)
    given = parser.parse_args(arguments)
    world = World(
        keys=Keys(given.youtube_key, given.telegram_token, given.instagram_token, given.instagram_user_id),
    )
    if given.demo:
        demo.apply(world)
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.getMessage() != DROPPED_ON_PURPOSE)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.run(
            create_app(world),
            host=LOOPBACK,
            port=given.port,
            # An access log would hold bots' tokens and keys: they are part of the paths.
            access_log=False,
            log_level="warning",
            timeout_keep_alive=KEPT_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )


if __name__ == "__main__":
    main()
