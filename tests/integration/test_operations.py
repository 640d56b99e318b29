"""What an operator does, against AWS as moto simulates it."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from operations import __main__ as command
from operations import month, pages, people, platform_secrets, queues
from operations.clients import Clients
from operations.stack import OperationError, Stack, read_local_stack, write_local_stack, write_private

PASSWORD = "Cairn-11111111"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_secrets_other_keys_stay_as_they_are(stack: Stack) -> None:
    platform_secrets.merge(stack, "instagram", {"INSTAGRAM_USER_ID": "1"})
    result = platform_secrets.merge(stack, "instagram", {"INSTAGRAM_ACCESS_TOKEN": "t"})
    assert result == ["INSTAGRAM_ACCESS_TOKEN: set", "INSTAGRAM_USER_ID: set"]
    assert platform_secrets.read(stack, "instagram") == {"INSTAGRAM_USER_ID": "1", "INSTAGRAM_ACCESS_TOKEN": "t"}


@pytest.mark.parametrize(("platform", "name"), [("youtube", "YOUTUBE_KEY"), ("myspace", "KEY")])
def test_a_misspelt_key_or_platform_is_rejected(stack: Stack, platform: str, name: str) -> None:
    with pytest.raises(OperationError):
        platform_secrets.merge(stack, platform, {name: "k"})
    assert platform_secrets.read(stack, "youtube") == {}


def test_a_value_that_is_not_given_is_read_from_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from the pipe\n"))
    assert platform_secrets.parse(["A=1=2", "B"], command._prompt) == {"A": "1=2", "B": "from the pipe"}


def test_dead_letters_are_counted_where_they_lie(stack: Stack) -> None:
    stack.clients.sqs.send_message(QueueUrl=stack.output("NotifyDeadLettersUrl"), MessageBody="{}")
    assert [(queue.name, queue.messages) for queue in queues.dead_letter_queues(stack)] == [
        ("BroadcastDeadLetters", 0),
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
    assert queues.redrive(stack, "NotifyDeadLetters") == "1 messages of NotifyDeadLetters are being moved back"
    assert moved == ["arn:aws:sqs:us-east-1:123456789012:dead"]


def test_in_the_local_cloud_they_are_moved_one_by_one(stack: Stack) -> None:
    local = Clients(boto3.Session(), endpoint_url="https://sqs.us-east-1.amazonaws.com")
    stack.clients.sqs.send_message(QueueUrl=stack.output("NotifyDeadLettersUrl"), MessageBody="alert")
    result = queues.redrive(Stack("Cairn", local, stack.outputs, ""), "NotifyDeadLetters")
    assert result == "1 messages of NotifyDeadLetters moved back"
    (message,) = stack.clients.sqs.receive_message(QueueUrl=stack.output("NotifyQueueUrl"))["Messages"]
    assert message["Body"] == "alert"


@pytest.mark.parametrize("name", ["DetectionFailures", "Nothing"])
def test_what_cannot_be_redriven_is_rejected_with_a_message(stack: Stack, name: str) -> None:
    with pytest.raises(OperationError, match=name):
        queues.redrive(stack, name)


def test_a_local_stack_is_read_as_it_was_written(tmp_path: Path) -> None:
    clients = Clients.of_the_local_cloud("http://127.0.0.1:4566", "of-this-run")
    write_local_stack(tmp_path, Stack("Cairn", clients, {"StatsTable": "t"}, "http://127.0.0.1:4567"))
    stack = read_local_stack(tmp_path)
    assert (stack.name, stack.outputs, stack.api_url) == ("Cairn", {"StatsTable": "t"}, "http://127.0.0.1:4567")
    assert json.loads((tmp_path / "stack.json").read_text())["AwsEndpointUrl"] == stack.clients.endpoint_url
    assert stack.clients.secret == "of-this-run"


def test_files_with_keys_are_their_owners_alone_from_the_first_moment(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text("of an earlier version, which everybody could read")
    file.chmod(0o644)
    (tmp_path / "outputs.json.new").write_text("of a run that was killed")
    before = os.umask(0)
    try:
        write_private(file, {"AdminApiKey": "cairn_x"})
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == {"AdminApiKey": "cairn_x"}
    assert list(tmp_path.iterdir()) == [file]


def test_local_clients_know_nothing_of_this_machines_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    client = Clients.of_the_local_cloud("http://127.0.0.1:4566", "of-this-run").sqs
    assert client.meta.endpoint_url == "http://127.0.0.1:4566"
    assert client.meta.region_name == "us-east-1"


def test_without_a_local_cloud_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--local", "--home", str(tmp_path), "keys", "list"]) == 1
    assert "is the local cloud running?" in capsys.readouterr().err


def test_somebody_who_is_added_can_sign_in_at_once_and_has_their_modules(stack: Stack) -> None:
    assert people.add(stack, "ada", ["leaderboard", "analytics"], PASSWORD) == "ada: analytics, leaderboard"
    pool = stack.output("UserPoolId")
    (user,) = stack.clients.cognito.list_users(UserPoolId=pool)["Users"]
    assert (user["Username"], user["UserStatus"]) == ("ada", "CONFIRMED")
    assert people.table_of_people(stack) == ["NAME  MODULES", "ada   analytics, leaderboard"]


def test_a_module_is_taken_away_as_it_was_given(stack: Stack) -> None:
    people.add(stack, "ada", ["leaderboard"], PASSWORD)
    assert people.set_modules(stack, "ada", ["admin"]) == "ada: admin"
    assert people.set_modules(stack, "ada", []) == "ada: no module"
    assert people.table_of_people(stack)[1] == "ada   no module"


def test_a_new_password_replaces_the_old_one(stack: Stack) -> None:
    people.add(stack, "ada", [], PASSWORD)
    people.set_password(stack, "ada", PASSWORD.replace("1", "2"))
    assert sign_in(stack, "ada", PASSWORD.replace("1", "2"))
    assert not sign_in(stack, "ada", PASSWORD)


def test_somebody_who_is_removed_cannot_sign_in(stack: Stack) -> None:
    people.add(stack, "ada", ["leaderboard"], PASSWORD)
    assert people.remove(stack, "ada") == "removed ada"
    assert not sign_in(stack, "ada", PASSWORD)
    assert people.table_of_people(stack) == ["NAME  MODULES"]


def test_a_password_that_the_pool_rejects_leaves_nobody_behind(stack: Stack) -> None:
    with pytest.raises(OperationError, match="policy"):
        people.add(stack, "ada", ["leaderboard"], "short")
    assert people.table_of_people(stack) == ["NAME  MODULES"]


def test_an_unknown_module_is_rejected_before_anybody_is_created(stack: Stack) -> None:
    with pytest.raises(OperationError, match="Unknown module sales"):
        people.add(stack, "ada", ["sales"], PASSWORD)
    assert people.table_of_people(stack) == ["NAME  MODULES"]


def test_an_error_of_cognito_is_one_line_for_the_operator(stack: Stack) -> None:
    people.add(stack, "ada", [], PASSWORD)
    with pytest.raises(OperationError):  # moto says less than Cognito's "User account already exists"
        people.add(stack, "ada", ["admin"], PASSWORD)
    assert people.table_of_people(stack)[1] == "ada   no module"
    for act in (people.remove, lambda stack, name: people.set_modules(stack, name, ["admin"])):
        with pytest.raises(OperationError, match="does not exist"):
            act(stack, "nobody")


@pytest.fixture
def web(tmp_path: Path) -> Path:
    directory = tmp_path / "web"
    for name in (
        "index.html",
        "tv.html",
        "cairn.js",
        "vendor/confetti.js",
        "vendor/README.md",
        "vendor/inter.woff2",
        "types.d.ts",
    ):
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"the file {name}")
    (directory / ".editor.swp").write_text("not for anybody")
    return directory


def test_a_page_is_found_by_its_name_and_each_file_says_what_it_is(stack: Stack, web: Path) -> None:
    assert published(stack, web) == {
        "index.html": ("text/html; charset=utf-8", "no-cache"),
        "tv": ("text/html; charset=utf-8", "no-cache"),
        "cairn.js": ("text/javascript; charset=utf-8", "no-cache"),
        "vendor/confetti.js": ("text/javascript; charset=utf-8", "no-cache"),
        "vendor/inter.woff2": ("font/woff2", "public, max-age=86400"),
        "api/openapi.json": ("application/json", "no-cache"),
        "api/docs": ("text/html; charset=utf-8", "no-cache"),
    }


def test_what_is_gone_from_the_checkout_goes_from_the_bucket(stack: Stack, web: Path) -> None:
    assert published(stack, web).keys() >= {"tv"}
    (web / "tv.html").unlink()
    assert "tv" not in published(stack, web)


def test_pages_are_uploaded_after_the_modules_that_they_load(web: Path) -> None:
    keys = [page.key for page in pages.pages(web)]
    assert keys[-2:] == ["index.html", "tv"]


def test_a_file_of_unknown_type_is_rejected_before_anything_is_uploaded(stack: Stack, web: Path) -> None:
    (web / "movie.avi").write_text("")
    with pytest.raises(OperationError, match=r"movie\.avi"):
        published(stack, web)
    assert "Contents" not in stack.clients.s3.list_objects_v2(Bucket="pages")


def test_every_file_of_the_checkout_can_be_published() -> None:
    keys = [page.key for page in pages.pages()]
    assert len(set(keys)) == len(keys) > 0
    assert "index.html" in keys


def test_only_in_aws_is_there_a_cache_to_invalidate(stack: Stack, web: Path) -> None:
    requested = invalidations(stack)
    pages.publish(stack, web)
    assert requested == [("E1", ["/*"])]
    local = Clients(boto3.Session(), endpoint_url="https://s3.us-east-1.amazonaws.com")
    pages.publish(Stack("Cairn", local, stack.outputs, ""), web)
    assert len(requested) == 1


def test_a_message_of_a_queue_in_order_is_moved_back_into_its_group(stack: Stack) -> None:
    local = Clients(boto3.Session(), endpoint_url="https://sqs.us-east-1.amazonaws.com")
    sqs = stack.clients.sqs
    for queue in ("BroadcastQueueUrl", "BroadcastDeadLettersUrl"):
        order: Any = {"MessageGroupId": "tv-display", "MessageDeduplicationId": "one"}
        sqs.send_message(QueueUrl=stack.output(queue), MessageBody="event", **order)
    (taken,) = sqs.receive_message(QueueUrl=stack.output("BroadcastQueueUrl"))["Messages"]
    sqs.delete_message(QueueUrl=stack.output("BroadcastQueueUrl"), ReceiptHandle=taken["ReceiptHandle"])
    result = queues.redrive(Stack("Cairn", local, stack.outputs, ""), "BroadcastDeadLetters")
    assert result == "1 messages of BroadcastDeadLetters moved back"
    (message,) = sqs.receive_message(
        QueueUrl=stack.output("BroadcastQueueUrl"), MessageSystemAttributeNames=["MessageGroupId"]
    )["Messages"]
    assert (message["Body"], message["Attributes"]["MessageGroupId"]) == ("event", "tv-display")


@pytest.mark.parametrize(
    ("answer", "result"),
    [({}, 'rolled over: {"turned": 3}'), ({"FunctionError": "Unhandled"}, "could not be rolled over")],
)
def test_the_month_is_rolled_over_by_the_function_that_the_schedule_starts(
    stack: Stack, answer: dict[str, str], result: str
) -> None:
    invoked: list[tuple[str, object]] = []

    def invoke(params: dict[str, Any], **_: object) -> None:
        invoked.append((params["FunctionName"], json.loads(params["Payload"])))

    events: Any = stack.clients.functions.meta.events
    events.register("provide-client-params.lambda.Invoke", invoke)
    body = {"Payload": io.BytesIO(b'{"turned": 3}'), **answer}
    events.register("before-call.lambda.Invoke", lambda **_: (SimpleNamespace(status_code=200), body))
    if answer:
        with pytest.raises(OperationError, match=result):
            month.roll_over(stack)
    else:
        assert month.roll_over(stack) == result
    assert invoked == [("month_rollover", {"source": "operator"})]


def sign_in(stack: Stack, name: str, password: str) -> bool:
    """Whether Cognito accepts this name and password."""
    try:
        stack.clients.cognito.admin_initiate_auth(
            UserPoolId=stack.output("UserPoolId"),
            ClientId=stack.output("UserPoolClientId"),
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": password},
        )
    except ClientError:
        return False
    return True


def published(stack: Stack, web: Path) -> dict[str, tuple[str, str]]:
    """What is in the bucket after the pages were published: types and cache headers."""
    invalidations(stack)
    pages.publish(stack, web)
    s3 = stack.clients.s3
    heads = {
        item["Key"]: s3.head_object(Bucket="pages", Key=item["Key"])
        for item in s3.list_objects_v2(Bucket="pages")["Contents"]
    }
    return {key: (head["ContentType"], head["CacheControl"]) for key, head in heads.items()}


def invalidations(stack: Stack) -> list[tuple[str, list[str]]]:
    """The invalidations that CloudFront is asked for from now on."""
    requested: list[tuple[str, list[str]]] = []

    def note(params: dict[str, Any], **_: object) -> None:
        requested.append((params["DistributionId"], params["InvalidationBatch"]["Paths"]["Items"]))

    events = stack.clients.cloudfront.meta.events
    events.register("provide-client-params.cloudfront.CreateInvalidation", note)
    events.register("before-call.cloudfront.CreateInvalidation", lambda **_: (SimpleNamespace(status_code=201), {}))
    return requested
