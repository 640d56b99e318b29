"""Chats, viewers and people who sign in: exported and erased; and what the command says to an operator."""

from __future__ import annotations

import json

import pytest

from cairn.clock import now
from cairn.identity.api_keys import ApiKeys
from cairn.realtime.tickets import Holder, Tickets
from cairn.telegram.subscribers import Subscribers
from operations import __main__ as command
from operations import audit, personal_data
from operations.personal_data import Person, export, purge
from operations.stack import OperationError, Stack
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.mentions import everything, mentions
from testing.operator import operators_stack
from testing.rooms import members, sockets_of

ADA = Holder("ada", "Ada", frozenset({"leaderboard"}))
VIEWER = "viewer-zoe000000000000"


@pytest.fixture
def stack(aws: Cloud) -> Stack:
    aws.people.add("ada", "leaderboard")
    return operators_stack()


def test_how_many_subscribe_stays_right_when_a_chat_is_purged(aws: Cloud, stack: Stack) -> None:
    subscribers = Subscribers(aws.table("AUDIENCE_TABLE"))
    for chat in ("77", "78"):
        subscribers.add(chat, "private", f"Chat {chat}", now())
    purge(stack, "telegram:77", confirmed=True)
    purge(stack, "telegram:77", confirmed=True)
    assert subscribers.count() == 1
    assert subscribers.get("77") is None
    assert subscribers.add("77", "private", "Chat 77", now()), "a chat may come back by itself"


def test_a_purged_person_has_no_account_no_ticket_and_no_name_on_a_socket(
    aws: Cloud, stack: Stack, clock: ControlledClock
) -> None:
    connections, sockets = aws.table("CONNECTIONS_TABLE"), sockets_of(aws)
    ticket = Tickets(connections).issue(ADA, now())
    opened = sockets.open("c1", ADA, now())
    for room in ("user:ada", "tv-display", "channel:demo"):
        sockets.join(opened, room, now())
    content = json.loads(export(stack, "person:ada"))
    assert content["account"]["modules"] == ["leaderboard"]
    assert len(content["tables"]["connections_table"]) >= 4
    purge(stack, "person:ada", confirmed=True)
    assert mentions("ada") == []
    assert json.loads(export(stack, "person:ada"))["account"] is None
    assert Tickets(connections).redeem(ticket, now()) is None
    assert [members(sockets, room) for room in ("user:ada", "tv-display", "everyone")] == [set(), set(), set()]
    assert members(sockets, "channel:demo") == {"c1"}, "anybody may watch a channel"
    left = sockets.get("c1", now(), now())
    assert left
    assert left.holder is None


def test_a_purged_viewer_is_counted_no_more(aws: Cloud, stack: Stack) -> None:
    sockets = sockets_of(aws)
    sockets.join(sockets.open("c1", None, now()), "channel:demo", now(), VIEWER)
    assert {table for table, _ in mentions(VIEWER)} == {"CONNECTIONS_TABLE", "PRESENCE_TABLE"}
    purge(stack, f"viewer:{VIEWER}", confirmed=True)
    assert mentions(VIEWER) == []
    assert members(sockets, "channel:demo") == set()


def test_a_key_with_a_persons_name_is_named_and_left_to_the_operator(aws: Cloud, stack: Stack) -> None:
    keys = ApiKeys(aws.table("AUDIENCE_TABLE"))
    keys.create("ada", {"analytics"}, now())
    (key,) = keys.list()
    assert f"API key {key.id} has the same name: ./cairn keys revoke {key.id}" in purge(
        stack, "person:ada", confirmed=True
    )
    assert keys.list() == [key]


def test_dead_letters_are_named_because_they_may_name_the_person(aws: Cloud, stack: Stack) -> None:
    queue = stack.clients.sqs.create_queue(QueueName="dead")["QueueUrl"]
    stack.clients.sqs.send_message(QueueUrl=queue, MessageBody="{}")
    waiting = Stack("Cairn", stack.clients, {**stack.outputs, "NotifyDeadLettersUrl": queue}, "")
    assert any("NotifyDeadLetters holds 1" in line for line in purge(waiting, "telegram:77", confirmed=True))


def test_nothing_is_erased_without_yes(stack: Stack) -> None:
    def run(*arguments: str) -> str:
        return "\n".join(command._run(command._parser().parse_args(arguments), stack))

    Subscribers(stack.clients.table("audience_table")).add("77", "private", "Chat 77", now())
    before = list(everything())
    assert "--yes" in run("personal-data", "purge", "telegram:77")
    assert list(everything()) == before
    run("personal-data", "purge", "telegram:77", "--yes")
    assert mentions("77") == []
    assert json.loads(run("personal-data", "export", "telegram:77"))["tables"] == {}


@pytest.mark.parametrize("command_line", [["export", "rep:17"], ["purge", "rep:17", "--yes"]])
def test_the_audit_trail_says_whose_data_an_operator_saw_or_erased(command_line: list[str]) -> None:
    options = command._parser().parse_args(["personal-data", *command_line])
    assert options.command not in audit.READS
    assert audit._targets(options) == ["rep:17"]


@pytest.mark.parametrize("text", ["", "rep", "rep:", "rep:x", "rep:²", f"rep:{10**15}", "channel:youtube:UC1", "ada"])
def test_a_person_who_is_not_written_as_one_is_rejected(text: str) -> None:
    with pytest.raises(OperationError, match="a person is written"):
        Person.parse(text)


def test_each_kind_of_person_is_in_the_commands_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["personal-data", "purge", "--help"])
    text = capsys.readouterr().out
    assert all(f"{kind}:" in text for kind in personal_data.KINDS)
