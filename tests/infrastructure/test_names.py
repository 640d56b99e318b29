"""Two stacks in an account, or one in two regions, stand beside each other: no name is meant for both."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.infrastructure.template import Template, stack_of

ACCOUNT_WIDE: Mapping[str, tuple[str, ...]] = {
    "AWS::CloudFront::Function": ("Name",),
    "AWS::CloudFront::OriginAccessControl": ("OriginAccessControlConfig", "Name"),
    "AWS::CloudFront::OriginRequestPolicy": ("OriginRequestPolicyConfig", "Name"),
    "AWS::CloudFront::ResponseHeadersPolicy": ("ResponseHeadersPolicyConfig", "Name"),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::KMS::Alias": ("AliasName",),
}
"""Where the name is of what belongs to no region, or is named like it, and cannot be without a name."""
NAMED_BY_CLOUDFORMATION: Mapping[str, str] = {
    "AWS::CloudFront::Distribution": "",
    "AWS::IAM::Policy": "",  # PolicyName is its name within its role
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::S3::BucketPolicy": "",
}
"""What belongs to no region, and the property that would give it a name of our own."""
IN_A_REGION = (
    *("ApiGatewayV2", "CloudWatch", "Cognito", "DynamoDB", "KMS", "Lambda"),
    *("Logs", "SNS", "SQS", "Scheduler", "SecretsManager"),
)
IN_A_STACK = (
    "AWS::ApiGatewayV2::Stage",
    "AWS::Cognito::UserPoolGroup",
    "AWS::IAM::Policy",
)
"""Their names are unique within something that the stack has."""
LIMITS = {"AWS::CloudFront::Function": 64, "AWS::CloudFront::OriginAccessControl": 64}
LONG = "Cairn-of-the-sales-floor-in-the-old-town-and-of-all-its-branch-offices-along-the-river-number-"


@pytest.fixture(scope="module")
def templates(template: Template, context: Mapping[str, Any]) -> dict[str, Template]:
    others = {name: Template.of(stack_of(context, stack_name=name)) for name in ("Cairn2", f"{LONG}1", f"{LONG}2")}
    return {"Cairn": template, **others}


def test_stacks_and_regions_share_no_name_in_an_account(templates: Mapping[str, Template]) -> None:
    seen: set[tuple[str, str]] = set()
    for template in templates.values():
        for region in ("us-east-1", "ap-southeast-2"):
            names = list(_account_wide(template, region))
            assert len(names) > 5
            assert not seen & {*names}
            seen |= {*names}


def test_stacks_share_no_name_in_a_region(templates: Mapping[str, Template]) -> None:
    named: set[str] = set()
    for stack, template in templates.items():
        for logical_id, resource in template.body["Resources"].items():
            if resource["Type"] not in (*ACCOUNT_WIDE, *IN_A_STACK):
                name = _own_name(resource["Type"], resource.get("Properties", {}))
                assert name is None or stack in name, f"{logical_id}: {name}"
                named |= {resource["Type"]} if name else set()
    assert named == {"AWS::ApiGatewayV2::Api"}


def test_every_resource_is_known_to_belong_to_a_region_or_not(template: Template) -> None:
    for resource in template.body["Resources"].values():
        kind = resource["Type"]
        if kind in NAMED_BY_CLOUDFORMATION:
            assert NAMED_BY_CLOUDFORMATION[kind] not in resource["Properties"]
        else:
            assert kind in ACCOUNT_WIDE or kind.split("::")[1] in IN_A_REGION, kind


def test_a_long_name_of_a_stack_fits(templates: Mapping[str, Template]) -> None:
    for template in templates.values():
        for kind, name in _account_wide(template, "ap-southeast-2"):
            assert len(name) <= LIMITS.get(kind, 128), name
            assert re.fullmatch(r"(alias/)?[A-Za-z0-9_-]+", name), name


def _account_wide(template: Template, region: str) -> Iterator[tuple[str, str]]:
    for kind, path in ACCOUNT_WIDE.items():
        for properties in template.resources(kind).values():
            name: Any = properties
            for member in path:
                name = name[member]
            yield kind, _resolved(name, region)


def _resolved(name: Any, region: str) -> str:
    if isinstance(name, str):
        return name
    separator, parts = name["Fn::Join"]
    known = {"AWS::Region": region}
    return str(separator.join(part if isinstance(part, str) else known[part["Ref"]] for part in parts))


def _own_name(kind: str, properties: Mapping[str, Any]) -> str | None:
    """The name that the template gives the resource itself; a function's name in its permission is another's."""
    own = {"Name", f"{kind.rpartition('::')[2]}Name"}
    return next((json.dumps(properties[member]) for member in own if member in properties), None)
