"""The OpenAPI document describes what the analytics routes answer."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cairn.analytics.money import CATEGORIES
from cairn.clock import now
from operations import api_docs
from testing.agency import AgencySite, Sale
from testing.api import Answer

DOCUMENT: dict[str, Any] = json.loads(api_docs.compact())


def problems(path: str, answer: Answer) -> list[str]:
    """What of an answer the document does not say."""
    described = DOCUMENT["paths"][f"/api/analytics/{path}"]["get"]["responses"][str(answer.status)]["content"]
    content_type = answer.headers["content-type"].partition(";")[0]
    schema = {**described[content_type]["schema"], "components": DOCUMENT["components"]}
    value: Any = answer.text if content_type == "text/csv" else answer.json
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


@pytest.fixture
def busy(site: AgencySite) -> AgencySite:
    """Several currencies, a refund, an audience, and a creator of whom nothing is known."""
    mia = site.creator("Mia")
    sales = [Sale(now() - timedelta(days=day, minutes=1), 100 * day, None if day == 2 else 50) for day in range(1, 6)]
    site.books(mia, *sales, Sale(now() - timedelta(days=1), -500, -400, "JPY", payer=None))
    site.synced(mia)
    site.audience(mia, {date(2026, 11, 1): {"subscribers": 4}}, subscribers=5, followers=6)
    site.creator("Zoë")
    return site


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"format": "csv"},
        {"timeRange": "all", "interval": "month"},
        {"compare": "previous", "interval": "week", "timeZone": "Asia/Kathmandu"},
        {"startDate": "2026-11-30", "endDate": "2026-12-02"},
        {"modelId": "nobody"},
        {"timeRange": "7d", "startDate": "2026-11-01"},
        {"interval": "hour"},
    ],
)
def test_every_answer_of_the_dashboard_is_documented(busy: AgencySite, query: dict[str, str]) -> None:
    assert problems("dashboard", busy.ask(**query)) == []


@pytest.mark.parametrize(
    "query", [{}, {"format": "csv"}, {"limit": "1", "status": "all"}, {"limit": "0"}, {"agencyId": "nobody"}]
)
def test_every_answer_of_the_transactions_is_documented(busy: AgencySite, query: dict[str, str]) -> None:
    assert problems("transactions", busy.ask("transactions", **query)) == []


def test_the_categories_of_the_document_are_those_that_there_are(busy: AgencySite) -> None:
    operation = DOCUMENT["paths"]["/api/analytics/transactions"]["get"]
    (schema,) = (one["schema"] for one in operation["parameters"] if one["name"] == "category")
    assert tuple(schema["anyOf"][0]["enum"]) == CATEGORIES
    shown = busy.dashboard()
    assert [one["category"] for one in shown["categoryBreakdown"]] == list(CATEGORIES)


def test_no_amount_is_a_text(busy: AgencySite) -> None:
    point = busy.dashboard(timeRange="7d")["chartData"][-3]
    assert isinstance(point["byCurrency"]["USD"]["revenue"], Decimal)
