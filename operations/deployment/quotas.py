"""What the stack adds to the account, beside what the account may have and has already."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operations.clients import Clients
from operations.deployment import stacks
from operations.deployment.findings import Finding, guarded, note, ok, problem
from operations.target import Target

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MAX_TEMPLATE_BYTES = 1_000_000
MAX_RESOURCES = 500
MAX_OUTPUTS = 200
MAX_PARAMETERS = 200
_GLOBAL_REGION = "us-east-1"
"""Where Service Quotas has CloudFront's."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many resources of a type an account may have: by Service Quotas, or else AWS's documented default."""

    type: str
    subject: str
    default: int
    used: Callable[[Clients], int]
    service: str = ""
    names: tuple[str, ...] = ()
    """In Service Quotas, in any of these spellings."""


def _cloudfront(operation: str, **arguments: str) -> Callable[[Clients], int]:
    """Counts a list of CloudFront's, whose pages have one shape."""

    def count(clients: Clients) -> int:
        total = 0
        marker: dict[str, str] = {}
        while True:
            answer = getattr(clients.cloudfront, operation)(**arguments, **marker)
            (listed,) = (part for name, part in answer.items() if name.endswith("List"))
            total += int(listed["Quantity"])
            if not listed.get("NextMarker"):
                return total
            marker = {"Marker": listed["NextMarker"]}

    return count


def _pages(service: str, operation: str, key: str, **arguments: Any) -> Callable[[Clients], int]:
    def count(clients: Clients) -> int:
        client = clients.of(service)
        return sum(len(page.get(key, [])) for page in client.get_paginator(operation).paginate(**arguments))

    return count


QUOTAS = (
    Quota(
        "AWS::CloudFront::ResponseHeadersPolicy",
        "CloudFront response headers policies",
        20,
        _cloudfront("list_response_headers_policies", Type="custom"),
        "cloudfront",
        ("Response headers policies per AWS account", "Custom response headers policies per AWS account"),
    ),
    Quota(
        "AWS::CloudFront::OriginRequestPolicy",
        "CloudFront origin request policies",
        20,
        _cloudfront("list_origin_request_policies", Type="custom"),
        "cloudfront",
        ("Origin request policies per AWS account", "Custom origin request policies per AWS account"),
    ),
    Quota(
        "AWS::CloudFront::Function",
        "CloudFront functions",
        100,
        _cloudfront("list_functions", Stage="DEVELOPMENT"),
        "cloudfront",
        ("Functions per AWS account",),
    ),
    Quota(
        "AWS::CloudFront::OriginAccessControl",
        "CloudFront origin access controls",
        100,
        _cloudfront("list_origin_access_controls"),
        "cloudfront",
        ("Origin access controls per AWS account",),
    ),
    Quota(
        "AWS::CloudFront::Distribution",
        "CloudFront distributions",
        200,
        _cloudfront("list_distributions"),
        "cloudfront",
        ("Web distributions per AWS account", "Distributions per AWS account"),
    ),
    Quota(
        "AWS::DynamoDB::Table",
        "DynamoDB tables",
        2500,
        _pages("dynamodb", "list_tables", "TableNames"),
        "dynamodb",
        ("Maximum number of tables",),
    ),
    Quota(
        "AWS::Cognito::UserPool",
        "Cognito user pools",
        1000,
        _pages("cognito-idp", "list_user_pools", "UserPools", MaxResults=60),
        "cognito-idp",
        ("User pools per Region", "User pools per region"),
    ),
    Quota(
        "AWS::CloudWatch::Alarm",
        "CloudWatch alarms",
        5000,
        _pages("cloudwatch", "describe_alarms", "MetricAlarms"),
        "monitoring",
        ("Number of Metrics Alarms", "Number of alarms"),
    ),
    Quota("AWS::ApiGatewayV2::Api", "API Gateway APIs", 600, _pages("apigatewayv2", "get_apis", "Items")),
    Quota(
        "AWS::S3::Bucket",
        "S3 buckets",
        10_000,
        lambda clients: len(clients.s3.list_buckets().get("Buckets", [])),
        "s3",
        ("General purpose buckets",),
    ),
)
NOT_COUNTED = {
    "AWS::ApiGatewayV2::Integration": "of our API alone",
    "AWS::ApiGatewayV2::Route": "of our API alone",
    "AWS::ApiGatewayV2::RouteResponse": "of our API alone",
    "AWS::ApiGatewayV2::Stage": "of our API alone",
    "AWS::CloudWatch::Dashboard": "without a limit of their number",
    "AWS::Cognito::UserPoolClient": "of our pool alone",
    "AWS::Cognito::UserPoolGroup": "of our pool alone",
    "AWS::IAM::ManagedPolicy": "1,500 of one's own; Cairn has a few",
    "AWS::IAM::Policy": "each is in one role",
    "AWS::IAM::Role": "counted by IAM itself",
    "AWS::KMS::Alias": "50 a key",
    "AWS::KMS::Key": "100,000",
    "AWS::Lambda::EventInvokeConfig": "one a function",
    "AWS::Lambda::EventSourceMapping": "without a limit of their number",
    "AWS::Lambda::Function": "limited by the size of their code, of which Cairn has a few MB of 75 GB",
    "AWS::Lambda::LayerVersion": "limited by the size of their code, too",
    "AWS::Lambda::Permission": "of our functions alone",
    "AWS::Lambda::Url": "one a function",
    "AWS::Logs::LogGroup": "1,000,000",
    "AWS::S3::BucketPolicy": "one a bucket",
    "AWS::SNS::Subscription": "12,500,000 a topic",
    "AWS::SNS::Topic": "100,000",
    "AWS::SNS::TopicPolicy": "one a topic",
    "AWS::SQS::Queue": "without a limit of their number",
    "AWS::SQS::QueuePolicy": "one a queue",
    "AWS::Scheduler::Schedule": "1,000,000",
    "AWS::SecretsManager::Secret": "500,000",
}
"""Types of the template whose number no account comes near to, or that AWS does not limit."""


