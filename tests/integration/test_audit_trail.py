"""`./cairn audit`: what operators ask the audit trail, and what their own commands leave in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cairn import audit as trail
from cairn.audit import Actor
from cairn.clock import now, to_millis
from cairn.errors import NotFoundError
from operations import __main__ as command
from operations import audit
from operations.clients import Clients
from operations.stack import OperationError, Stack
from testing.dynamodb import empty_account

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA = Actor("person", "ada", "Ada Lovelace")
IMPORTER = Actor("key", "0123456789ab", "importer")


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A stack with log groups, and a table for keys."""
    with empty_account():
        clients = Clients.of_the_account()
        for name in ("api", "telegram", "operations"):
            clients.logs.create_log_group(logGroupName=name)
        queue = clients.sqs.create_queue(QueueName="broadcast.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        for table in ("audience", "keys", "sessions"):
            clients.dynamodb.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                AttributeDefinitions=[
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
                BillingMode="PAY_PER_REQUEST",
            )
        outputs = {
            "ApiLogGroup": "api",
            "TelegramWebhookLogGroup": "telegram",
            "OperationsLogGroup": "operations",
            "AudienceTable": "audience",
            "KeysTable": "keys",
            "SessionsTable": "sessions",
            "BroadcastQueueUrl": queue,
        }
        yield Stack("Cairn", clients, outputs, "https://d1.cloudfront.net")


def written(stack: Stack, group: str, at: datetime, line: object) -> None:
    """As Lambda writes a function's output."""
    stream = f"{group}-{at.isoformat()}".replace(":", ".")
    stack.clients.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    message = line if isinstance(line, str) else json.dumps(line)
    stack.clients.logs.put_log_events(
        logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": to_millis(at), "message": message}]
    )


def changed(stack: Stack, minutes_ago: int, actor: Actor, action: str, *targets: str, outcome: Any = "done") -> None:
    line = {"level": "INFO", **trail.line(action, actor, outcome, address="203.0.113.7", targets=targets)}
    written(stack, "api", now() - timedelta(minutes=minutes_ago), line)


def ask(stack: Stack, *options: str) -> list[list[str]]:
    """The rows without their instants, split into cells."""
    _, *rows = command._recorded(command._parser().parse_args(["audit", *options]), stack)
    return [[cell.strip() for cell in row.split("  ") if cell.strip()][1:] for row in rows]


def do(stack: Stack, *arguments: str) -> list[str]:
    return command._recorded(command._parser().parse_args(list(arguments)), stack)


def test_who_changed_a_rep_is_one_question(stack: Stack) -> None:
    changed(stack, 30, ADA, "PATCH /api/leaderboard/sales-reps/{rep_id}", "rep:17")
    changed(stack, 20, IMPORTER, "POST /api/leaderboard/bulk-update", "rep:16", "rep:17")
    changed(stack, 10, IMPORTER, "POST /api/leaderboard/bulk-update", "rep:171")
    rows = ask(stack, "--target", "rep:17")
    assert [row[0] for row in rows] == ["person Ada Lovelace", "key importer"]
    assert [row[1] for row in rows] == ["203.0.113.7", "203.0.113.7"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), 4),
        (("--who", "ada"), 1),
        (("--who", "ada *"), 1),
        (("--who", "person"), 1),
        (("--who", "ANONYMOUS"), 2),
        (("--what", "sign in"), 2),
        (("--what", "patch *"), 1),
        (("--outcome", "refused"), 2),
        (("--target", "person:*"), 2),
        (("--target", "person:*", "--outcome", "done"), 0),
        (("--since", "2h"), 3),
        (("--since", "90m"), 3),
        (("--since", "7d"), 5),
        (("--since", "2026-11-20"), 5),
    ],
)
def test_lines_are_found_by_who_what_target_outcome_and_time(
    stack: Stack, options: tuple[str, ...], found: int
) -> None:
    changed(stack, 2 * 24 * 60, IMPORTER, "POST /api/sync")
    changed(stack, 180, IMPORTER, "POST /api/sync")
    changed(stack, 60, ADA, "PATCH /api/leaderboard/sales-reps/{rep_id}", "rep:17")
    for minutes_ago in (50, 40):
        changed(stack, minutes_ago, trail.ANONYMOUS, "sign in", "person:ada", outcome="refused")
    assert len(ask(stack, *options)) == found


