"""`python -m local.sandbox --port 4568`: serves the sandbox, on loopback only."""

import argparse
import contextlib
import logging

import uvicorn

from local.sandbox import (
    SANDBOX_FANVUE_KEY,
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
KEEP_ALIVE_SECONDS = 75  # longer than clients keep idle connections, so that none is closed just as it is reused
# What uvicorn logs for failures.DroppedConnection, which leaves its response unfinished on purpose.
DROPPED_ON_PURPOSE = "ASGI callable returned without completing response."


def telegram_token(text: str) -> str:
    if not TOKEN.fullmatch(text):
        message = "a bot token looks like 123456:AA…"
        raise argparse.ArgumentTypeError(message)
    return text


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.sandbox", description="YouTube, Telegram, Instagram, Fanvue and CRMs on loopback"
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--demo", action="store_true", help="start with the demo's channels and chats")
    parser.add_argument("--youtube-key", default=SANDBOX_YOUTUBE_KEY)
    parser.add_argument("--telegram-token", type=telegram_token, default=SANDBOX_TELEGRAM_TOKEN)
    parser.add_argument("--instagram-token", default=SANDBOX_INSTAGRAM_TOKEN)
    parser.add_argument("--instagram-user-id", default=SANDBOX_INSTAGRAM_USER_ID)
    parser.add_argument("--fanvue-key", default=SANDBOX_FANVUE_KEY)
    options = parser.parse_args(arguments)
    world = World(
        keys=Keys(
            options.youtube_key,
            options.telegram_token,
            options.instagram_token,
            options.instagram_user_id,
            options.fanvue_key,
        ),
    )
    if options.demo:
        demo.apply(world)
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.getMessage() != DROPPED_ON_PURPOSE)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.run(
            create_app(world),
            host=LOOPBACK,
            port=options.port,
            # An access log would contain bot tokens and keys, which are part of the paths.
            access_log=False,
            log_level="warning",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            ws="none",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )


if __name__ == "__main__":
    main()
