"""The whole template: within limits, described, checked by cdk-nag, and the same for AWS and the local cloud."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from tests.infrastructure.template import Template, target


def test_cdk_nag_finds_nothing_that_is_not_answered(findings: list[str]) -> None:
    assert not findings


def test_every_suppression_says_why_in_a_sentence(template: Template) -> None:
    rules = [
        rule
        for resource in template.body["Resources"].values()
        for rule in resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", [])
    ]
    assert rules
    assert all(rule["reason"].endswith(".") and len(rule["reason"]) > 30 for rule in rules)


def test_the_local_template_differs_from_awss_in_its_assets_and_nothing_else(
    template: Template, local_template: Template
) -> None:
    """In the dependencies always, in the others where this machine's interpreter reads other bytecode."""
    cairn, dependencies = (
        {target(function["Layers"][number]) for function in template.functions.values()} for number in (0, 1)
    )
    differences = {
        difference.removeprefix("Resources.") for difference in _differences(template.body, local_template.body)
    }
    always = {f"{layer}.Properties.Content.S3Key" for layer in dependencies}
    others = {f"{layer}.Properties.Content.S3Key" for layer in cairn}
    others |= {f"{function}.Properties.Code.S3Key" for function in template.functions}
    assert differences == always | (set() if sys.implementation.cache_tag == "cpython-313" else others)


def test_it_stays_within_cloudformations_limits(template: Template) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    assert len(json.dumps(template.body)) < 1_000_000
    assert len(template.body["Resources"]) < 500
    assert len(template.body["Outputs"]) < 200
    assert len(template.body["Parameters"]) < 200


def test_everything_that_can_carry_a_description_does(template: Template) -> None:
    described: Mapping[str, str] = {
        "AWS::ApiGatewayV2::Api": "Description",
        "AWS::CloudWatch::Alarm": "AlarmDescription",
        "AWS::Cognito::UserPoolGroup": "Description",
        "AWS::IAM::Role": "Description",
        "AWS::Lambda::Function": "Description",
        "AWS::Lambda::LayerVersion": "Description",
        "AWS::Scheduler::Schedule": "Description",
        "AWS::SecretsManager::Secret": "Description",
    }
    missing = [
        logical_id
        for kind, member in described.items()
        for logical_id, each in template.resources(kind).items()
        if not each.get(member)
    ]
    parts = [*template.body["Parameters"].items(), *template.body["Outputs"].items()]
    missing += [name for name, part in parts if not part.get("Description")]
    assert template.body["Description"]
    assert not missing


def test_a_new_platform_is_one_line_of_cdk_json(wider_template: Template) -> None:
    callers = {
        wider_template.function_name(logical_id)
        for logical_id, function in wider_template.functions.items()
        if function["Environment"]["Variables"].keys() >= {"FANVUE_API_URL", "FANVUE_SECRET"}
    }
    (secret,) = (logical_id for logical_id, name in wider_template.named("Secret").items() if name == "Fanvue")
    alarms = wider_template.resources("AWS::CloudWatch::Alarm").values()
    assert wider_template.body["Parameters"]["FanvueApiUrl"]["Default"] == "https://api.fanvue.com"
    assert callers == set(wider_template.grants()[secret]) == {"fetch_stats", "api"}
    assert any({"Name": "platform", "Value": "fanvue"} in alarm.get("Dimensions", []) for alarm in alarms)


def test_it_needs_no_help_from_outside_to_be_deployed(template: Template) -> None:
    """A custom resource would need one of AWS's functions, which the local cloud lacks."""
    types = {resource["Type"] for resource in template.body["Resources"].values()}
    assert not {kind for kind in types if kind.startswith("Custom::") or "CustomResource" in kind}


def _differences(one: Any, other: Any, path: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [d for key in one for d in _differences(one[key], other[key], f"{path}.{key}".lstrip("."))]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [d for n, (a, b) in enumerate(zip(one, other, strict=True)) for d in _differences(a, b, f"{path}.{n}")]
    return [] if one == other else [path]
