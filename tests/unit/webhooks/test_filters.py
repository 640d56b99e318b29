"""Filters choose events by their fields, strictly by type, and say what is wrong with one that cannot be read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.errors import BadInputError
from cairn.webhooks.filters import matches, parse, to_filter
from cairn.webhooks.model import Event
from testing.webhooks import event
from tests.unit.webhooks.values import names, numbers, objects, scalars

MILESTONE = {
    "rule": "revenue",
    "threshold": 25_000,
    "value": Decimal("25400.50"),
    "isFirst": False,
    "period": "all-time",
    "details": {"team": "North", "user_id": None},
    "alsoPassed": [{"threshold": 10_000}],
}


def milestone() -> Event:
    return event(MILESTONE, type="milestone_reached", subject="rep:17")


def wanted(filter_json: object) -> bool:
    return matches(parse(filter_json), milestone())


@pytest.mark.parametrize(
    "filter_json",
    [
        None,
        {},
        {"rule": "revenue"},
        {"rule": {"eq": "revenue"}, "threshold": {"gte": 1000}},
        {"subject": {"in": ["rep:16", "rep:17"]}, "type": "milestone_reached"},
        {"threshold": 25_000.0},
        {"value": 25_400.5},
        {"threshold": {"gte": 25_000}},
        {"threshold": {"gte": 1, "in": [10_000, 25_000], "exists": True}},
        {"details.team": {"exists": True}},
        {"details.user_id": {"exists": False}},
        {"details.user_id": None},
        {"details.nothing.deeper": {"exists": False}},
        {"isFirst": False},
        {"data.rule": "revenue"},
        {"milestone_type": "revenue", "milestone_value": {"in": [10_000, 25_000]}},
        {"is_first": False},
    ],
)
def test_an_event_that_meets_all_conditions_is_wanted(filter_json: object) -> None:
    assert wanted(filter_json)


@pytest.mark.parametrize(
    "filter_json",
    [
        {"rule": "signups"},
        {"rule": "revenue", "threshold": {"gte": 25_001}},
        {"threshold": "25000"},
        {"rule": {"gte": 1}},
        {"isFirst": 0},
        {"isFirst": {"gte": 0}},
        {"details.user_id": {"exists": True}},
        {"nothing": None},
        {"nothing": {"in": [None]}},
        {"details": "North"},
        {"alsoPassed": 10_000},
        {"rule.deeper": {"exists": True}},
    ],
)
def test_an_event_that_misses_one_condition_is_not(filter_json: object) -> None:
    assert not wanted(filter_json)


@pytest.mark.parametrize(
    ("filter_json", "field"),
    [
        ([], "filter: "),
        ("rule", "filter: "),
        ({"rule": ["revenue"]}, "filter.rule: "),
        ({"rule": {}}, "filter.rule: "),
        ({"rule": {"like": "rev%"}}, "filter.rule.like: "),
        ({"rule": {"eq": {"a": 1}}}, "filter.rule.eq: "),
        ({"rule": {"in": "revenue"}}, "filter.rule.in: "),
        ({"rule": {"in": []}}, "filter.rule.in: "),
        ({"rule": {"in": list(range(101))}}, "filter.rule.in: "),
        ({"threshold": {"gte": "1000"}}, "filter.threshold.gte: "),
        ({"threshold": {"gte": True}}, "filter.threshold.gte: "),
        ({"threshold": float("nan")}, "filter.threshold: "),
        ({"details.team": {"exists": 1}}, "filter.details.team.exists: "),
        ({"": 1}, "filter.: "),
        ({"a..b": 1}, "filter.a..b: "),
        ({"a" * 201: 1}, "filter.a"),
        ({"rule": "a" * 501}, "filter.rule: "),
        ({f"field{number}": 1 for number in range(21)}, "filter: at most 20"),
    ],
)
def test_a_filter_that_cannot_be_read_says_where(filter_json: object, field: str) -> None:
    with pytest.raises(BadInputError) as refused:
        parse(filter_json)
    assert refused.value.message.startswith(field)


conditions = st.one_of(
    st.fixed_dictionaries({"eq": scalars}),
    st.fixed_dictionaries({"in": st.lists(scalars, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"gte": numbers}),
    st.fixed_dictionaries({"exists": st.booleans()}),
)
filters = st.dictionaries(names.filter(lambda name: "." not in name), conditions, max_size=3)


@given(filters)
def test_a_filter_is_shown_as_it_was_written(filter_json: dict[str, Any]) -> None:
    assert to_filter(parse(filter_json)) == filter_json


@given(filters, filters, objects)
def test_two_filters_together_want_what_both_want(
    one: dict[str, Any], other: dict[str, Any], data: dict[str, Any]
) -> None:
    both = (*parse(one), *parse(other))
    assert matches(both, event(data)) == (matches(parse(one), event(data)) and matches(parse(other), event(data)))


@given(objects, scalars)
def test_every_field_is_found_by_its_own_value_and_by_no_other_type(data: dict[str, Any], other: object) -> None:
    for name, value in data.items():
        if isinstance(value, dict | list) or "." in name:
            continue
        assert matches(parse({f"data.{name}": {"eq": value}}), event(data))
        if isinstance(other, bool) != isinstance(value, bool) or isinstance(other, str) != isinstance(value, str):
            assert not matches(parse({f"data.{name}": {"eq": other}}), event(data))
