"""The state of the simulated Telegram: chats and memberships, accepted and rejected messages."""

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from local.sandbox.clock import Clock
from local.sandbox.entities import Entity, bot_commands
from local.sandbox.limits import Limits, SendLimits
from local.sandbox.updates import Updates

ChatType = Literal["private", "group", "supergroup", "channel"]
Membership = Literal["member", "absent", "kicked"]

REMEMBERED_MESSAGES = 50_000
BOT_USERNAME = "cairn_sandbox_bot"
PEOPLE = ("Ada", "Bela", "Chidi", "Dana", "Emre", "Freya", "Goro", "Hana", "Imani", "Jonas", "Kofi", "Lena")


class ChatError(Exception):
    """The chat's state does not allow the action."""


@dataclass
class Chat:
    """A chat as the bot sees it. `bot` is `kicked` also when a user has blocked the bot."""

    id: int
    type: ChatType
    title: str
    username: str | None = None
    members: int = 2
    bot: Membership = "member"
    deactivated: bool = False
    migrated_to: int | None = None

    def as_telegram(self) -> dict[str, Any]:
        name = {"first_name": self.title} if self.type == "private" else {"title": self.title}
        username = {"username": self.username} if self.username else {}
        return {"id": self.id, **name, **username, "type": self.type}


@dataclass(frozen=True)
class Sent:
    """An accepted message: `text` as displayed, `source` as the bot sent it, `time` in ms."""

    time: int
    message_id: int
    chat_id: int
    text: str
    source: str
    parse_mode: str | None
    entities: list[Entity]


@dataclass(frozen=True)
class Received:
    """A message to the bot."""

    time: int
    message_id: int
    chat_id: int
    text: str
    sender: str


@dataclass(frozen=True)
class Refused:
    """A rejected message and the bot's response; `status` is None when the connection was dropped."""

    time: int
    method: str
    chat_id: str
    text: str
    status: int | None
    description: str
    retry_after: int | None


@dataclass
class InjectedFailure:
    """A failure of the next Bot API calls; `after_accepting`: the call succeeds, but its response is lost."""

    method: str | None
    status: int | None
    description: str
    times: int
    after_accepting: bool


