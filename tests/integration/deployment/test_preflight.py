"""`make preflight`: each state of an account is one line that says what to do, and none keeps the others unsaid."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    UnauthorizedSSOTokenError,
)

from operations.deployment import preflight
from operations.deployment.findings import Finding
from operations.stack import OperationError
from operations.target import Target
from testing.deployment import FakeCdk, FakeClients, create_stack, target

Inspect = Callable[..., dict[str, Finding]]


@pytest.fixture
def inspect(clients: FakeClients, cdk: FakeCdk, settings: dict[str, Any]) -> Inspect:
    """The findings by subject; a subject has one, or the last."""

    def run(aimed: Target | None = None, **chosen: Any) -> dict[str, Finding]:
        found = preflight.inspect(aimed or target(), clients, cdk, {**settings, **chosen})
        return {finding.subject: finding for finding in found}

    return run


def problems(found: dict[str, Finding]) -> set[str]:
    return {finding.subject for finding in found.values() if finding.level == "problem"}


def test_an_account_that_is_ready_has_no_problem_and_each_finding_is_one_line(inspect: Inspect) -> None:
    found = inspect()
    assert problems(found) == set()
    assert found.keys() >= {"Python", "Node", "CDK", "target", "credentials", "bootstrap", "stack", "quotas"}
    assert not any("\n" in str(finding) for finding in found.values())
    assert found["credentials"].text.startswith("account 123456789012")
    assert found["stack"].text == "none yet: this is the first deployment"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NoCredentialsError(), "there are none. Sign in"),
        (ProfileNotFound(profile="work"), r"they cannot be used: .*\(work\)"),
        (UnauthorizedSSOTokenError(), "they cannot be used: .*SSO session"),
        (EndpointConnectionError(endpoint_url="https://sts"), "cannot reach AWS: .*Is this machine online"),
        (ConnectTimeoutError(endpoint_url="https://sts"), "cannot reach AWS"),
    ],
)
def test_without_credentials_that_work_the_reason_is_said_and_nothing_else_is_tried(
    inspect: Inspect, clients: FakeClients, error: Exception, says: str
) -> None:
    clients.answers.give("GetCallerIdentity", error)
    found = inspect()
    assert problems(found) == {"credentials"}
    assert_says(found["credentials"], says)
    assert found["everything else"].level == "unknown"
    assert "bootstrap" not in found


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("InvalidClientTokenId", r"does not accept them \(InvalidClientTokenId\).*enabled in the account"),
        ("SignatureDoesNotMatch", r"does not accept them .*clock right"),
        ("ExpiredToken", "they have expired: sign in again"),
        ("AccessDenied", "lack the permission for GetCallerIdentity"),
    ],
)
def test_wrong_and_expired_credentials_are_told_apart(
    inspect: Inspect, clients: FakeClients, code: str, says: str
) -> None:
    clients.answers.refuse("GetCallerIdentity", code, "AWS's words")
    found = inspect()
    assert problems(found) == {"credentials"}
    assert_says(found["credentials"], says)


def test_a_region_that_lacks_what_the_stack_needs_is_a_problem_also_without_credentials(
    inspect: Inspect, clients: FakeClients
) -> None:
    clients.answers.give("GetCallerIdentity", NoCredentialsError())
    assert_says(inspect(target(region="eu-central-2"))["region"], "eu-central-2 has no Lambda function URLs")
    assert_says(inspect(target(region="eu-west-9"))["region"], "eu-west-9 is no region")


def test_an_account_that_is_not_bootstrapped_or_long_ago_is_told_the_command(
    inspect: Inspect, clients: FakeClients
) -> None:
    clients.answers.refuse("GetParameter", "ParameterNotFound")
    assert_says(inspect()["bootstrap"], "not prepared for the CDK in us-east-1: run make bootstrap, once")
    clients.answers.give("GetParameter", {"Parameter": {"Value": "5"}})
    given = Target("Second", "us-east-1", "--stack", "--region")
    assert_says(inspect(given)["bootstrap"], "version 5 is too old.*make bootstrap STACK=Second REGION=us-east-1")


def test_a_failed_first_deployment_is_told_with_its_cause(inspect: Inspect, clients: FakeClients) -> None:
    create_stack(clients, "Cairn", fails_because="Your account must be verified.")
    found = inspect()["stack"]
    assert found.level == "note"
    assert_says(found, "ROLLBACK_COMPLETE: .*CdnDistribution: Your account must be verified. The next one deletes")


def test_a_failed_first_deployment_of_version_0_1_0_needs_the_undo(inspect: Inspect, clients: FakeClients) -> None:
    """It was protected, and the CDK cannot delete it."""
    create_stack(clients, "Cairn", fails_because="no", retain_all=True, protect=True)
    assert_says(inspect()["stack"], "ROLLBACK_COMPLETE: .*Run make undo", level="problem")


@pytest.mark.parametrize(
    ("status", "level", "says"),
    [
        ("CREATE_COMPLETE", "ok", "CREATE_COMPLETE"),
        ("UPDATE_ROLLBACK_COMPLETE", "ok", "UPDATE_ROLLBACK_COMPLETE"),
        ("REVIEW_IN_PROGRESS", "ok", "first deployment"),
        ("UPDATE_IN_PROGRESS", "problem", "wait until CloudFormation has finished"),
        ("UPDATE_ROLLBACK_FAILED", "problem", "docs/operations.md"),
        ("DELETE_FAILED", "problem", "make undo continues"),
        ("CREATE_FAILED", "problem", "Run make undo"),
    ],
)
def test_a_stack_that_cannot_be_updated_is_a_problem(
    inspect: Inspect, clients: FakeClients, status: str, level: str, says: str
) -> None:
    clients.cloudformation.add("Cairn", status)
    assert_says(inspect()["stack"], says, level=level)


def test_a_new_accounts_concurrency_is_told_and_what_cannot_be_reserved_is_a_problem(
    inspect: Inspect, clients: FakeClients
) -> None:
    limits = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
    clients.answers.give("GetAccountSettings", {"AccountLimit": limits})
    assert_says(inspect()["concurrency"], "runs only 10 functions at a time", level="note")
    reserved = {"detect_milestone": 1}
    assert_says(
        inspect(reserved_concurrency=reserved)["concurrency"], "wants 1 of the account's 10, and 0 can", level="problem"
    )
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 120}
    clients.answers.give("GetAccountSettings", {"AccountLimit": limits})
    assert problems(inspect(reserved_concurrency={"notify": 20})) == set()
    assert problems(inspect(reserved_concurrency={"notify": 21})) == {"concurrency"}


def test_what_a_stack_reserves_already_counts_once(inspect: Inspect, clients: FakeClients) -> None:
    stack = create_stack(clients, "Cairn")
    stack.resources["Function"] = stack.resources["Alarms"]
    stack.resources["Function"].kind = "AWS::Lambda::Function"
    clients.answers.give("GetFunctionConcurrency", {"ReservedConcurrentExecutions": 20})
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 100}
    clients.answers.give("GetAccountSettings", {"AccountLimit": limits})
    assert problems(inspect(reserved_concurrency={"notify": 20})) == set()


def test_an_account_that_has_never_used_cloudfront_is_told_how_a_refusal_would_look(
    inspect: Inspect, clients: FakeClients
) -> None:
    clients.answers.give("ListDistributions", {"DistributionList": {"Quantity": 0}})
    assert_says(inspect()["CloudFront"], "must be verified.*support", level="note")


@pytest.mark.parametrize(
    ("certificate", "level", "says"),
    [
        ({"DomainName": "wall.example.com", "Status": "ISSUED"}, "ok", "issued, for wall.example.com"),
        ({"DomainName": "*.example.com", "Status": "ISSUED"}, "ok", "issued"),
        (
            {"DomainName": "a.example", "SubjectAlternativeNames": ["wall.example.com"], "Status": "ISSUED"},
            "ok",
            "issued",
        ),
        ({"DomainName": "wall.example.com", "Status": "PENDING_VALIDATION"}, "problem", "create the DNS record"),
        ({"DomainName": "*.com", "Status": "ISSUED"}, "problem", r"it is for \*\.com, not for domain_name wall"),
    ],
)
def test_a_certificate_that_cloudfront_would_refuse_is_a_problem(
    inspect: Inspect, clients: FakeClients, certificate: dict[str, Any], level: str, says: str
) -> None:
    clients.answers.give("DescribeCertificate", {"Certificate": certificate})
    chosen = {"domain_name": "wall.example.com", "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/1"}
    assert_says(inspect(**chosen)["certificate"], says, level=level)
    assert "certificate" not in inspect()
    clients.answers.refuse("DescribeCertificate", "ResourceNotFoundException")
    assert_says(inspect(**chosen)["certificate"], "has no certificate", level="problem")


def test_the_functions_python_may_be_missing_but_not_be_another(
    inspect: Inspect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHON_313", str(tmp_path / "nothing"))
    assert_says(inspect()["Python"], "PYTHON_313=.* is not CPython 3.13", level="problem")


def test_a_missing_permission_is_named_and_stops_no_other_check(inspect: Inspect, clients: FakeClients) -> None:
    for operation in ("GetParameter", "GetAccountSettings", "ListDistributions", "GetAccountSummary", "ListBuckets"):
        clients.answers.refuse(operation, "AccessDeniedException", "not authorized")
    found = inspect()
    assert problems(found) == set()
    assert_says(
        found["bootstrap"], "not checked: the credentials lack the permission for GetParameter", level="unknown"
    )
    assert {name for name, finding in found.items() if finding.level == "unknown"} == {
        *("bootstrap", "concurrency", "CloudFront", "IAM roles", "S3 buckets")
    }
    assert found["stack"].level == "ok"


def test_a_template_that_cannot_be_synthesised_says_which_setting_is_wrong(
    clients: FakeClients, settings: dict[str, Any]
) -> None:
    class Broken(FakeCdk):
        def synthesise(self, target: Target, settings: object) -> dict[str, Any]:
            raise OperationError("SettingsError: cdk.json, context: time_zone")

    found = list(preflight.inspect(target(), clients, Broken(clients), settings))
    assert_says(found[-1], "time_zone", level="problem")


def assert_says(finding: Finding, pattern: str, *, level: str | None = None) -> None:
    assert re.search(pattern, finding.text), finding.text
    assert level is None or finding.level == level, finding
