"""The evaluator of policies decides as IAM does; what it does not know it does not guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from testing.iam import Request, Statement, UnknownPolicyElementError, allows

KEYS = "dynamodb:LeadingKeys"


def allow(
    action: str | list[str] = "dynamodb:PutItem",
    resource: str = "arn:Table",
    conditions: Mapping[str, str | list[str]] | None = None,
) -> Statement:
    """`conditions` are of the keys of items, by operator."""
    of_keys = {operator: {KEYS: values} for operator, values in (conditions or {}).items()}
    return Statement.of({"Effect": "Allow", "Action": action, "Resource": resource, "Condition": of_keys})


def when(**conditions: str | list[str]) -> Statement:
    return allow(conditions=conditions)


def decided(
    *statements: Statement, action: str = "dynamodb:PutItem", resource: str = "arn:Table", **context: Sequence[str]
) -> bool:
    return allows(statements, Request(action, resource, {KEYS: context["keys"]} if context else {}))


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    assert not decided()
    assert not decided(allow(action="dynamodb:GetItem"))
    assert not decided(allow(resource="arn:Other"))
    assert decided(allow())


@pytest.mark.parametrize("pattern", ["*", "dynamodb:*", "dynamodb:Put*", "dynamodb:?utItem", "DynamoDB:putitem"])
def test_a_pattern_of_actions_counts_for_each_that_it_matches(pattern: str) -> None:
    assert decided(allow(pattern))
    assert decided(allow(["sqs:SendMessage", pattern]))


@pytest.mark.parametrize("pattern", ["dynamodb:Put", "dynamodb:Pu?Items", "Item", "dynamodb-Put*"])
def test_a_pattern_matches_whole_actions(pattern: str) -> None:
    assert not decided(allow(pattern))


def test_a_tables_arn_is_not_its_indexes_and_a_pattern_is_both() -> None:
    index = "arn:Table/index/by_time"
    assert not decided(allow(), resource=index)
    assert decided(allow(resource="arn:Table*"), resource=index)
    assert not decided(allow(resource="arn:table*"), resource=index)


def test_a_denial_outweighs_every_permission() -> None:
    deny = Statement.of({"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*"})
    assert not decided(allow(), deny)


def test_every_key_of_a_request_must_match_one_of_the_patterns() -> None:
    one = when(**{"ForAllValues:StringLike": ["channel:live:*", "rep:?"]})
    assert decided(one, keys=["channel:live:demo", "rep:1"])
    assert not decided(one, keys=["channel:live:demo", "channel:youtube:1"])
    assert not decided(one, keys=["rep:17"])


def test_for_all_values_holds_for_a_request_without_the_key_and_for_any_value_does_not() -> None:
    """So an action that names no key, such as Scan, must never be granted with such a condition."""
    assert decided(when(**{"ForAllValues:StringLike": "rep:*"}))
    assert not decided(when(**{"ForAnyValue:StringLike": "rep:*"}))
    assert not decided(when(StringLike="rep:*"))
    assert decided(when(StringLikeIfExists="rep:*"))
    present = when(**{"ForAllValues:StringLike": "rep:*", "Null": "false"})
    assert not decided(present)
    assert decided(present, keys=["rep:1"])


def test_all_conditions_of_a_statement_must_hold() -> None:
    both = when(StringLike="rep:*", StringEquals=["rep:1", "rep:2"])
    assert decided(both, keys=["rep:2"])
    assert not decided(both, keys=["rep:3"])


def test_equality_knows_no_pattern() -> None:
    assert not decided(when(StringEquals="rep:*"), keys=["rep:1"])


def test_what_is_not_modelled_is_an_error() -> None:
    with pytest.raises(UnknownPolicyElementError, match="NotAction"):
        Statement.of({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})
    for operator in ("NumericLessThan", "StringNotLike", "ForSomeValues:StringLike"):
        with pytest.raises(UnknownPolicyElementError, match="condition operator"):
            decided(when(**{operator: "1"}), keys=["1"])
