"""YouTube, Telegram and Instagram on loopback, with their shapes, limits and refusals: Cairn without keys.

`python -m local.sandbox --port 4568` serves them; `GET /` is a page for people, `GET /control` lists what
a test or a person can do to the world. The keys below are those it takes when given no others; they open nothing else.
"""

from typing import Final

SANDBOX_YOUTUBE_KEY: Final = "sandbox-youtube-key"
SANDBOX_TELEGRAM_TOKEN: Final = "123456:AA-sandbox-bot-token-of-cairn-00000"  # noqa: S105  # made up
SANDBOX_INSTAGRAM_TOKEN: Final = "sandbox-instagram-token"  # noqa: S105  # made up
SANDBOX_INSTAGRAM_USER_ID: Final = "17841400000000001"
