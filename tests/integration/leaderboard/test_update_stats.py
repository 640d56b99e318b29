"""A rep's new numbers: accepted as the source sends them, rejected by field name, answered with what they pass."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testing.dynamodb import stored
from testing.leaderboard import REPS, Floor

FIELDS = (
    "monthlyRevenue",
    "yearlyRevenue",
    "allTimeRevenue",
    "monthlySignups",
    "yearlySignups",
    "goalProgress",
    "monthlyGrowth",
    "yearlyGrowth",
)
MONEY, COUNTS = FIELDS[:3], FIELDS[3:5]


def types(answer: Any) -> list[str]:
    return [one["type"] for one in answer["milestones"]]


# -- what is accepted


def test_the_sources_quick_start_passes_what_it_says(floor: Floor) -> None:
    rep = floor.hire("Ada", team="North", avatar="🦊", userId=7)
    answer = floor.update(rep, monthlySignups="25", monthlyRevenue="50000", goalProgress="125")
    assert set(answer) == {"success", "rep", "milestones", "rankChange"}
    assert answer["success"] is True
    assert answer["rep"] == floor.rep(rep)
    shown = {one["type"]: one for one in answer["milestones"]}
    assert sorted(shown) == ["bonus_tier", "goal_achieved", "rank_change", "revenue", "signups"]
    assert "2026-11-20T12:00" in shown["revenue"].pop("achievedAt")
    assert shown["revenue"] == {
        "id": f"rep:{rep}/revenue/2026-11/50000",
        "type": "revenue",
        "title": "$50,000 in a month",
        "description": "Monthly revenue passed $50,000.",
        "value": 50_000,
        "emoji": "💰",
        "color": "bg-green-500",
        "alsoPassed": [{"threshold": 10_000, "label": "$10,000"}, {"threshold": 25_000, "label": "$25,000"}],
        "salesRep": {
            "id": rep,
            "name": "Ada",
            "avatar": "🦊",
            "team": "North",
            "monthlyRevenue": 50_000,
            "monthlySignups": 25,
            "goalProgress": 125,
            "currentBonusTier": 3,
        },
    }
    assert {name: one["value"] for name, one in shown.items()} == {
        "revenue": 50_000,
        "signups": 25,
        "bonus_tier": "💎",
        "goal_achieved": "125%",
        "rank_change": "#1",
    }


def test_a_sale_recorded_as_the_source_does_it_is_exact(floor: Floor) -> None:
    rep = floor.hire(monthlyRevenueGoal=30_000, monthlyRevenue="0.10")
    revenue = floor.rep(rep)["monthlyRevenue"]
    assert revenue == 0.1
    answer = floor.update(
        rep,
        monthlyRevenue="0.30",
        monthlySignups="1",
        yearlyRevenue="0.3",
        goalProgress=str(0.3 / 30_000 * 100),
    )
    assert (answer["rep"]["monthlyRevenue"], answer["rep"]["yearlyRevenue"]) == (0.3, 0.3)
    noise = floor.try_update(rep, {"monthlyRevenue": 0.1 + 0.2})
    assert noise.status == 400
    assert "two decimals" in noise.error
    assert "0.30000000000000004" not in floor.api("GET", f"{REPS}/{rep}").text


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_may_come_alone_and_leaves_the_others(floor: Floor, field: str) -> None:
    rep = floor.hire(**dict.fromkeys(FIELDS, 3))
    before = floor.rep(rep)
    after = floor.update(rep, **{field: "12"})["rep"]
    assert after == before | {field: 12, "asOf": after["asOf"]}


@pytest.mark.parametrize(
    ("sent", "value"),
    [(5, 5), ("5", 5), (" 5 ", 5), ("5.0", 5), (5.0, 5), ("+5", 5), ("05", 5), ("5e0", 5), ("5.", 5), ("-0", 0)],
)
def test_a_number_may_be_a_text_with_spaces_around_it(one_floor: Floor, sent: object, value: int) -> None:
    rep = one_floor.hire()
    answer = one_floor.update(rep, monthlyRevenue=sent, monthlySignups=sent, goalProgress=sent)["rep"]
    assert (answer["monthlyRevenue"], answer["monthlySignups"], answer["goalProgress"]) == (value,) * 3


@pytest.mark.parametrize(("sent", "shown"), [("99.999", 99.99), (99.996, 99.99), ("100.001", 100), (1e-7, 0)])
def test_per_cent_are_rounded_down_so_that_nothing_is_passed_too_early(
    one_floor: Floor, sent: object, shown: float
) -> None:
    answer = one_floor.update(one_floor.hire(), goalProgress=sent, monthlyGrowth=sent)
    assert (answer["rep"]["goalProgress"], answer["rep"]["monthlyGrowth"]) == (shown, shown)
    assert ("goal_achieved" in types(answer)) == (shown >= 100)


def test_the_highest_accepted_value_is_shown_to_the_cent(one_floor: Floor) -> None:
    highest = {"monthlyRevenue": "999999999999.99", "monthlySignups": 10**9, "goalProgress": 10**9}
    answer = one_floor.try_update(one_floor.hire(), highest)
    assert answer.status == 200
    assert '"monthlyRevenue":999999999999.99,' in answer.text
    assert '"goalProgress":1000000000,' in answer.text


# -- what is rejected


@pytest.fixture
def rep(one_floor: Floor) -> int:
    return somebody(one_floor)


def somebody(floor: Floor) -> int:
    """Any rep: no test here changes them, which is what they are about."""
    return 1 if stored("STATS_TABLE").items() else floor.hire("Grace", monthlyRevenue=7)


def rejected(floor: Floor, rep: int, field: str, *, body: object = None, raw: str | None = None) -> None:
    before = stored("STATS_TABLE").records()[-1]
    path = f"{REPS}/{rep}/update-stats"
    answer = floor.api("POST", path, raw=raw) if raw else floor.api("POST", path, body)
    assert answer.status == 400, answer.text
    assert field in answer.error
    assert stored("STATS_TABLE").records()[-1] is before


@pytest.mark.parametrize("field", FIELDS)
def test_what_is_no_number_is_rejected_by_the_name_of_its_field(one_floor: Floor, rep: int, field: str) -> None:
    for wrong in (
        *("-1", "-0.01", "NaN", "Infinity", "-Infinity", "1e400", "1e99999999999999999999", "1e-99999999999999999999"),
        *('""', '" "', '"abc"', '"1 2"', '"1,000"', '"$5"', '"5%"', '"0x10"', '"1_000"', '"١٢"', '"５"', '"--5"'),
        *('"NaN"', '"sNaN"', '"Infinity"', '"-inf"', '"-5"', '"1e400"', '"1e999999999"', '"1e-999999999"'),
        *("null", "true", "false", "[]", "[5]", "{}", '{"amount": 5}', '[[["5"]]]'),
    ):
        rejected(one_floor, rep, field, raw=f'{{"{field}": {wrong}}}')
        rejected(one_floor, rep, field, raw=f'{{"monthlySignups": 9, "{field}": {wrong}}}')


@pytest.mark.parametrize("field", MONEY)
def test_money_is_in_cents_and_within_bounds(one_floor: Floor, rep: int, field: str) -> None:
    for wrong in (
        "0.001",
        '"0.001"',
        '"5.' + "0" * 40 + '1"',
        "5e-3",
        "1e12",
        '"1000000000000"',
        '"1' + "0" * 5000 + '"',
    ):
        rejected(one_floor, rep, field, raw=f'{{"{field}": {wrong}}}')


@pytest.mark.parametrize("field", COUNTS)
def test_a_count_is_whole_and_within_bounds(one_floor: Floor, rep: int, field: str) -> None:
    for wrong in (0.5, "0.5", "1.00000000000000000000000000001", 10**9 + 1, str(10**30)):
        rejected(one_floor, rep, field, body={field: wrong})


@pytest.mark.parametrize(
    "field",
    [
        *(
            "id",
            "name",
            "team",
            "avatar",
            "userId",
            "rank",
            "currentBonusTier",
            "bonusTier",
            "podium",
            "badges",
            "asOf",
        ),
        *("monthly_revenue", "MonthlyRevenue", "monthlyRevenueGoal", "__proto__", "metrics", "details", "", "é"),
    ],
)
def test_any_other_field_is_rejected_even_with_a_good_one(one_floor: Floor, rep: int, field: str) -> None:
    rejected(one_floor, rep, field, body={field: 5})
    rejected(one_floor, rep, field, body={"monthlyRevenue": 5, field: 5})


def test_each_wrong_field_is_named(one_floor: Floor, rep: int) -> None:
    answer = one_floor.try_update(rep, {"monthlyRevenue": -1, "monthlySignups": "x", "rank": 1, "yearlyRevenue": 5})
    assert [detail["field"] for detail in answer.json["details"]] == ["monthlyRevenue", "monthlySignups", "rank"]


def test_an_empty_update_is_answered_with_the_fields_there_are(one_floor: Floor, rep: int) -> None:
    for field in FIELDS:
        rejected(one_floor, rep, field, body={})
    for raw in ("null", "[]", '[{"monthlyRevenue": 5}]', "5", '"monthlyRevenue"'):
        rejected(one_floor, rep, "must be a JSON object", raw=raw)
    assert one_floor.api("POST", f"{REPS}/{rep}/update-stats").status == 400


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["5", "1e5", "-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
near_misses = st.dictionaries(st.sampled_from([*FIELDS, "rank", "x"]), anything | st.integers(0, 10**13), max_size=3)


@settings(max_examples=40, deadline=None)
@given(body=near_misses | anything)
def test_no_json_is_answered_with_a_500_and_what_is_rejected_changes_nothing(one_floor: Floor, body: object) -> None:
    rep = somebody(one_floor)
    written = len(stored("STATS_TABLE").records())
    answer = one_floor.try_update(rep, body)
    assert answer.status in (200, 400), answer.text
    if answer.status == 400:
        assert answer.error
        assert len(stored("STATS_TABLE").records()) == written
    elif isinstance(body, dict):
        assert body.keys() <= set(FIELDS)
        assert all(answer.json["rep"][name] >= 0 for name in body)


# -- what is passed


def test_what_was_passed_before_is_not_passed_again(floor: Floor) -> None:
    rep = floor.hire()
    assert sorted(types(floor.update(rep, monthlyRevenue=10_000))) == ["rank_change", "revenue"]
    assert types(floor.update(rep, monthlyRevenue=10_001)) == []
    assert types(floor.update(rep, monthlyRevenue=5_000)) == []
    assert types(floor.update(rep, monthlyRevenue=24_999)) == []
    (passed,) = floor.update(rep, monthlyRevenue=80_000)["milestones"]
    assert (passed["value"], [one["label"] for one in passed["alsoPassed"]]) == (75_000, ["$25,000", "$50,000"])


def test_the_rank_change_is_positive_when_the_rank_improves(floor: Floor) -> None:
    reps = [floor.hire(monthlyRevenue=revenue) for revenue in (400, 300, 300, 200, 100)]
    rise = floor.update(reps[4], monthlyRevenue=350)
    assert (rise["rep"]["rank"], rise["rankChange"]) == (2, 3)
    fall = floor.update(reps[0], monthlyRevenue=150)
    assert (fall["rep"]["rank"], fall["rankChange"]) == (5, -4)
    level = floor.update(reps[3], monthlyRevenue=300)
    assert (level["rep"]["rank"], level["rankChange"]) == (2, 2)
    still = floor.update(reps[3], monthlySignups=3)
    assert (still["rep"]["rank"], still["rankChange"]) == (2, 0)
    assert floor.ranks() == {reps[4]: 1, reps[1]: 2, reps[2]: 2, reps[3]: 2, reps[0]: 5}


def test_only_a_better_rank_than_before_in_the_month_is_passed(floor: Floor) -> None:
    first, second = floor.hire(monthlyRevenue=900), floor.hire(monthlyRevenue=800)
    mine = floor.hire()
    assert types(floor.update(mine, monthlyRevenue=10)) == ["rank_change"]
    floor.update(mine, monthlyRevenue=0)
    assert types(floor.update(mine, monthlyRevenue=20)) == []
    (passed,) = floor.update(mine, monthlyRevenue=1000)["milestones"]
    assert (passed["value"], [one["label"] for one in passed["alsoPassed"]]) == ("#1", ["#2"])
    assert floor.ranks() == {mine: 1, first: 2, second: 3}


def test_a_rank_with_nothing_sold_is_no_achievement(floor: Floor) -> None:
    rep = floor.hire()
    assert floor.update(rep, monthlySignups=5)["rep"]["rank"] == 1
    assert types(floor.update(rep, monthlyRevenue=0)) == []


def test_what_is_answered_is_what_the_stream_announces(floor: Floor) -> None:
    rep = floor.hire(userId=7)
    answer = floor.update(rep, monthlySignups=42, monthlyRevenue=120_000, goalProgress=100)
    floor.stream()
    events = floor.celebrations()
    for room in ("tv-display", "user:7"):
        assert sorted(one["id"] for recipient, _, one in events if recipient == room) == sorted(
            one["id"] for one in answer["milestones"]
        )
        assert all(one in answer["milestones"] for recipient, _, one in events if recipient == room)
