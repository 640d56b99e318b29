"""The part of the Telegram Bot API that Cairn needs, with its errors as types.

https://core.telegram.org/bots/api#making-requests
"""

from __future__ import annotations

from typing import Any

import httpx

LONGEST_HOLD_SECONDS = 86_400


class TelegramError(Exception):
    """Telegram answered with an error, or did not answer.

    ├── RateLimitedError      429: the chat, or the whole bot, must wait
    ├── ChatMigratedError     the chat has moved to another id
    ├── RefusedError          Telegram does not accept this message for this chat
    │   └── ChatGoneError     it says that the bot can no longer reach the chat
    └── UnavailableError      5xx, no connection, or an answer that is not Telegram's: not accepted, to be retried
        ├── BotRefusedError   a wrong token: no chat can be reached
        └── InDoubtError      a time-out or a broken connection after sending: perhaps accepted, perhaps not
    """


class RateLimitedError(TelegramError):
    def __init__(self, seconds: int) -> None:
        super().__init__(f"Telegram asks to wait {seconds} s")
        self.seconds = seconds


class ChatMigratedError(TelegramError):
    def __init__(self, chat_id: str) -> None:
        super().__init__(f"the chat has migrated to {chat_id}")
        self.chat_id = chat_id


class RefusedError(TelegramError):
    pass


class ChatGoneError(RefusedError):
    pass


class UnavailableError(TelegramError):
    pass


class BotRefusedError(UnavailableError):
    pass


class InDoubtError(UnavailableError):
    pass


TIMEOUT = httpx.Timeout(20.0, connect=2.0)
"""Long, because after a time-out it is unknown whether Telegram accepted the message."""


class Bot:
    """One bot. `url` is the API's base, without `/bot<token>`; the token never reaches a log or an error."""

    def __init__(self, http: httpx.Client, url: str, token: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._token = token

    def send_message(self, chat_id: str, text: str) -> None:
        """Send HTML text of 1 to 4,096 characters."""
        self.call(
            "sendMessage", chat_id=chat_id, text=text, parse_mode="HTML", link_preview_options={"is_disabled": True}
        )

    def chat_id_of(self, name: str) -> str:
        """The id of a public chat's `@name`."""
        chat = self.call("getChat", chat_id=name)
        if isinstance(chat, dict) and type(chat.get("id")) is int:
            return str(chat["id"])
        raise UnavailableError("getChat: a chat without an id")

    def call(self, method: str, **parameters: object) -> Any:
        """The result of a method; raises a TelegramError when it fails."""
        try:
            response = self._http.post(f"{self._url}/bot{self._token}/{method}", json=parameters, timeout=TIMEOUT)
            answer = response.json()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL) as error:
            raise UnavailableError(f"{method}: {type(error).__name__}") from None
        except httpx.HTTPError as error:
            raise InDoubtError(f"{method}: {type(error).__name__}") from None
        except ValueError:
            answer = None
        if isinstance(answer, dict) and answer.get("ok") is True and "result" in answer:
            return answer["result"]
        if not _is_error(answer):
            kind = InDoubtError if response.is_success else UnavailableError
            raise kind(f"{method}: HTTP {response.status_code} with a body that is not Telegram's")
        raise _error(method, answer)


def _is_error(answer: object) -> bool:
    """Whether it is an error of Telegram's, and not a proxy's that stands before it.

    https://core.telegram.org/bots/api#making-requests
    """
    return (
        isinstance(answer, dict)
        and answer.get("ok") is False
        and type(answer.get("error_code")) is int
        and isinstance(answer.get("description"), str)
    )


_GONE = (
    "bot was blocked",
    "bot was kicked",
    "user is deactivated",
    "chat was deleted",
    "bot is not a member",
    "bot can't initiate conversation",
)
"""What Telegram writes in a 403 when the bot cannot reach a chat; other 403s are about the bot's rights in it.

https://github.com/TelegramBotAPI/errors
"""
_NOT_ACCEPTED = (408, 409)
"""Answers of a busy server: the message was not accepted, and may be sent again."""


def _error(method: str, answer: dict[str, Any]) -> TelegramError:
    code, description, parameters = answer["error_code"], answer["description"], answer.get("parameters")
    if not isinstance(parameters, dict):
        parameters = {}
    if code == 429:
        seconds = parameters.get("retry_after")
        return RateLimitedError(min(max(seconds, 0), LONGEST_HOLD_SECONDS) if isinstance(seconds, int) else 1)
    if "migrate_to_chat_id" in parameters:
        return ChatMigratedError(str(parameters["migrate_to_chat_id"]))
    reason = f"{method}: {code} {description}"
    if code in (401, 404):
        return BotRefusedError(reason)
    if (code == 403 and any(gone in description for gone in _GONE)) or (
        code == 400 and "chat not found" in description
    ):
        return ChatGoneError(description)
    if 400 <= code < 500 and code not in _NOT_ACCEPTED:
        return RefusedError(reason)
    return InDoubtError(reason) if 200 <= code < 300 else UnavailableError(reason)