def inspect(target: Target, clients: Clients, template: Mapping[str, Any]) -> Iterator[Finding]:
    """The template beside CloudFormation's limits, then each quota; one line says that all of them have room."""
    yield from _template(template)
    wanted = Counter(resource["Type"] for resource in template["Resources"].values())
    try:
        found = stacks.find(clients, target.stack)
        existing = Counter(resource["ResourceType"] for resource in found.resources()) if found else Counter[str]()
    except (ClientError, BotoCoreError):
        existing = Counter[str]()  # then everything counts as new
    allowed = _Allowed(clients)
    added = wanted - existing
    checks = {
        quota.subject: partial(_quota, quota, added[quota.type], clients, allowed)
        for quota in QUOTAS
        if added[quota.type]
    }
    if added["AWS::IAM::Role"]:
        checks["IAM roles"] = partial(_roles, added["AWS::IAM::Role"], clients)
    findings = [finding for subject, check in checks.items() for finding in guarded(subject, check)]
    yield from (finding for finding in findings if finding.level != "ok")
    if full := [finding.subject for finding in findings if finding.level == "ok"]:
        yield ok("quotas", f"room for the {sum(wanted.values())} resources: {', '.join(full)}")
    elif not findings:
        yield ok("quotas", "the stack has every resource already")


def _template(template: Mapping[str, Any]) -> Iterator[Finding]:
    sizes = (
        ("bytes", len(json.dumps(template, indent=1).encode()), MAX_TEMPLATE_BYTES),
        ("resources", len(template["Resources"]), MAX_RESOURCES),
        ("outputs", len(template.get("Outputs", {})), MAX_OUTPUTS),
        ("parameters", len(template.get("Parameters", {})), MAX_PARAMETERS),
    )
    for name, size, most in sizes:
        if size > most:
            yield problem("template", f"{size:,} {name}, and CloudFormation allows {most:,}")
    if all(size <= most for _, size, most in sizes):
        yield ok("template", ", ".join(f"{size:,} {name}" for name, size, _ in sizes))


def _quota(quota: Quota, new: int, clients: Clients, allowed: _Allowed) -> Iterator[Finding]:
    used = quota.used(clients)
    applied = allowed.by_service_quotas(quota.service, quota.names)
    most = quota.default if applied is None else applied
    if used + new <= most:
        yield ok(quota.subject, f"{used} + {new} of {most}")
        return
    text = f"the account has {used}, this stack adds {new}, and {most} are allowed"
    where = f"https://console.aws.amazon.com/servicequotas/home/services/{quota.service}/quotas"
    if applied is None:
        yield note(quota.subject, f"{text} unless yours was raised (that could not be read); see {where}")
    else:
        yield problem(quota.subject, f"{text}: delete unused ones, or ask for more at {where}")


def _roles(new: int, clients: Clients) -> Iterator[Finding]:
    summary = clients.iam.get_account_summary()["SummaryMap"]
    used, most = summary["Roles"], summary["RolesQuota"]
    if used + new > most:
        yield problem("IAM roles", f"the account has {used}, this stack adds {new}, and {most} are allowed")
    else:
        yield ok("IAM roles", f"{used} + {new} of {most}")


class _Allowed:
    """Service Quotas, asked once for each service."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._services: dict[str, dict[str, int]] = {}

    def by_service_quotas(self, service: str, names: Iterable[str]) -> int | None:
        """What the account may have; None if Service Quotas has no such quota, or does not tell these credentials."""
        if not service:
            return None
        if service not in self._services:
            self._services[service] = self._read(service)
        return next((value for name in names if (value := self._services[service].get(name)) is not None), None)

    def _read(self, service: str) -> dict[str, int]:
        client = self._clients.of("service-quotas", region=_GLOBAL_REGION if service == "cloudfront" else None)
        try:
            pages = client.get_paginator("list_service_quotas").paginate(ServiceCode=service)
            return {quota["QuotaName"]: int(quota["Value"]) for page in pages for quota in page["Quotas"]}
        except (ClientError, BotoCoreError):
            return {}
