"""`make deploy`: what it deploys, protects, migrates and publishes, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from operations.deployment import alarm_address
from operations.deployment.deploy import Deployment
from operations.stack import OperationError
from testing.deployment import FakeCdk, FakeClients, FakeConsole, create_stack, target
from testing.tables import TABLES


@pytest.fixture
def console() -> FakeConsole:
    return FakeConsole()


@pytest.fixture
def deployment(clients: FakeClients, cdk: FakeCdk, console: FakeConsole, settings: dict[str, Any]) -> Deployment:
    return Deployment(target(), clients, clients, cdk, console, settings)


def to(deployment: Deployment, stack: str) -> Deployment:
    return Deployment(
        target(stack),
        deployment.clients,
        deployment.probes,
        deployment.cdk,
        deployment.console,
        deployment.settings,
        deployment.chosen,
    )


def bucket(clients: FakeClients, stack: str) -> dict[str, Any]:
    """Each object of the stack's bucket, with when it was written."""
    name = clients.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    (pages,) = (output["OutputValue"] for output in name if output["OutputKey"] == "PagesBucket")
    return {item["Key"]: item["ETag"] for item in clients.s3.list_objects_v2(Bucket=pages).get("Contents", [])}


def test_a_second_stack_is_deployed_beside_the_first_and_touches_only_its_own(
    deployment: Deployment, cdk: FakeCdk, clients: FakeClients
) -> None:
    deployment.run()
    first = clients.cloudformation.stacks[0].outputs
    clients.s3.put_object(Bucket=first["PagesBucket"], Key="index.html", Body=b"production's own page")
    clients.table(first["AudienceTable"]).put_item(Item={"pk": "keys", "sk": "k", "name": "n"})
    before = bucket(clients, "Cairn")
    to(deployment, "Second").run()
    assert bucket(clients, "Cairn") == before
    assert bucket(clients, "Second").keys() == before.keys()
    assert clients.table(first["AudienceTable"]).get_item(Key={"pk": "keys", "sk": "k"})["Item"]
    assert {stack for _, stack, _ in cdk.calls} == {"Cairn", "Second"}


def test_the_first_deployment_is_protected_only_once_it_stands(
    deployment: Deployment, cdk: FakeCdk, clients: FakeClients
) -> None:
    deployment.run()
    assert [settings for operation, _, settings in cdk.calls if operation == "deploy"] == [{"protection": "off"}, {}]
    assert_protected(clients)
    deployment.run()
    assert [settings for operation, _, settings in cdk.calls if operation == "deploy"][2:] == [{}]


def test_a_failed_first_deployment_leaves_nothing_and_is_simply_repeated(
    deployment: Deployment, cdk: FakeCdk, clients: FakeClients
) -> None:
    cdk.fails_because = "Your account must be verified before you can add new CloudFront resources."
    with pytest.raises(OperationError, match="cdk deploy failed"):
        deployment.run()
    assert clients.dynamodb.meta.client.list_tables()["TableNames"] == []
    assert clients.cloudformation.stacks[0].status == "ROLLBACK_COMPLETE"
    cdk.fails_because = None
    deployment.run()
    assert_protected(clients)


def test_a_failed_update_leaves_the_stack_protected(deployment: Deployment, cdk: FakeCdk, clients: FakeClients) -> None:
    deployment.run()
    clients.cloudformation.stacks[0].protected = False  # as the CDK leaves it half-way, or somebody by hand
    cdk.fails_because = "no"
    with pytest.raises(OperationError):
        deployment.run(approval="never")
    assert_protected(clients)


def test_protection_that_somebody_turned_off_is_turned_on_again_or_named(
    deployment: Deployment, clients: FakeClients, console: FakeConsole
) -> None:
    stack = create_stack(clients, "Cairn")
    assert not deployment.protect()
    assert "the stack Cairn is protected from deletion" in console.said
    assert sum("the table" in line for line in console.said) == len(TABLES)
    assert "NOT protected" in console.said[-1]
    pool = stack.outputs["UserPoolId"]
    clients.cognito.update_user_pool(UserPoolId=pool, DeletionProtection="ACTIVE")
    console.said.clear()
    assert deployment.protect()
    assert console.said == []