def test_lines_of_all_functions_are_in_the_order_of_time(stack: Stack) -> None:
    telegram = trail.line("subscribe", Actor("telegram", "77"), "done", address="149.154.160.1")
    written(stack, "telegram", now() - timedelta(minutes=5), telegram)
    changed(stack, 9, ADA, "sign in")
    changed(stack, 1, ADA, "sign out")
    assert [row[2] for row in ask(stack)] == ["sign in", "subscribe", "sign out"]


def test_other_lines_of_a_log_are_no_part_of_the_trail(stack: Stack) -> None:
    for line in ("START RequestId: 1", '{"audit": false, "message": "x"}', '{"message": "audit"}', "[1]", "{"):
        written(stack, "api", now() - timedelta(seconds=len(line)), line)
    assert ask(stack) == []


def test_what_somebody_typed_does_not_reach_the_terminal_as_it_is(stack: Stack) -> None:
    forged = trail.line("sign in", trail.ANONYMOUS, "refused", address="203.0.113.7") | {"targets": ["a\x1b[2J\nb"]}
    written(stack, "api", now(), forged)
    text = "\n".join(do(stack, "audit"))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2


@pytest.mark.parametrize("text", ["yesterday", "5", "-1h", "1w", "2026-13-01", ""])
def test_a_time_that_is_none_is_rejected(text: str) -> None:
    with pytest.raises(OperationError, match="--since"):
        audit.since(text, NOON)


def test_a_stack_of_an_older_version_keeps_no_trail(stack: Stack) -> None:
    older = Stack("Cairn", stack.clients, {}, "")
    with pytest.raises(OperationError, match="older version"):
        do(older, "audit")


# -- what operators do


def test_an_operators_command_is_recorded_with_who_gave_it_and_no_secret(stack: Stack) -> None:
    (key,) = do(stack, "keys", "create", "--name", "importer", "--scopes", "ingest")
    do(stack, "keys", "revoke", "importer")
    do(stack, "keys", "list")
    rows = ask(stack, "--who", "operator")
    assert [(row[2], row[3], row[4]) for row in rows] == [
        ("keys create", "done", "key:importer"),
        ("keys revoke", "done", "key:importer"),
    ]
    assert "arn:aws:" in rows[0][0]
    logged = stack.clients.logs.filter_log_events(logGroupName="operations")["events"]
    assert key not in str(logged)


def test_a_command_that_fails_is_recorded_as_failed(stack: Stack) -> None:
    with pytest.raises(NotFoundError):
        do(stack, "keys", "revoke", "nobody")
    ((_, _, action, outcome, target),) = ask(stack, "--outcome", "failed")
    assert (action, outcome, target) == ("keys revoke", "failed", "key:nobody")


def test_a_password_never_reaches_the_trail() -> None:
    options = command._parser().parse_args(["people", "add", "ada", "--password", "swordfish"])
    assert audit._targets(options) == ["person:ada"]
    options = command._parser().parse_args(["secrets", "set", "youtube", "YOUTUBE_API_KEY=swordfish"])
    assert audit._targets(options) == ["youtube"]


def test_a_command_that_cannot_be_recorded_is_done_and_says_so(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    without = Stack("Cairn", stack.clients, {**stack.outputs, "OperationsLogGroup": "gone"}, "")
    assert do(without, "keys", "create", "--name", "importer", "--scopes", "ingest")[0].startswith("cairn_")
    assert "not in the audit trail" in capsys.readouterr().err


def test_only_commands_that_change_nothing_are_left_out() -> None:
    """Those whose last word says that they show something."""
    assert {name.split()[-1] for name in audit.READS} <= {
        "list",
        "queues",
        "audit",
        "suspended",
        "settings",
        "history",
        "endpoints",
    }
