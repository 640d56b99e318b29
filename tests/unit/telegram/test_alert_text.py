"""The alerts that people read on Telegram: escaped, within the limit, and in natural wording."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.model import Milestone, Number, Passed, Subject
from functions.notify.text import LIMIT, alert_text, grouped
from testing.readings import channel_milestone

CATS = Subject("channel", "youtube:UC")


def milestone(
    name: str = "Cats",
    *,
    subject: Subject = CATS,
    metric: str = "subscribers",
    label: str = "10K",
    value: Number = 10_100,
    also: tuple[Passed, ...] = (),
) -> Milestone:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return channel_milestone(10_000, at, subject=subject, name=name, metric=metric, label=label, value=value, also=also)


def test_an_alert_says_who_passed_what_where_and_where_it_stands() -> None:
    assert alert_text(milestone()) == "🎉 <b>Cats</b> passed <b>10K</b> subscribers on YouTube!\nNow at 10,100."


def test_a_jump_lists_what_it_also_passed_from_the_lowest() -> None:
    text = alert_text(milestone(also=(Passed(2500, "2.5K"), Passed(5000, "5K"))))
    assert text.endswith("\nAlso passed: 2.5K, 5K.")


@pytest.mark.parametrize(
    ("platform", "shown"),
    [("youtube:UC", "YouTube"), ("telegram:-1", "Telegram"), ("instagram:9", "Instagram"), ("a<b:1", "a&lt;b")],
)
def test_a_platform_is_called_by_its_name(platform: str, shown: str) -> None:
    assert f" on {shown}!" in alert_text(milestone(subject=Subject("channel", platform)))


def test_a_subject_that_is_no_channel_is_on_no_platform() -> None:
    assert alert_text(milestone(subject=Subject("rep", "17"))).startswith(
        "🎉 <b>Cats</b> passed <b>10K</b> subscribers!"
    )


def test_a_live_channel_is_where_its_viewers_are_and_on_no_platform() -> None:
    demo = Subject("channel", "live:demo")
    text = alert_text(milestone("Demo stream", subject=demo, metric="viewers", label="1K", value=1003))
    assert text == "🎉 <b>Demo stream</b> passed <b>1K</b> viewers!\nNow at 1,003."


@pytest.mark.parametrize("name", ["<b>", "</b><a href='https://evil.test'>win</a>", "Tom & Jerry", '"quoted"', "&lt;"])
def test_a_hostile_name_is_shown_as_it_is_written(name: str) -> None:
    text = alert_text(milestone(name))
    shown = re.search("<b>(.*?)</b> passed", text)
    assert shown
    assert html.unescape(shown[1]) == name
    assert "<" not in shown[1]


@given(st.text(max_size=5000), st.text(max_size=50), st.integers(0, 3000))
def test_an_alert_is_always_within_telegrams_limit(name: str, label: str, others: int) -> None:
    also = tuple(Passed(step, f"{step}.5<M>") for step in range(others))
    text = alert_text(milestone(name, label=label, also=also))
    assert 1 <= len(text) <= LIMIT
    assert re.sub("</?b>", "", text).count("<") == 0


def test_when_not_all_fits_the_highest_are_kept() -> None:
    also = tuple(Passed(step, f"{step}-and-more") for step in range(1000))
    text = alert_text(milestone(also=also))
    assert "Also passed: …, " in text
    assert text.endswith("998-and-more, 999-and-more.")


def test_a_number_is_grouped_by_thousands() -> None:
    assert [grouped(7), grouped(1_234_567), grouped(Decimal("1234.50"))] == ["7", "1,234,567", "1,234.50"]


def test_money_is_shown_with_its_currency_and_all_decimals_and_other_metrics_of_a_creator_without() -> None:
    mia = Subject("creator", "mia")
    one = replace(
        channel_milestone(1000, subject=mia, name="Mia", metric="revenue", value=Decimal("1012.5")),
        details={"currency": "USD"},
    )
    assert alert_text(one) == "🎉 <b>Mia</b> passed <b>1K</b> USD in revenue!\nNow at 1,012.50 USD."
    assert "Now at 1,013 JPY." in alert_text(replace(one, value=1013, details={"currency": "JPY"}))
    assert "passed <b>1K</b> followers!\nNow at 1,000." in alert_text(
        replace(channel_milestone(1000, subject=mia, metric="followers"), details={"currency": "USD"})
    )