@dataclass
class Messenger:
    """All chats of the bot, and their messages."""

    clock: Clock
    limits: Limits
    bot_id: int
    updates: Updates
    chats: dict[int, Chat] = field(default_factory=dict)
    sent: deque[Sent] = field(default_factory=lambda: deque(maxlen=REMEMBERED_MESSAGES))
    received: deque[Received] = field(default_factory=lambda: deque(maxlen=REMEMBERED_MESSAGES))
    refused: deque[Refused] = field(default_factory=lambda: deque(maxlen=REMEMBERED_MESSAGES))
    injected_failures: list[InjectedFailure] = field(default_factory=list)
    last_message_id: int = 0

    def __post_init__(self) -> None:
        self.send_limits = SendLimits(self.clock, self.limits)

    def reset(self, limits: Limits) -> None:
        """Delete chats and messages. Ids keep counting, so that none is ever reused."""
        self.limits = limits
        self.send_limits = SendLimits(self.clock, limits)
        self.chats.clear()
        self.sent.clear()
        self.received.clear()
        self.refused.clear()
        self.injected_failures.clear()

    def bot_user(self) -> dict[str, Any]:
        return {"id": self.bot_id, "is_bot": True, "first_name": "Cairn (sandbox)", "username": BOT_USERNAME}

    def next_message_id(self) -> int:
        self.last_message_id += 1
        return self.last_message_id

    def find(self, chat_id: str) -> Chat | None:
        """A chat by its id or `@username`."""
        if chat_id.startswith("@"):
            wanted = chat_id[1:].casefold()
            return next((c for c in self.chats.values() if c.username and c.username.casefold() == wanted), None)
        try:
            return self.chats.get(int(chat_id))
        except ValueError:
            return None

    def put(self, chat_id: int, chat_type: ChatType | None = None, title: str | None = None) -> Chat:
        """The chat of that id, made if there is none; numbers below zero are groups and channels, as in Telegram."""
        chat = self.chats.get(chat_id)
        if chat is None:
            chosen: ChatType = chat_type or (
                "private" if chat_id > 0 else "supergroup" if chat_id < -(10**12) else "group"
            )
            chat = Chat(
                chat_id, chosen, title or f"Chat {chat_id}", bot="absent", members=2 if chosen == "private" else 12
            )
            if chosen == "private" and title is None:
                chat.title = PEOPLE[chat_id % len(PEOPLE)]
            self.chats[chat_id] = chat
        elif chat_type is not None and chat.type != chat_type:
            message = f"chat {chat_id} is a {chat.type}; a chat cannot change its type (a group can migrate)"
            raise ChatError(message)
        if title is not None:
            chat.title = title
        return chat

    def accept(
        self, chat: Chat, text: str, source: str, parse_mode: str | None, entities: list[Entity]
    ) -> dict[str, Any]:
        """Store the bot's message; returns Telegram's Message."""
        now = self.clock.now_ms()
        sent = Sent(now, self.next_message_id(), chat.id, text, source, parse_mode, entities)
        self.sent.append(sent)
        author = {"sender_chat": chat.as_telegram()} if chat.type == "channel" else {"from": self.bot_user()}
        message = {
            "message_id": sent.message_id,
            **author,
            "chat": chat.as_telegram(),
            "date": now // 1000,
            "text": text,
        }
        return {**message, "entities": entities} if entities else message

    def write(
        self, chat_id: int, text: str, chat_type: ChatType | None, title: str | None, sender: str | None
    ) -> dict[str, int]:
        """A user writes in a chat with the bot; returns the ids of the update and the message."""
        chat = self.put(chat_id, chat_type, title)
        if chat.deactivated:
            reason = f"chat {chat_id} is deactivated: no one can write there"
            raise ChatError(reason)
        if chat.migrated_to is not None:
            reason = f"chat {chat_id} was upgraded to supergroup {chat.migrated_to}: write there"
            raise ChatError(reason)
        if chat.bot == "kicked":
            reason = (
                f"the bot is blocked or kicked in chat {chat_id}: POST /control/telegram/chats/{chat_id}/unblock first"
            )
            raise ChatError(reason)
        if chat.bot == "absent":
            if chat.type == "private":
                chat.bot = "member"
            else:
                self.change_membership(chat, "member")
        now = self.clock.now_ms()
        name = sender or (chat.title if chat.type == "private" else PEOPLE[self.last_message_id % len(PEOPLE)])
        received = Received(now, self.next_message_id(), chat.id, text, name)
        self.received.append(received)
        author = {"sender_chat": chat.as_telegram()} if chat.type == "channel" else {"from": self._person(chat, name)}
        message: dict[str, Any] = {"message_id": received.message_id, **author, "chat": chat.as_telegram()}
        message |= {"date": now // 1000, "text": text}
        if commands := bot_commands(text):
            message["entities"] = commands
        kind = "channel_post" if chat.type == "channel" else "message"
        return {"update_id": self.updates.add(kind, message, chat.id), "message_id": received.message_id}

    def change_membership(self, chat: Chat, membership: Membership) -> int | None:
        """Block, remove or readmit the bot; returns the update's id, None when nothing changed."""
        if chat.bot == membership:
            return None
        before, chat.bot = chat.bot, membership
        body = {
            "chat": chat.as_telegram(),
            "from": self._person(chat, chat.title if chat.type == "private" else PEOPLE[0]),
            "date": self.clock.now_ms() // 1000,
            "old_chat_member": self._member(chat, before),
            "new_chat_member": self._member(chat, membership),
        }
        return self.updates.add("my_chat_member", body, chat.id)

    def migrate(self, chat: Chat, to: int | None) -> Chat:
        """Turn a group into a supergroup with another id, with a service message in both chats."""
        if chat.type != "group" or chat.migrated_to is not None:
            migrated = " that has migrated" if chat.migrated_to else ""
            message = f"chat {chat.id} is a {chat.type}{migrated}: only a group can migrate, and only once"
            raise ChatError(message)
        new_id = to if to is not None else -(10**12) - abs(chat.id)
        if new_id in self.chats:
            message = f"chat {new_id} already exists: pass another number in `to`"
            raise ChatError(message)
        new = Chat(new_id, "supergroup", chat.title, chat.username, chat.members, chat.bot)
        self.chats[new_id] = new
        chat.migrated_to = new_id
        if chat.bot == "member":
            date = self.clock.now_ms() // 1000
            for place, notice in ((chat, {"migrate_to_chat_id": new_id}), (new, {"migrate_from_chat_id": chat.id})):
                message_id = self.next_message_id()
                sender = self._person(chat, PEOPLE[0])
                service = {
                    "message_id": message_id,
                    "from": sender,
                    "chat": place.as_telegram(),
                    "date": date,
                    **notice,
                }
                self.updates.add("message", service, place.id)
        return new

    def _person(self, chat: Chat, name: str) -> dict[str, Any]:
        user_id = (
            chat.id if chat.type == "private" else int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
        )
        username = {"username": chat.username} if chat.type == "private" and chat.username else {}
        return {"id": user_id, "is_bot": False, "first_name": name, **username, "language_code": "en"}

    def _member(self, chat: Chat, membership: Membership) -> dict[str, Any]:
        if membership == "kicked":
            return {"user": self.bot_user(), "status": "kicked", "until_date": 0}
        if membership == "absent":
            return {"user": self.bot_user(), "status": "left"}
        if chat.type == "channel":
            rights = dict.fromkeys(CHANNEL_ADMINISTRATOR, True)
            return {
                "user": self.bot_user(),
                "status": "administrator",
                "can_be_edited": False,
                "is_anonymous": False,
                **rights,
            }
        return {"user": self.bot_user(), "status": "member"}


CHANNEL_ADMINISTRATOR = (
    "can_manage_chat",
    "can_change_info",
    "can_post_messages",
    "can_edit_messages",
    "can_delete_messages",
    "can_invite_users",
    "can_restrict_members",
    "can_promote_members",
    "can_manage_video_chats",
)