@pytest.mark.parametrize(
    "status", ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "CREATE_FAILED"]
)
def test_what_cloudformation_may_still_have_to_undo_is_not_protected(
    deployment: Deployment, clients: FakeClients, status: str
) -> None:
    """A first deployment that is interrupted at the terminal goes on in AWS, or is being rolled back."""
    stack = create_stack(clients, "Cairn")
    stack.status = status
    assert deployment.protect()
    assert not stack.protected
    table = clients.dynamodb.meta.client.describe_table(TableName=stack.resources["Keys"].physical_id)["Table"]
    assert not table["DeletionProtectionEnabled"]


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"])
def test_what_stands_is_protected_whatever_became_of_its_update(
    deployment: Deployment, clients: FakeClients, status: str
) -> None:
    stack = create_stack(clients, "Cairn")
    stack.status = status
    deployment.protect()
    assert stack.protected


def test_a_stack_of_tests_is_not_protected(clients: FakeClients, cdk: FakeCdk, settings: dict[str, Any]) -> None:
    chosen = {"removal_policy": "destroy"}
    Deployment(target(), clients, clients, cdk, FakeConsole(), settings, chosen).run()
    assert not clients.cloudformation.stacks[0].protected
    assert [settings for operation, _, settings in cdk.calls if operation == "deploy"] == [chosen]


def test_without_a_terminal_the_changes_are_shown_and_approved(deployment: Deployment, cdk: FakeCdk) -> None:
    deployment.run()
    assert [operation for operation, _, _ in cdk.calls][:2] == ["diff", "deploy"]
    assert set(cdk.approvals) == {"never"}


def test_at_a_terminal_the_cdk_asks_about_more_permissions(
    clients: FakeClients, cdk: FakeCdk, settings: dict[str, Any]
) -> None:
    Deployment(target(), clients, clients, cdk, FakeConsole(interactive=True), settings).run()
    assert cdk.approvals[0] == "broadening"
    assert "diff" not in [operation for operation, _, _ in cdk.calls]


def test_nothing_is_deployed_when_the_preflight_finds_a_problem_unless_the_operator_insists(
    deployment: Deployment, cdk: FakeCdk, clients: FakeClients
) -> None:
    clients.answers.refuse("GetParameter", "ParameterNotFound")
    with pytest.raises(OperationError, match="nothing was deployed"):
        deployment.run()
    assert cdk.calls == []
    deployment.run(despite_problems=True)
    assert bucket(clients, "Cairn")


