"""`make undo`: nothing in use is deleted without the stack's name, and whatever it begins it can continue."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from operations.deployment.undo import KINDS, Undo
from operations.stack import OperationError
from testing.deployment import FakeClients, FakeConsole, create_stack, target

Run = Callable[..., FakeConsole]


@pytest.fixture
def undo(clients: FakeClients) -> Run:
    """Runs it, and answers what it said."""

    def run(
        *answers: str, interactive: bool = True, console: FakeConsole | None = None, **options: object
    ) -> FakeConsole:
        said = console or FakeConsole(*answers, interactive=interactive)
        arguments: dict[str, object] = {"before": lambda: said.say("(recorded)"), **options}
        Undo(target(), clients, said).run(**arguments)  # type: ignore[arg-type]  # a test's options
        return said

    return run


def test_a_failed_first_deployment_is_deleted_without_a_question(undo: Run, clients: FakeClients) -> None:
    create_stack(clients, "Cairn", fails_because="Your account must be verified.")
    console = undo()
    assert "CdnDistribution: Your account must be verified." in console.text
    assert "Nothing is left of it. make deploy tries again." in console.text
    assert clients.cloudformation.stacks[0].deleted
    assert left(clients) == set()


def test_a_failed_first_deployment_of_version_0_1_0_can_be_undone_with_what_it_kept(
    undo: Run, clients: FakeClients
) -> None:
    create_stack(clients, "Cairn", fails_because="no", retain_all=True, protect=True)
    console = undo()
    assert "which make undo deletes when it is run once more" in console.text
    assert left(clients) == set(KINDS)
    undo("Cairn")
    assert left(clients) == set()


@pytest.mark.parametrize("answer", ["", "y", "yes", "cairn", "Second"])
def test_a_stack_in_use_is_not_deleted_unless_its_name_is_typed(undo: Run, clients: FakeClients, answer: str) -> None:
    create_stack(clients, "Cairn", protect=True)
    with pytest.raises(OperationError, match="not confirmed, so nothing was deleted"):
        undo(answer)
    stack = clients.cloudformation.stacks[0]
    assert (stack.protected, stack.deleted) == (True, None)
    assert left(clients) == set(KINDS)


def test_without_a_terminal_the_name_has_to_be_an_option(undo: Run, clients: FakeClients) -> None:
    create_stack(clients, "Cairn", protect=True)
    with pytest.raises(OperationError, match="--confirm Cairn"):
        undo(interactive=False)
    assert left(clients) == set(KINDS)
    undo(interactive=False, confirmed="Cairn")
    assert left(clients) == set()


def test_the_operator_sees_which_data_is_deleted_before_the_question_and_what_stays_after_it(
    undo: Run, clients: FakeClients
) -> None:
    stack = create_stack(clients, "Cairn", protect=True)
    clients.table(stack.outputs["KeysTable"]).put_item(Item={"pk": "keys", "sk": "1"})
    clients.s3.put_object(Bucket=stack.outputs["PagesBucket"], Key="index.html", Body=b"")
    said = undo("Cairn").said
    question = next(n for n, line in enumerate(said) if line.startswith("Type the stack's name"))
    shown = "\n".join(said[:question])
    assert all(kind.noun in shown for kind in KINDS.values())
    assert f"table {stack.outputs['KeysTable']}: 1 items" in shown
    assert said.index("(recorded)") == question + 1
    assert "What stays: DynamoDB's last backup" in said[-1]
    assert left(clients) == set()


def test_the_data_can_be_kept_and_deleted_later(undo: Run, clients: FakeClients) -> None:
    create_stack(clients, "Cairn", protect=True)
    undo("Cairn", keep_data=True)
    assert clients.cloudformation.stacks[0].deleted
    assert left(clients) == set(KINDS)
    undo("Cairn")
    assert left(clients) == set()
    assert "There is nothing to undo" in undo().text


def test_a_stack_of_tests_goes_with_everything_in_it(undo: Run, clients: FakeClients) -> None:
    """With `removal_policy` destroy, CloudFormation deletes its data, and refuses a bucket that is not empty."""
    stack = create_stack(clients, "Cairn")
    for resource in stack.resources.values():
        resource.retained = False
    clients.s3.put_object(Bucket=stack.outputs["PagesBucket"], Key="index.html", Body=b"")
    undo("Cairn")
    assert left(clients) == set()


def test_another_stacks_data_is_never_touched(undo: Run, clients: FakeClients) -> None:
    create_stack(clients, "Second", protect=True)
    create_stack(clients, "Cairn", protect=True)
    undo("Cairn")
    assert left(clients) == set(KINDS)
    assert [bool(stack.deleted) for stack in clients.cloudformation.stacks] == [False, True]


def test_what_cannot_be_deleted_is_named_and_the_rest_is_deleted_all_the_same(undo: Run, clients: FakeClients) -> None:
    create_stack(clients, "Cairn", protect=True)
    clients.answers.refuse("DeleteUserPool", "TooManyRequestsException", "slow down")
    with pytest.raises(OperationError, match=r"still there; make undo tries again:\n  user pool .*slow down"):
        undo("Cairn")
    assert left(clients) == {"AWS::Cognito::UserPool"}
    clients.answers.forget("DeleteUserPool")
    undo("Cairn")
    assert left(clients) == set()


def test_a_deletion_that_fails_says_why_and_is_continued(undo: Run, clients: FakeClients) -> None:
    create_stack(clients, "Cairn", protect=True)
    clients.cloudformation.undeletable["Alarms"] = "Rate exceeded"
    with pytest.raises(OperationError, match=r"DELETE_FAILED: Alarms: Rate exceeded\. make undo continues"):
        undo("Cairn")
    assert left(clients) == set(KINDS)
    clients.cloudformation.undeletable.clear()
    undo("Cairn")
    assert left(clients) == set()


def left(clients: FakeClients) -> set[str]:
    """The kinds of which something still exists."""
    found = {
        "AWS::DynamoDB::Table": clients.dynamodb.meta.client.list_tables()["TableNames"],
        "AWS::Cognito::UserPool": clients.cognito.list_user_pools(MaxResults=60)["UserPools"],
        "AWS::S3::Bucket": clients.s3.list_buckets()["Buckets"],
        "AWS::SecretsManager::Secret": clients.secretsmanager.list_secrets()["SecretList"],
        "AWS::KMS::Key": kept_keys(clients),
        "AWS::SQS::Queue": clients.sqs.list_queues().get("QueueUrls", []),
        "AWS::Logs::LogGroup": clients.logs.describe_log_groups()["logGroups"],
    }
    return {kind for kind, things in found.items() if things}


def kept_keys(clients: FakeClients) -> list[str]:
    """Those that are not to be deleted."""
    kms = clients.of("kms")
    keys = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys()["Keys"]]
    return [key["KeyId"] for key in keys if key["KeyState"] == "Enabled"]
