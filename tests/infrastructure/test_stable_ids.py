"""stable_ids.json lists what deployed stacks and their users rely on: an id or name in it never changes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.infrastructure.template import Template, target

STABLE_IDS = Path(__file__).with_name("stable_ids.json")

Ids = Mapping[str, str | None]
"""Logical id to explicit name, or None where CloudFormation makes the name."""


class Kind(NamedTuple):
    named_by: str
    """The property that holds the explicit name, if a resource of this kind can have one."""
    lost: str
    """What happens in a deployed stack when the resource is replaced."""


_SOCKETS = "the WebSocket address changes; open pages reconnect to an address that no longer exists"
KINDS = {
    "AWS::ApiGatewayV2::Api": Kind("Name", _SOCKETS),
    "AWS::ApiGatewayV2::Stage": Kind("StageName", _SOCKETS),
    "AWS::CloudFront::Distribution": Kind(
        "", "the public address changes; links, embeds, API clients and the bot's webhook use one that is deleted"
    ),
    "AWS::Cognito::UserPool": Kind("UserPoolName", "everyone's account stays in the old pool; nobody can sign in"),
    "AWS::Cognito::UserPoolClient": Kind("ClientName", "every session ends, also those of TVs on the wall"),
    "AWS::Cognito::UserPoolGroup": Kind("GroupName", "the new group has no members; people lose access to the module"),
    "AWS::DynamoDB::Table": Kind(
        "TableName", "Cairn starts with an empty table; the data stays in the old one, outside the stack"
    ),
    "AWS::KMS::Key": Kind(
        "", "nobody can decrypt the webhooks' addresses and secrets; every endpoint has to be made again"
    ),
    # Another function has another URL.
    "AWS::Lambda::Url": Kind("TargetFunctionArn", "the function's URL changes, and requests to the old one fail"),
    "AWS::S3::Bucket": Kind(
        "BucketName", "the new bucket is empty; pages are missing until `operations pages publish`"
    ),
    "AWS::SNS::Topic": Kind("TopicName", "the new topic has no subscribers; alarms reach nobody"),
    "AWS::SQS::Queue": Kind(
        "QueueName", "messages and dead letters stay in the old queue, outside the stack; nothing processes them"
    ),
    "AWS::SecretsManager::Secret": Kind(
        "Name",
        "the new secret is empty; the platform is off until its keys are set again. Of the distribution's key: the "
        "functions reject it until the distribution has changed too, for minutes",
    ),
}


@pytest.fixture
def stable_ids() -> Mapping[str, Any]:
    ids: Mapping[str, Any] = json.loads(STABLE_IDS.read_text())
    return ids


@pytest.mark.parametrize("kind", KINDS)
def test_what_people_have_deployed_keeps_its_id_and_name(
    template: Template, stable_ids: Mapping[str, Any], kind: str
) -> None:
    problems = list(_problems(kind, stable_ids["resources"][kind], _ids(template, kind)))
    assert not problems, "\n".join(problems)


def test_a_disposable_or_local_stack_has_the_same_ids(
    template: Template, local_template: Template, disposable_template: Template
) -> None:
    for other in (local_template, disposable_template):
        assert other.body["Resources"].keys() == template.body["Resources"].keys()


def test_it_has_parameters_for_what_differs_from_place_to_place_and_no_others(
    template: Template, stable_ids: Mapping[str, Any]
) -> None:
    parameters = template.body["Parameters"].keys() - {"BootstrapVersion"}  # CDK's own
    lost = "deployments that set it fail, and the value that an operator chose is lost"
    _compare("parameter", parameters, stable_ids["parameters"], lost)


def test_it_outputs_what_operators_and_the_local_cloud_need(template: Template, stable_ids: Mapping[str, Any]) -> None:
    lost = "`./cairn`, the local cloud and operators' scripts read it by its name and fail"
    _compare("output", template.body["Outputs"].keys(), stable_ids["outputs"], lost)


def test_a_changed_id_or_name_is_reported_with_what_is_lost_and_a_new_resource_must_be_listed() -> None:
    kind = "AWS::DynamoDB::Table"
    problems = list(
        _problems(kind, {"Same": None, "Gone": None, "Named": None}, {"Same": None, "New": None, "Named": "n"})
    )
    assert [problem.split(":")[0] for problem in problems] == ["Gone", "Named", "New"]
    assert all(KINDS[kind].lost in problem for problem in problems[:2])
    assert "stable_ids.json" in problems[2]


def _problems(kind: str, stable: Ids, actual: Ids) -> Iterator[str]:
    for logical_id, name in stable.items():
        if logical_id not in actual:
            yield (
                f"{logical_id}: this {kind} is missing, so deployed stacks lose it: {KINDS[kind].lost}. "
                "If its construct has moved, add its old path to infra/logical_ids.py."
            )
        elif actual[logical_id] != name:
            yield f"{logical_id}: {name} is now {actual[logical_id]}, so the {kind} is replaced: {KINDS[kind].lost}."
    for logical_id in actual.keys() - stable.keys():
        yield f"{logical_id}: this {kind} is new. Add it to {STABLE_IDS.name}: once deployed, its id cannot change."


def _compare(kind: str, actual: AbstractSet[str], stable: Sequence[str], lost: str) -> None:
    missing, new = set(stable) - actual, actual - set(stable)
    assert not missing, f"{sorted(missing)}: without this {kind}, {lost}"
    assert not new, f"{sorted(new)}: add the new {kind} to {STABLE_IDS.name}; once deployed, its name cannot change"


def _ids(template: Template, kind: str) -> Ids:
    return {
        logical_id: _name(properties.get(KINDS[kind].named_by))
        for logical_id, properties in template.resources(kind).items()
    }


def _name(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else target(value)