def test_nothing_is_published_when_the_cdk_worked_in_another_account(
    deployment: Deployment, cdk: FakeCdk, clients: FakeClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_stack(clients, "Cairn").outputs["DistributionId"] = "EElsewhere"

    class Elsewhere(FakeCdk):
        def deploy(self, *arguments: Any, **options: Any) -> dict[str, str]:
            return {**super().deploy(*arguments, **options), "DistributionId": "ETheCdks"}

    other = Deployment(target(), clients, clients, Elsewhere(clients), deployment.console, deployment.settings)
    with pytest.raises(OperationError, match="two accounts"):
        other.run()
    assert bucket(clients, "Cairn") == {}


def test_an_address_for_alarms_is_asked_once_and_kept_for_later_deployments(tmp_path: Path) -> None:
    file = tmp_path / "cdk.json"
    before = Path("cdk.json").read_text()
    file.write_text(before)
    console = FakeConsole("nobody", "ops@example.com", interactive=True)
    assert alarm_address.ask(console, file) == "ops@example.com"
    assert "nobody is not an address" in console.said
    assert file.read_text() == before.replace('"alarm_email": ""', '"alarm_email": "ops@example.com"')
    assert [path.name for path in tmp_path.iterdir()] == ["cdk.json"]


def test_nobody_may_be_the_answer(tmp_path: Path) -> None:
    file = tmp_path / "cdk.json"
    file.write_text('{"context": {"alarm_email": ""}}')
    assert alarm_address.ask(FakeConsole("", interactive=True), file) == ""
    assert file.read_text() == '{"context": {"alarm_email": ""}}'


def test_an_address_is_never_replaced_by_another(tmp_path: Path) -> None:
    file = tmp_path / "cdk.json"
    file.write_text('{"context": {"alarm_email": "ada@example.com"}}')
    with pytest.raises(OperationError, match="ops@example"):
        alarm_address.keep("ops@example.com", file)
    assert "ada@example.com" in file.read_text()


def test_a_pipeline_is_not_asked_for_an_address_and_is_told_that_nobody_gets_alarms(
    clients: FakeClients, cdk: FakeCdk, settings: dict[str, Any]
) -> None:
    console = FakeConsole()
    Deployment(target(), clients, clients, cdk, console, {**settings, "alarm_email": ""}).run()
    assert "alarms: nobody gets them by mail" in console.text


def test_an_address_that_has_not_confirmed_is_named(
    deployment: Deployment, clients: FakeClients, console: FakeConsole
) -> None:
    waiting = {"Endpoint": "ops@example.com", "SubscriptionArn": "PendingConfirmation"}
    confirmed = {"Endpoint": "ada@example.com", "SubscriptionArn": "arn:aws:sns:us-east-1:123456789012:alarms:1"}
    clients.answers.give("ListSubscriptionsByTopic", {"Subscriptions": [waiting, confirmed]})
    deployment.run()
    assert "ops@example.com gets alarms once the link" in console.text
    assert "ada@example.com" not in console.text


def test_addresses_that_cannot_be_read_do_not_make_a_deployment_fail(
    deployment: Deployment, clients: FakeClients, console: FakeConsole
) -> None:
    clients.answers.refuse("ListSubscriptionsByTopic", "AuthorizationError")
    deployment.run()
    assert "whether their addresses are confirmed is unknown" in console.text


def assert_protected(clients: FakeClients) -> None:
    stack = next(stack for stack in clients.cloudformation.stacks if not stack.deleted)
    assert stack.protected
    for resource in stack.resources.values():
        if resource.kind == "AWS::DynamoDB::Table":
            table = clients.dynamodb.meta.client.describe_table(TableName=resource.physical_id)["Table"]
            assert table["DeletionProtectionEnabled"] is True
        elif resource.kind == "AWS::Cognito::UserPool":
            pool = clients.cognito.describe_user_pool(UserPoolId=resource.physical_id)["UserPool"]
            assert pool["DeletionProtection"] == "ACTIVE"


def test_what_an_operator_had_set_in_0_1_0_is_what_the_deployment_begins_with(
    deployment: Deployment, cdk: FakeCdk, clients: FakeClients, console: FakeConsole
) -> None:
    """Although the new cdk.json says nothing of it, and before any function could use a default."""
    stack = create_stack(clients, "Cairn")
    del stack.outputs["SettingsTable"]
    was = {"LADDERS": '{"subscribers": [10, 20]}', "TIME_ZONE": "Asia/Kolkata", "STALE_AFTER_SECONDS": "1800"}
    clients.answers.give("GetFunctionConfiguration", {"Environment": {"Variables": was}})
    kept = deployment._kept()
    assert kept == {"ladders": '{"subscribers": [10, 20]}', "time_zone": "Asia/Kolkata"}
    assert "settings: time_zone stays as it was deployed, Asia/Kolkata" in console.said
    given = Settings.from_context({**deployment.settings, **kept}.get).initial_settings
    assert given == {"ladders": {"subscribers": [10, 20]}, "time_zone": "Asia/Kolkata"}


def test_what_this_cdk_json_says_is_not_replaced_by_what_was_deployed(
    deployment: Deployment, clients: FakeClients
) -> None:
    stack = create_stack(clients, "Cairn")
    del stack.outputs["SettingsTable"]
    clients.answers.give("GetFunctionConfiguration", {"Environment": {"Variables": {"TIME_ZONE": "Asia/Kolkata"}}})
    deployment.settings["initial_settings"] = {"time_zone": "Europe/Berlin"}  # type: ignore[index]  # a dict
    assert deployment._kept() == {}


def test_what_was_deployed_is_kept_as_version_1_and_cdk_json_no_longer_counts(
    deployment: Deployment, clients: FakeClients, console: FakeConsole
) -> None:
    began = {"Environment": {"Variables": {"INITIAL_SETTINGS": '{"time_zone": "Asia/Kolkata"}'}}}
    clients.answers.give("GetFunctionConfiguration", began)
    deployment.run()
    assert "settings: version 1 has what was deployed (time_zone)" in console.said
    deployment.settings["initial_settings"] = {"time_zone": "Europe/Berlin"}  # type: ignore[index]  # a dict
    deployment.run()
    assert "settings: time_zone of cdk.json is not used; version 1 holds (./cairn settings)" in console.said
