"""Each reason for not following a rule of cdk-nag is true: it names the tests that keep it so, or why none can."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.infrastructure.template import Template

ROOT = Path(__file__).parent.parent.parent
INFRASTRUCTURE, IDENTITY = "tests/infrastructure", "tests/integration/identity"

KEPT_TRUE_BY: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("AwsSolutions-APIG1", "Access logs need a role for the whole account"): (
        "tests/integration/realtime/test_ws_connect.py::test_a_room_that_is_refused_is_in_the_audit_trail",
        (
            "tests/integration/realtime/test_ws_connect.py::"
            "test_a_ticket_that_was_never_issued_is_rejected_and_not_ignored"
        ),
    ),
    ("AwsSolutions-APIG4", "Anybody may connect"): (
        "tests/integration/realtime/test_ws_connect.py::test_a_ticket_lets_in_once",
        "tests/integration/realtime/test_ws_connect.py::test_a_room_that_is_refused_is_in_the_audit_trail",
    ),
    ("AwsSolutions-CFR1", "Creators and their fans are everywhere"): (),
    ("AwsSolutions-CFR2", "WAF has a monthly price"): (
        f"{INFRASTRUCTURE}/test_cdn.py::test_a_web_acl_is_one_line_of_cdk_json",
        (
            f"{INFRASTRUCTURE}/test_cdn.py::"
            "test_every_function_with_a_url_rejects_what_does_not_come_through_this_distribution"
        ),
        "tests/integration/test_cdn.py::test_a_request_without_the_distributions_key_is_rejected",
    ),
    ("AwsSolutions-CFR3", "The audit trail has who signs in, writes or is refused"): (
        "tests/integration/api/test_audit.py::test_every_route_that_writes_leaves_a_line_and_none_that_reads_does",
        "tests/integration/api/test_audit.py::test_every_route_that_refuses_somebody_leaves_a_line",
        "tests/integration/api/test_audit.py::test_each_sign_in_sign_out_and_refusal_says_which_name_and_from_where",
    ),
    ("AwsSolutions-CFR4", "AWS sets the TLS minimum"): (f"{INFRASTRUCTURE}/test_cdn.py::test_everything_is_tls",),
    ("AwsSolutions-COG2", "A TV on the wall signs in too"): (
        f"{INFRASTRUCTURE}/test_identity.py::test_people_may_turn_on_codes_of_an_app_and_nothing_sends_text_messages",
        f"{IDENTITY}/test_account.py::test_a_second_factor_is_on_once_a_code_of_it_was_seen",
        f"{IDENTITY}/test_account.py::test_with_a_second_factor_a_sign_in_needs_the_password_and_then_the_code",
    ),
    ("AwsSolutions-COG8", "Threat protection costs money"): (
        f"{INFRASTRUCTURE}/test_identity.py::test_threat_protection_is_one_line_of_cdk_json",
        f"{IDENTITY}/test_account.py::test_cognito_is_told_from_where_somebody_signs_in",
    ),
    ("AwsSolutions-IAM5", "API Gateway names sockets when they connect"): (
        (
            f"{INFRASTRUCTURE}/test_access.py::"
            "test_only_functions_of_rooms_may_post_to_sockets_and_count_viewers_may_look_them_up_in_this_stack_alone"
        ),
    ),
    ("AwsSolutions-L1", "Python 3.13 is chosen"): (
        f"{INFRASTRUCTURE}/test_functions.py::test_every_function_runs_on_the_same_python_without_tracing",
    ),
    ("AwsSolutions-S1", "Only CloudFront reads it"): (
        f"{INFRASTRUCTURE}/test_cdn.py::test_the_pages_bucket_is_private_encrypted_and_read_by_this_distribution_alone",
    ),
    ("AwsSolutions-SMG4", "The distribution and the functions have to change together"): (
        f"{INFRASTRUCTURE}/test_cdn.py::test_while_the_key_is_rotated_the_one_before_is_still_accepted",
    ),
    ("AwsSolutions-SMG4", "The platform issues the keys"): (
        f"{INFRASTRUCTURE}/test_state.py::test_the_stack_never_writes_over_an_operators_keys",
    ),
    ("AwsSolutions-SQS3", "It holds dead letters itself"): (
        f"{INFRASTRUCTURE}/test_monitoring.py::test_an_alarm_watches_every_place_where_failures_end",
    ),
}
"""A rule and the beginning of a reason, with the tests of what the reason claims. CFR1 claims nothing of the code."""


@pytest.fixture
def reasons(template: Template) -> set[tuple[str, str]]:
    """Each rule that is not followed somewhere, with the reason."""
    found = [
        rule
        for resource in template.body["Resources"].values()
        for rule in resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", [])
    ]
    return {(rule["id"], rule["reason"]) for rule in found}


def test_every_reason_has_tests_that_keep_it_true(reasons: set[tuple[str, str]]) -> None:
    known = {
        reason
        for reason in reasons
        for rule, beginning in KEPT_TRUE_BY
        if reason[0] == rule and reason[1].startswith(beginning)
    }
    assert reasons == known, "say which tests keep the reason true"
    assert len(known) == len(KEPT_TRUE_BY), "a reason that is no longer given"


@pytest.mark.parametrize("name", sorted({name for names in KEPT_TRUE_BY.values() for name in names}))
def test_the_tests_that_keep_the_reasons_true_exist(name: str) -> None:
    file, _, test = name.partition("::")
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_no_reason_promises_what_could_be_done(reasons: set[tuple[str, str]]) -> None:
    """Such as "can be added at any time", which nobody had tried."""
    assert [reason for _, reason in reasons if "at any time" in reason or " can turn on" in reason] == []
