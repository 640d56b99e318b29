"""What the stack adds is compared with what the account may still have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from operations.deployment import quotas
from operations.deployment.findings import Finding
from testing.cloudformation import FakeResource
from testing.deployment import FakeClients, target

POLICY = "AWS::CloudFront::ResponseHeadersPolicy"
SUBJECT = "CloudFront response headers policies"


def template(count: int, kind: str = POLICY) -> dict[str, Any]:
    return {"Resources": {f"Resource{n}": {"Type": kind} for n in range(count)}}


def inspect(clients: FakeClients, body: Mapping[str, Any]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in quotas.inspect(target(), clients, body)}


@pytest.fixture
def used(clients: FakeClients) -> FakeClients:
    """An account with 17 policies, and Service Quotas that says 20."""
    clients.answers.give("ListResponseHeadersPolicies", {"ResponseHeadersPolicyList": {"Quantity": 17}})
    allowed = [{"QuotaName": "Response headers policies per AWS account", "Value": 20.0}]
    clients.answers.give("ListServiceQuotas", {"Quotas": allowed})
    return clients


def test_what_fits_is_one_line(used: FakeClients) -> None:
    found = inspect(used, template(3))
    assert found.keys() == {"template", "quotas"}
    assert SUBJECT in found["quotas"].text


def test_what_does_not_fit_is_a_problem_with_numbers_and_the_way_to_more(used: FakeClients) -> None:
    finding = inspect(used, template(4))[SUBJECT]
    assert finding.level == "problem"
    assert finding.text.startswith("the account has 17, this stack adds 4, and 20 are allowed")
    assert "servicequotas/home/services/cloudfront" in finding.text


def test_what_the_stack_has_already_is_not_added_again(used: FakeClients) -> None:
    stack = used.cloudformation.add("Cairn")
    stack.resources = {f"Policy{n}": FakeResource(POLICY, f"p{n}", False, lambda _: None) for n in range(4)}
    assert SUBJECT not in inspect(used, template(4))


def test_a_quota_that_cannot_be_read_stops_nobody(used: FakeClients) -> None:
    used.answers.refuse("ListServiceQuotas", "AccessDeniedException")
    finding = inspect(used, template(4))[SUBJECT]
    assert finding.level == "note"
    assert "20 are allowed unless yours was raised" in finding.text


def test_a_list_of_several_pages_is_counted_to_its_end(clients: FakeClients) -> None:
    pages = iter([{"Quantity": 100, "NextMarker": "more"}, {"Quantity": 50}])

    class Pages(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            return {"ResponseHeadersPolicyList": next(pages)} if key == "ListResponseHeadersPolicies" else None

    clients.answers._answers = Pages()
    count = next(quota for quota in quotas.QUOTAS if quota.type == POLICY).used
    assert count(clients) == 150


def test_roles_are_counted_by_iam(clients: FakeClients) -> None:
    clients.answers.give("GetAccountSummary", {"SummaryMap": {"Roles": 990, "RolesQuota": 1000}})
    assert inspect(clients, template(11, "AWS::IAM::Role"))["IAM roles"].level == "problem"
    assert "IAM roles" not in inspect(clients, template(10, "AWS::IAM::Role"))


def test_a_template_beyond_cloudformations_limits_is_a_problem(clients: FakeClients) -> None:
    found = inspect(clients, template(501, "AWS::SQS::Queue"))["template"]
    assert (found.level, found.text) == ("problem", "501 resources, and CloudFormation allows 500")


def test_tables_pools_alarms_buckets_and_apis_are_counted_in_the_account(clients: FakeClients) -> None:
    kinds = ("AWS::DynamoDB::Table", "AWS::Cognito::UserPool", "AWS::CloudWatch::Alarm", "AWS::S3::Bucket")
    for kind in (*kinds, "AWS::ApiGatewayV2::Api"):
        (quota,) = (quota for quota in quotas.QUOTAS if quota.type == kind)
        assert quota.used(clients) == 0
        assert quota.subject in inspect(clients, template(1, kind))["quotas"].text
