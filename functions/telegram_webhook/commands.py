"""Parses Telegram's updates into requests: pure, and accepts anything, because anybody may write to a bot.

https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COMMANDS = ("start", "stop", "status", "help")
_REMOVED = ("left", "kicked")


@dataclass(frozen=True, slots=True)
class Chat:
    """Where a request came from. `type` is private, group, supergroup or channel."""

    id: str
    type: str
    title: str


@dataclass(frozen=True, slots=True)
class Command:
    """One of `COMMANDS`; in a private chat, any other text counts as `help`."""

    name: str
    chat: Chat


@dataclass(frozen=True, slots=True)
class Removed:
    """The bot was blocked, kicked or removed."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class Migrated:
    """A group became a supergroup, with a new id."""

    chat: Chat
    to: str


Request = Command | Removed | Migrated


def parse(update: object) -> Request | None:
    """The request in an update, which may be any JSON; None when there is none."""
    body = _mapping(update)
    member = _mapping(body.get("my_chat_member"))
    if member:
        chat = _chat(member)
        status = _mapping(member.get("new_chat_member")).get("status")
        return Removed(chat) if chat and status in _REMOVED else None
    message = _mapping(body.get("message")) or _mapping(body.get("channel_post"))
    chat = _chat(message)
    if chat is None:
        return None
    to = message.get("migrate_to_chat_id")
    if _is_chat_id(to):
        return Migrated(chat, str(to))
    text = message.get("text")
    if not isinstance(text, str):
        return None
    word = text.split(maxsplit=1)[0] if text.strip() else ""
    name = word.removeprefix("/").partition("@")[0].lower() if word.startswith("/") else ""
    if name in COMMANDS:
        return Command(name, chat)
    return Command("help", chat) if chat.type == "private" else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _chat(message: Mapping[str, Any]) -> Chat | None:
    chat = _mapping(message.get("chat"))
    chat_id, kind = chat.get("id"), chat.get("type")
    if not _is_chat_id(chat_id) or not isinstance(kind, str):
        return None
    title = chat.get("title") or chat.get("username") or chat.get("first_name") or ""
    return Chat(str(chat_id), _storable(kind[:20]), _storable(str(title)[:256]))


def _is_chat_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _storable(text: str) -> str:
    """JSON may contain unpaired surrogates, which no table accepts."""
    return text.encode(errors="replace").decode()
