"""Anybody may write anything to a bot: commands are found, and nothing else causes an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.telegram_webhook.commands import COMMANDS, Chat, Command, Migrated, Removed, parse

PRIVATE = {"id": 77, "type": "private", "first_name": "Ada"}
GROUP = {"id": -5, "type": "group", "title": "Cat friends"}


def message(text: object, chat: dict[str, Any] = PRIVATE, kind: str = "message", **more: object) -> dict[str, Any]:
    return {"update_id": 1, kind: {"message_id": 1, "date": 1, "chat": chat, "text": text} | more}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "form", ["/{}", "/{} any text after it", "/{}@cairn_bot", "/{}@cairn_bot more", "/{}\nmore", " /{} "]
)
def test_a_command_is_recognised_by_its_first_word(name: str, form: str) -> None:
    assert parse(message(form.format(name))) == Command(name, Chat("77", "private", "Ada"))
    assert parse(message(form.format(name.upper()), GROUP)) == Command(name, Chat("-5", "group", "Cat friends"))


@pytest.mark.parametrize(
    "text", ["hello", "start", "/begin", "", "/", "  ", "/startle", "//start", "/ start", "@start"]
)
def test_other_text_asks_for_help_in_a_private_chat_and_for_nothing_in_a_group(text: str) -> None:
    assert parse(message(text)) == Command("help", Chat("77", "private", "Ada"))
    assert parse(message(text, GROUP)) is None


def test_a_channel_subscribes_by_a_post() -> None:
    channel = {"id": -1001, "type": "channel", "title": "News"}
    assert parse(message("/start", channel, "channel_post")) == Command("start", Chat("-1001", "channel", "News"))
    assert parse(message("hello", channel, "channel_post")) is None


@pytest.mark.parametrize("status", ["left", "kicked"])
def test_a_bot_that_was_kicked_is_removed(status: str) -> None:
    update = {"update_id": 1, "my_chat_member": {"chat": GROUP, "new_chat_member": {"status": status}}}
    assert parse(update) == Removed(Chat("-5", "group", "Cat friends"))


@pytest.mark.parametrize("status", ["member", "administrator", "restricted", None, 5])
def test_a_bot_that_was_added_waits_for_a_command(status: object) -> None:
    assert parse({"my_chat_member": {"chat": GROUP, "new_chat_member": {"status": status}}}) is None


def test_a_group_that_became_a_supergroup_has_migrated() -> None:
    update = message(None, GROUP, migrate_to_chat_id=-1007)
    assert parse(update) == Migrated(Chat("-5", "group", "Cat friends"), "-1007")


@pytest.mark.parametrize("to", [True, "7", 2**63, 1.5, None, {}])
def test_a_migration_to_nowhere_is_none(to: object) -> None:
    assert not isinstance(parse(message(None, GROUP, migrate_to_chat_id=to)), Migrated)


@pytest.mark.parametrize("chat", [None, {}, [], "77", {"id": "77", "type": "private"}, {"id": True, "type": "private"}])
def test_a_message_without_a_proper_chat_asks_for_nothing(chat: Any) -> None:
    assert parse(message("/start", chat)) is None


@pytest.mark.parametrize("kind", ["edited_message", "edited_channel_post", "inline_query", "callback_query"])
def test_other_updates_ask_for_nothing(kind: str) -> None:
    assert parse(message("/start", kind=kind)) is None


def test_a_title_of_half_characters_can_be_stored() -> None:
    request = parse(message("/start", {"id": 1, "type": "gr\ud800up", "title": "\ud83d cats"}))
    assert isinstance(request, Command)
    request.chat.title.encode()
    request.chat.type.encode()


words = st.sampled_from(
    (
        *("message", "channel_post", "my_chat_member", "chat", "id", "type", "text", "title", "new_chat_member"),
        *("status", "migrate_to_chat_id", "update_id", "private", "kicked", "/start", "/stop@x", "/"),
    )
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=3), inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_no_json_makes_it_fail(update: object) -> None:
    parse(update)


chats = st.fixed_dictionaries({"id": st.integers(-(2**70), 2**70)}, optional={"type": anything, "title": anything})
updates = st.fixed_dictionaries(
    {},
    optional={
        kind: st.fixed_dictionaries(
            {"chat": chats | anything}, optional={"text": anything, "new_chat_member": anything}
        )
        for kind in ("message", "channel_post", "my_chat_member")
    },
)


@settings(max_examples=60, deadline=None)
@given(updates)
def test_whatever_it_finds_can_be_stored(update: object) -> None:
    request = parse(update)
    if request:
        assert len(request.chat.title) <= 256
        assert abs(int(request.chat.id)) < 2**63
        (request.chat.title + request.chat.type).encode()
