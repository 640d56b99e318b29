"""YouTube, Telegram, Instagram, Fanvue, CRMs on loopback, with their formats, limits, errors, for runs without keys.

`python -m local.sandbox --port 4568` serves them; `GET /` is a web page, `GET /control` lists how a test or a person
can change the simulation. The keys below are its defaults and are valid nowhere else.
"""

from typing import Final

SANDBOX_YOUTUBE_KEY: Final = "sandbox-youtube-key"
SANDBOX_TELEGRAM_TOKEN: Final = "123456:AA-sandbox-bot-token-of-cairn-00000"  # noqa: S105  # not a real one
SANDBOX_INSTAGRAM_TOKEN: Final = "sandbox-instagram-token"  # noqa: S105  # not a real one
SANDBOX_INSTAGRAM_USER_ID: Final = "17841400000000001"
SANDBOX_FANVUE_KEY: Final = "sandbox-fanvue-key"
