"""The catalogue: its examples are of its schemas, and what is published is checked against them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, validators

from cairn.errors import BadInputError
from cairn.webhooks import catalogue
from cairn.webhooks.catalogue import CATALOGUE, MAX_DATA, MAX_TYPE, RESERVED, check_data, check_type
from cairn.webhooks.schema import KEYWORDS, violation
from testing.guides import block
from tests.unit.webhooks.values import objects, scalars, values

PUBLISHED = (
    *("milestone_reached", "user_created", "subscription_started", "subscription_updated"),
    *("payment_failed", "payment_recovered", "subscription_canceled", "trial_ending"),
    *("daily_goal_achieved", "feature_first_used"),
)


def is_number(_checker: object, value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_integer(checker: object, value: Any) -> bool:
    return is_number(checker, value) and Decimal(value) % 1 == 0


Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"number": is_number, "integer": is_integer}),
)
"""The reference; Decimal is a number to it, too."""


def keywords(schema: Any) -> set[str]:
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    inner += [schema[name] for name in ("items", "additionalProperties") if name in schema]
    return set(schema).union(*map(keywords, inner))


def test_the_sources_types_are_all_there() -> None:
    assert set(PUBLISHED) <= set(CATALOGUE)
    assert {"milestone_reverted", "streak_lost", "streak_restored", "user_deleted"} <= set(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_each_type_has_words_and_an_example_of_its_schema(name: str) -> None:
    type_ = CATALOGUE[name]
    assert type_.words.endswith(".")
    Draft202012Validator.check_schema(dict(type_.schema))
    assert list(Validator(type_.schema).iter_errors(type_.example)) == []
    assert set(type_.example) <= set(type_.schema["properties"])
    check_type(name)
    check_data(name, type_.example)


@pytest.mark.parametrize("name", CATALOGUE)
def test_schemas_use_only_what_is_checked(name: str) -> None:
    assert keywords(CATALOGUE[name].schema) <= KEYWORDS


@given(st.sampled_from(sorted(CATALOGUE)), st.data())
def test_our_check_finds_what_the_reference_finds(name: str, draw: st.DataObject) -> None:
    schema = {**CATALOGUE[name].schema}
    declared = sorted(schema["properties"]) or ["more"]
    changed = draw.draw(st.dictionaries(st.sampled_from(declared), scalars | objects | values, max_size=3))
    left_out = draw.draw(st.sets(st.sampled_from(declared), max_size=2))
    data = {key: value for key, value in {**CATALOGUE[name].example, **changed}.items() if key not in left_out}
    found = violation(data, without_formats(schema), "data")
    assert (found is None) == Validator(without_formats(schema)).is_valid(data), found


def without_formats(schema: Any) -> Any:
    """The reference treats formats as annotations."""
    if isinstance(schema, dict):
        return {key: without_formats(value) for key, value in schema.items() if key != "format"}
    return [without_formats(value) for value in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize(
    ("type_", "data", "field"),
    [
        ("payment_failed", {"amount": "49"}, "data.amount: must be a number"),
        ("payment_failed", {"amount": True}, "data.amount: must be a number"),
        ("payment_failed", {"currency": "usd"}, "data.currency: "),
        ("payment_failed", {"attempt": 1.5}, "data.attempt: must be a whole number"),
        ("payment_failed", {"attempt": -1}, "data.attempt: must be at least 0"),
        ("payment_failed", {"retryAt": "tomorrow"}, "data.retryAt: must be an instant"),
        ("payment_failed", {"retryAt": "2026-12-03"}, "data.retryAt: must be an instant"),
        ("subscription_started", {"interval": "fortnight"}, "data.interval: must be one of day, week"),
        ("daily_goal_achieved", {"streakDays": "7"}, "data.streakDays: must be a whole number or null"),
        ("daily_goal_achieved", {"streak_days": -1}, "data.streak_days: must be at least 0"),
        ("daily_goal_achieved", {"date": "30.11.2026"}, "data.date: must be like"),
        ("feature_first_used", {}, "data.feature: is missing"),
        ("feature_first_used", {"feature": None}, "data.feature: must be a text"),
        ("streak_lost", {"date": None}, "data.date: must be a text"),
        ("milestone_reached", {"milestone_type": "replies"}, "data.milestone: is missing"),
        ("milestone_reached", {"milestone_type": "replies", "milestone_value": "10"}, "data.milestone_value: "),
        ("milestone_reached", {"alsoPassed": [{"threshold": 1}]}, "data.alsoPassed.0.label: is missing"),
    ],
)
def test_data_that_a_type_does_not_have_is_refused_with_its_field(type_: str, data: Any, field: str) -> None:
    with pytest.raises(BadInputError) as refused:
        check_data(type_, data)
    assert refused.value.message.startswith(field)


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("user_created", {}),
        ("payment_failed", {"amount": 49, "card": {"last4": "4242"}}),
        ("payment_failed", {"amount": Decimal("49.00"), "attempt": 2.0, "retryAt": "2026-12-03T10:00:00+01:00"}),
        (
            "milestone_reached",
            {"milestone_type": "replies", "milestone_value": 10, "lifetime_total": 10, "is_first": False},
        ),
        ("daily_goal_achieved", {"streak_days": 7}),
        ("daily_goal_achieved", {"date": "2026-11-30", "streakDays": 7, "dailyGoal": None}),
        ("feature_first_used", {"feature": "meme"}),
        ("user_deleted", {}),
        ("acme.order_paid", {"anything": [{"at": "all"}]}),
    ],
)
def test_fields_may_be_absent_and_others_may_be_added(type_: str, data: Any) -> None:
    check_data(type_, data)


@pytest.mark.parametrize("name", RESERVED)
def test_what_cairn_adds_to_data_cannot_be_published_in_it(name: str) -> None:
    with pytest.raises(BadInputError, match=rf"data\.{name}"):
        check_data("acme.order_paid", {name: 1})


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "data",
    [
        [],
        "text",
        {"a": "x" * MAX_DATA},
        {"a": "é" * (MAX_DATA // 2)},
        {"a": float("inf")},
        {"a": Decimal("NaN")},
        {"a": b"bytes"},
        nested(12),
        {"a": [[[[[[[[[[[1]]]]]]]]]]]},
    ],
)
def test_data_that_cannot_be_sent_is_refused(data: Any) -> None:
    with pytest.raises(BadInputError, match="data"):
        check_data("acme.order_paid", data)


def test_a_number_beyond_all_bounds_takes_no_time() -> None:
    check_data("acme.order_paid", {"a": Decimal("1E+999999999")})
    check_data("payment_failed", {"attempt": Decimal("1E+999999")})


def test_ten_levels_and_the_largest_data_are_accepted() -> None:
    check_data("acme.order_paid", nested(10))
    check_data("acme.order_paid", {"a": "x" * (MAX_DATA - len('{"a":""}'))})


@pytest.mark.parametrize("name", ["acme.order_paid", "acme.order.paid_2", "A.b", "a" * (MAX_TYPE - 2) + ".b"])
def test_a_product_may_have_types_of_its_own(name: str) -> None:
    check_type(name)


@pytest.mark.parametrize(
    "name", ["", "order_paid", "acme.", ".acme", "acme..paid", "acme.order-paid", "acme.é", "acme .a", "a\n.b", "*"]
)
def test_a_type_without_a_dot_or_with_other_characters_is_refused(name: str) -> None:
    with pytest.raises(BadInputError, match="type"):
        check_type(name)


def test_a_type_that_is_too_long_is_refused() -> None:
    with pytest.raises(BadInputError, match="100"):
        check_type("a" * MAX_TYPE + ".b")


def test_a_type_that_follows_the_guide_is_as_the_others() -> None:
    """docs/architecture.md"""
    added = eval(block("event"), vars(catalogue))  # noqa: S307 - our own document
    assert added.name not in CATALOGUE
    check_type(f"acme.{added.name}")
    assert list(Validator(added.schema).iter_errors(added.example)) == []
    assert keywords(added.schema) <= KEYWORDS
    assert violation({**added.example, "members": -1}, added.schema, "data") == "data.members: must be at least 0"
