"""What an operator does, against AWS as moto plays it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cairn.api_keys import ApiKeys
from cairn.errors import BadInputError, ConflictError, NotFoundError
from operations import __main__ as command
from operations import keys, platform_secrets, queues
from operations.clients import Clients
from operations.stack import OperationError, Stack, read_local_stack, write_local_stack

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A stack with the parts that operators touch."""
    with mock_aws():
        clients = Clients.of_the_account()
        table = clients.dynamodb.create_table(
            TableName="audience",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        secret = clients.secretsmanager.create_secret(Name="youtube", SecretString="{}")
        instagram = clients.secretsmanager.create_secret(Name="instagram", SecretString="{}")
        dead = clients.sqs.create_queue(QueueName="dead")["QueueUrl"]
        notify = clients.sqs.create_queue(QueueName="notify")["QueueUrl"]
        failures = clients.sqs.create_queue(QueueName="failures")["QueueUrl"]
        outputs = {
            "AudienceTable": table.name,
            "YoutubeSecret": secret["ARN"],
            "InstagramSecret": instagram["ARN"],
            "NotifyQueueUrl": notify,
            "NotifyDeadLettersUrl": dead,
            "DetectionFailuresUrl": failures,
        }
        yield Stack("Cairn", clients, outputs, "https://d1.cloudfront.net")


@pytest.fixture
def api_keys(stack: Stack) -> ApiKeys:
    return ApiKeys(stack.clients.table("audience"))


def test_a_key_is_found_by_itself_with_its_scopes(api_keys: ApiKeys) -> None:
    plaintext = api_keys.create("importer", {"ingest", "analytics"}, NOON)
    assert plaintext.startswith("cairn_")
    assert len(plaintext) == len("cairn_") + 43
    found = api_keys.find(plaintext)
    assert found is not None
    assert (found.name, found.created_at) == ("importer", NOON)
    assert found.scopes == {"ingest", "analytics"}
    assert plaintext.endswith(found.hint)


def test_the_table_does_not_hold_the_key(api_keys: ApiKeys, stack: Stack) -> None:
    plaintext = api_keys.create("importer", {"ingest"}, NOON)
    (item,) = stack.clients.table("audience").scan()["Items"]
    assert plaintext.removeprefix("cairn_") not in str(item)


@pytest.mark.parametrize(
    "plaintext", ["", "cairn_", "cairn_unknown", "Bearer x", "cairn_" + "x" * 10_000, "cairn_\ud800"]
)
def test_what_was_never_made_is_no_key(api_keys: ApiKeys, plaintext: str) -> None:
    assert api_keys.find(plaintext) is None


def test_a_revoked_key_is_found_no_more(api_keys: ApiKeys) -> None:
    plaintext = api_keys.create("importer", {"ingest"}, NOON)
    api_keys.revoke("importer")
    assert api_keys.find(plaintext) is None
    assert api_keys.list() == []


def test_of_two_keys_with_one_name_only_the_one_that_is_meant_is_revoked(api_keys: ApiKeys) -> None:
    old, new = (api_keys.create("importer", {"ingest"}, NOON) for _ in range(2))
    with pytest.raises(ConflictError, match="by its id"):
        api_keys.revoke("importer")
    found = api_keys.find(old)
    assert found is not None
    api_keys.revoke(found.id)
    assert api_keys.find(old) is None
    assert api_keys.find(new) is not None


def test_a_key_that_does_not_exist_cannot_be_revoked(api_keys: ApiKeys) -> None:
    with pytest.raises(NotFoundError, match="'nobody'"):
        api_keys.revoke("nobody")


@pytest.mark.parametrize(("name", "scopes"), [("a", {"root"}), ("a", set()), ("", {"admin"}), ("x" * 101, {"admin"})])
def test_a_key_without_sense_is_refused_and_not_made(api_keys: ApiKeys, name: str, scopes: set[str]) -> None:
    with pytest.raises(BadInputError):
        api_keys.create(name, scopes, NOON)
    assert api_keys.list() == []


def test_keys_are_listed_by_what_may_be_shown_of_them(stack: Stack) -> None:
    plaintext = keys.create(stack, "importer", "ingest, analytics")
    titles, line = keys.table_of_keys(stack)
    assert titles.split() == ["ID", "NAME", "ENDS", "IN", "MADE", "SCOPES"]
    assert "analytics,ingest" in line
    assert plaintext not in line


def test_a_secrets_other_keys_stay_as_they_are(stack: Stack) -> None:
    platform_secrets.merge(stack, "instagram", {"INSTAGRAM_USER_ID": "1"})
    said = platform_secrets.merge(stack, "instagram", {"INSTAGRAM_ACCESS_TOKEN": "t"})
    assert said == ["INSTAGRAM_ACCESS_TOKEN: set", "INSTAGRAM_USER_ID: set"]
    assert platform_secrets.read(stack, "instagram") == {"INSTAGRAM_USER_ID": "1", "INSTAGRAM_ACCESS_TOKEN": "t"}


@pytest.mark.parametrize(("platform", "name"), [("youtube", "YOUTUBE_KEY"), ("myspace", "KEY")])
def test_a_misspelt_key_or_platform_is_refused(stack: Stack, platform: str, name: str) -> None:
    with pytest.raises(OperationError):
        platform_secrets.merge(stack, platform, {name: "k"})
    assert platform_secrets.read(stack, "youtube") == {}


def test_a_value_that_is_not_given_is_read_from_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from the pipe\n"))
    assert platform_secrets.parse(["A=1=2", "B"], command._ask) == {"A": "1=2", "B": "from the pipe"}


def test_dead_letters_are_counted_where_they_lie(stack: Stack) -> None:
    stack.clients.sqs.send_message(QueueUrl=stack.output("NotifyDeadLettersUrl"), MessageBody="{}")
    assert [(queue.name, queue.messages) for queue in queues.dead_letter_queues(stack)] == [
        ("DetectionFailures", 0),
        ("NotifyDeadLetters", 1),
    ]


def test_in_aws_sqs_moves_dead_letters_back(stack: Stack) -> None:
    sqs = stack.clients.sqs
    sqs.send_message(QueueUrl=stack.output("NotifyDeadLettersUrl"), MessageBody="alert")
    moved: list[str] = []

    # moto does not know StartMessageMoveTask.
    def note(params: dict[str, str], **_: object) -> None:
        moved.append(params["SourceArn"])

    events: Any = sqs.meta.events
    events.register("provide-client-params.sqs.StartMessageMoveTask", note)
    events.register("before-call.sqs.StartMessageMoveTask", lambda **_: (SimpleNamespace(status_code=200), {}))
    assert queues.redrive(stack, "NotifyDeadLetters") == "1 messages of NotifyDeadLetters are on their way back"
    assert moved == ["arn:aws:sqs:us-east-1:123456789012:dead"]


def test_in_the_local_cloud_they_are_moved_one_by_one(stack: Stack) -> None:
    local = Clients(boto3.Session(), endpoint_url="https://sqs.us-east-1.amazonaws.com")
    stack.clients.sqs.send_message(QueueUrl=stack.output("NotifyDeadLettersUrl"), MessageBody="alert")
    said = queues.redrive(Stack("Cairn", local, stack.outputs, ""), "NotifyDeadLetters")
    assert said == "1 messages of NotifyDeadLetters moved back"
    (message,) = stack.clients.sqs.receive_message(QueueUrl=stack.output("NotifyQueueUrl"))["Messages"]
    assert message["Body"] == "alert"


@pytest.mark.parametrize("name", ["DetectionFailures", "Nothing"])
def test_what_cannot_be_redriven_is_refused_in_words(stack: Stack, name: str) -> None:
    with pytest.raises(OperationError, match=name):
        queues.redrive(stack, name)


def test_a_local_stack_is_read_as_it_was_written(tmp_path: Path) -> None:
    clients = Clients.of_the_local_cloud("http://127.0.0.1:4566")
    write_local_stack(tmp_path, Stack("Cairn", clients, {"StatsTable": "t"}, "http://127.0.0.1:4567"))
    stack = read_local_stack(tmp_path)
    assert (stack.name, stack.outputs, stack.api_url) == ("Cairn", {"StatsTable": "t"}, "http://127.0.0.1:4567")
    assert json.loads((tmp_path / "stack.json").read_text())["AwsEndpointUrl"] == stack.clients.endpoint_url


def test_local_clients_know_nothing_of_this_machines_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    client = Clients.of_the_local_cloud("http://127.0.0.1:4566").sqs
    assert client.meta.endpoint_url == "http://127.0.0.1:4566"
    assert client.meta.region_name == "us-east-1"


def test_without_a_local_cloud_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--local", "--home", str(tmp_path), "keys", "list"]) == 1
    assert "is the local cloud running?" in capsys.readouterr().err
