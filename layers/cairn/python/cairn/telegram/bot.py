"""The part of the Telegram Bot API that Cairn needs, with its errors as types.

https://core.telegram.org/bots/api#making-requests
"""

from __future__ import annotations

from typing import Any

import httpx

LONGEST_HOLD_SECONDS = 86_400


class TelegramError(Exception):
    """Telegram answered with an error, or did not answer.

    ├── RateLimitedError      429: the whole bot must wait
    ├── ChatGoneError         403 or an unknown chat: it can never be reached again
    ├── ChatMigratedError     the chat has moved to another id
    ├── MessageRejectedError  any other 4xx: the message is wrong
    └── UnavailableError      5xx, no connection, or a wrong token: not accepted, to be retried
        └── InDoubtError      a time-out or a broken connection after sending: perhaps accepted, perhaps not
    """


class RateLimitedError(TelegramError):
    def __init__(self, seconds: int) -> None:
        super().__init__(f"Telegram holds the bot for {seconds} s")
        self.seconds = seconds


class ChatGoneError(TelegramError):
    pass


class ChatMigratedError(TelegramError):
    def __init__(self, chat_id: str) -> None:
        super().__init__(f"the chat has migrated to {chat_id}")
        self.chat_id = chat_id


class MessageRejectedError(TelegramError):
    pass


class UnavailableError(TelegramError):
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
        if not isinstance(answer, dict):
            kind = InDoubtError if response.is_success else UnavailableError
            raise kind(f"{method}: HTTP {response.status_code} with a body that is not a JSON object")
        if answer.get("ok") is True and "result" in answer:
            return answer["result"]
        raise _error(method, response.status_code, answer)


def _error(method: str, status: int, answer: dict[str, Any]) -> TelegramError:
    code, description, parameters = status, str(answer.get("description", "")), answer.get("parameters")
    if isinstance(answer.get("error_code"), int):
        code = answer["error_code"]
    if not isinstance(parameters, dict):
        parameters = {}
    if code == 429:
        seconds = parameters.get("retry_after")
        return RateLimitedError(min(max(seconds, 0), LONGEST_HOLD_SECONDS) if isinstance(seconds, int) else 1)
    if "migrate_to_chat_id" in parameters:
        return ChatMigratedError(str(parameters["migrate_to_chat_id"]))
    if code == 403 or (code == 400 and "chat not found" in description):
        return ChatGoneError(description)
    if 400 <= code < 500 and code not in (401, 404):
        return MessageRejectedError(f"{method}: {code} {description}")
    kind = InDoubtError if 200 <= code < 300 else UnavailableError
    return kind(f"{method}: {code} {description}")
