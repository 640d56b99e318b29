"""Stored data survives a deleted stack, a replaced resource, a bad write and a stolen disk."""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from infra.packaging import ROOT
from testing.tables import TABLES
from tests.infrastructure.template import Template, stack_of, target

FUNCTIONS = Path(__file__).parent.parent.parent / "functions"
PLATFORMS = ("Youtube", "Telegram", "Instagram", "Creator")
STATEFUL = (
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
)
TRANSIENT = (
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::RouteResponse",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::Function",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudFront::OriginRequestPolicy",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolGroup",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
)


def test_every_resource_is_known_to_hold_data_or_not(template: Template) -> None:
    types = {resource["Type"] for resource in template.body["Resources"].values()}
    assert types == {*STATEFUL, *TRANSIENT}


def test_everything_that_holds_data_outlives_the_stack(template: Template) -> None:
    for logical_id, resource in template.body["Resources"].items():
        if resource["Type"] in STATEFUL and "GenerateSecretString" not in resource["Properties"]:
            policies = (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
            assert policies == ("RetainExceptOnCreate", "Retain"), logical_id


def test_a_first_deployment_that_fails_leaves_nothing_behind_and_can_be_repeated(
    unprotected_template: Template,
) -> None:
    """`make deploy` creates the stack like this; CloudFormation could not delete what is protected, or retained."""
    for logical_id, resource in unprotected_template.body["Resources"].items():
        assert resource.get("DeletionPolicy", "Delete") in ("Delete", "RetainExceptOnCreate"), logical_id
    assert not protected(unprotected_template)


def test_only_protection_differs_between_the_first_deployment_and_every_later_one(
    template: Template, unprotected_template: Template
) -> None:
    later, first = deepcopy(template.body), deepcopy(unprotected_template.body)
    for body in (later, first):
        for resource in body["Resources"].values():
            for name in ("DeletionProtectionEnabled", "DeletionProtection"):
                resource.get("Properties", {}).pop(name, None)
    assert later == first
    assert set(protected(template)) == {
        *template.resources("AWS::DynamoDB::Table"),
        *template.resources("AWS::Cognito::UserPool"),
    }


def test_the_stack_itself_is_protected_except_at_its_first_deployment(context: Mapping[str, Any]) -> None:
    assert stack_of(context).termination_protection is True
    assert not stack_of(context, protection="off").termination_protection
    assert not stack_of(context, removal_policy="destroy").termination_protection


def protected(template: Template) -> list[str]:
    return [
        logical_id
        for logical_id, resource in template.body["Resources"].items()
        for name in ("DeletionProtectionEnabled", "DeletionProtection")
        if resource.get("Properties", {}).get(name) in (True, "ACTIVE")
    ]


def test_a_disposable_stack_leaves_nothing_behind(disposable_template: Template) -> None:
    for logical_id, resource in disposable_template.body["Resources"].items():
        assert resource.get("DeletionPolicy", "Delete") == "Delete", logical_id
    for table in disposable_template.resources("AWS::DynamoDB::Table").values():
        assert table["DeletionProtectionEnabled"] is False
    for pool in disposable_template.resources("AWS::Cognito::UserPool").values():
        assert pool["DeletionProtection"] == "INACTIVE"


def test_every_table_is_encrypted_recoverable_protected_and_on_demand(template: Template) -> None:
    for logical_id, table in template.resources("AWS::DynamoDB::Table").items():
        # False is DynamoDB's own key, whose use KMS does not bill; there is no table without encryption.
        assert table["SSESpecification"] == {"SSEEnabled": False}, logical_id
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, logical_id
        assert table["DeletionProtectionEnabled"] is True, logical_id
        assert table["BillingMode"] == "PAY_PER_REQUEST", logical_id


def test_nothing_is_encrypted_with_a_key_whose_use_is_billed(template: Template) -> None:
    named = re.findall(r'"(\w*(?:Kms|KMS)\w*)"', json.dumps(template.body))
    assert named == [], "each use of a key of KMS costs money, also of one that AWS manages"


def test_only_the_tables_of_stats_and_creators_have_a_stream_with_both_images(template: Template) -> None:
    names = template.named("Table")
    streams = {
        names[logical_id]: table["StreamSpecification"]["StreamViewType"]
        for logical_id, table in template.resources("AWS::DynamoDB::Table").items()
        if "StreamSpecification" in table
    }
    assert streams == {"Stats": "NEW_AND_OLD_IMAGES", "Creators": "NEW_AND_OLD_IMAGES"}


def test_what_may_be_forgotten_expires_and_nothing_else_does(template: Template) -> None:
    names = template.named("Table")
    expiring = {
        names[logical_id]: table["TimeToLiveSpecification"]
        for logical_id, table in template.resources("AWS::DynamoDB::Table").items()
        if "TimeToLiveSpecification" in table
    }
    assert expiring == {
        name: {"AttributeName": "expires_at", "Enabled": True}
        for name in (
            *("Stats", "Milestones", "History", "Audience", "Channels"),
            *("Connections", "Presence", "Signins", "Sessions", "Usage", "Webhooks", "Creators"),
        )
    }


def test_every_queue_is_encrypted_and_speaks_only_tls(template: Template) -> None:
    queues = template.resources("AWS::SQS::Queue")
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    tls_only = {
        target(queue)
        for policy in template.resources("AWS::SQS::QueuePolicy").values()
        for queue in policy["Queues"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    assert tls_only == set(queues)


def test_the_stack_never_writes_over_an_operators_keys(template: Template) -> None:
    """CloudFormation overwrites a secret's value when the template's value changes, so that must never change."""
    secrets = template.resources("AWS::SecretsManager::Secret")
    operators = {target(template.body["Outputs"][f"{name}Secret"]["Value"]) for name in PLATFORMS}
    assert {secrets[logical_id]["SecretString"] for logical_id in operators} == {"{}"}
    generated = [secret for logical_id, secret in secrets.items() if logical_id not in operators]
    assert all("GenerateSecretString" in secret and "SecretString" not in secret for secret in generated)


def test_every_secret_says_which_keys_belong_in_it(template: Template, context: Mapping[str, Any]) -> None:
    descriptions = {
        name: template.resources("AWS::SecretsManager::Secret")[logical_id]["Description"]
        for logical_id, name in template.named("Secret").items()
    }
    assert set(descriptions) == {name.capitalize() for name in context["platforms"]}
    for name, platform in context["platforms"].items():
        assert all(key in descriptions[name.capitalize()] for key in platform["keys"])


def test_logs_are_kept_for_a_month_and_those_with_the_audit_trail_for_a_year(template: Template) -> None:
    groups = template.resources("AWS::Logs::LogGroup")
    audited = template.named("LogGroup")
    assert {groups[logical_id]["RetentionInDays"] for logical_id in audited} == {365}
    assert {group["RetentionInDays"] for logical_id, group in groups.items() if logical_id not in audited} == {30}


def test_the_log_of_every_function_that_writes_the_audit_trail_is_among_its_groups(template: Template) -> None:
    writes = {
        path.parent.name
        for path in FUNCTIONS.glob("*/*.py")
        if re.search(r"^from cairn import (.*, )?audit", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    groups = template.named("LogGroup")
    audited = {
        template.function_name(logical_id)
        for logical_id, function in template.functions.items()
        if target(function["LoggingConfig"]["LogGroup"]) in groups
    }
    assert audited == writes
    assert "Operations" in groups.values()


@pytest.mark.parametrize("key", ["YOUTUBE_API_KEY", "TELEGRAM_BOT_TOKEN", "INSTAGRAM_ACCESS_TOKEN", "CREATOR_API_KEY"])
def test_no_key_is_in_a_functions_environment(template: Template, key: str) -> None:
    assert not [f for f in template.functions.values() if key in f["Environment"]["Variables"]]
    assert key in (ROOT / "cdk.json").read_text()


def test_tests_use_the_tables_of_the_template(template: Template) -> None:
    """The tests' tables in moto have the same keys, indexes and streams."""
    made = {}
    for logical_id, name in template.named("Table").items():
        properties = template.resources("AWS::DynamoDB::Table")[logical_id]
        attributes = {one["AttributeName"]: one["AttributeType"] for one in properties["AttributeDefinitions"]}
        made[f"{name.upper()}_TABLE"] = (
            attributes,
            properties["KeySchema"],
            properties.get("GlobalSecondaryIndexes", []),
            properties.get("LocalSecondaryIndexes", []),
            properties.get("StreamSpecification", {}).get("StreamViewType"),
        )
    assert made == {
        variable: (
            {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]},
            table["KeySchema"],
            table.get("GlobalSecondaryIndexes", []),
            table.get("LocalSecondaryIndexes", []),
            table.get("StreamSpecification", {}).get("StreamViewType"),
        )
        for variable, table in TABLES.items()
    }
