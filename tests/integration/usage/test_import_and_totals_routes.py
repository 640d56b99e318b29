"""The routes of imports and of sums by day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cairn.clock import now
from functions.api.app import app
from testing.adversarial_dynamodb import catch_up
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.managed_product import ManagedProduct
from testing.product import Product


def row(user: str = "ada", date: str = "2025-03-01", **counts: Any) -> dict[str, Any]:
    return {"userId": user, "date": date, **counts}


def imported(product: Product, *rows: object, **more: object) -> Any:
    answer = product("import", {"rows": list(rows), **more})
    assert answer.status == 200, answer.text
    return answer.json


def described(body: Any) -> list[str]:
    document = app.get_openapi_schema().model_dump(mode="json", by_alias=True, exclude_none=True)
    schema = {"$ref": "#/components/schemas/UsageImported", "components": document["components"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(body)]


def test_each_row_has_a_result_and_one_bad_row_spoils_only_itself(product: Product) -> None:
    found = imported(
        product,
        row(replies=5),
        row(replies=-1),
        "nonsense",
        row("grace", "2025-02-30"),
        row("grace", memes=2),
        row(user="a b"),
        row(likes=3),
        row(hugs=3),
    )
    assert [one["status"] for one in found["results"]] == [
        *("imported", "rejected", "rejected", "rejected", "imported", "rejected", "imported", "rejected")
    ]
    assert found["results"][1]["error"].startswith("replies: must be")
    assert found["results"][3]["error"].startswith("date: ")
    assert "hugs" in found["results"][7]["error"]
    assert described(found) == []
    assert imported(product, row("grace", memes=2)) == {"results": [{"status": "unchanged"}]}


def test_a_dry_run_foretells_and_stores_nothing(product: Product) -> None:
    for _ in range(2):
        found = imported(product, row(replies=12), dryRun=True)
        assert found["results"] == [{"status": "imported"}]
        assert {"userId": "ada", "type": "replies", "threshold": 10, "label": "10", "value": 12, "alsoPassed": [1]} in (
            found["milestones"]
        )
        assert described(found) == []


def test_many_users_are_imported_side_by_side(product: Product) -> None:
    rows = [row(f"user-{number}", replies=1) for number in range(200)]
    assert {one["status"] for one in imported(product, *rows)["results"]} == {"imported"}
    assert {one["status"] for one in imported(product, *rows)["results"]} == {"unchanged"}


def test_rows_for_which_there_is_no_time_left_may_be_sent_again(product: Product) -> None:
    answer = product("import", {"rows": [row(replies=1)]}, seconds=5.0)
    (result,) = answer.json["results"]
    assert (result["status"], result["retry"]) == ("rejected", True)
    assert imported(product, row(replies=1)) == {"results": [{"status": "imported"}]}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"rows": {}}, 400),
        ({"rows": [], "dryRun": "yes"}, 400),
        ({"rows": [], "more": 1}, 400),
        ({"rows": [row()] * 1001}, 400),
    ],
)
def test_what_is_no_list_of_rows_is_refused(product: Product, body: Any, status: int) -> None:
    assert product("import", body).status == status


def test_only_a_key_that_may_track_may_import(product: Product) -> None:
    assert product("import", {"rows": []}, headers={}).status == 401
    assert Product(product.aws, ("analytics",))("import", {"rows": []}).status == 403


# -- sums by day


def totals(site: ManagedProduct, **query: str) -> Any:
    answer = site.api("GET", "/api/usage/totals", query=query, scopes=("analytics",))
    assert answer.status == 200, answer.text
    return answer.json


def test_sums_by_day_have_zeros_and_say_as_of_when_they_are(site: ManagedProduct) -> None:
    product = Product(site.aws)
    product.tracked("ada", count=3)
    imported(product, row("grace", str(now().date()), replies=4))
    empty = totals(site, **{"from": "2026-11-19", "to": "2026-11-20"})
    assert empty["asOf"] is None
    assert [one["imported"].get("replies", 0) for one in empty["items"]] == [0, 4]
    site.clock.sleep(180)
    catch_up()
    FUNCTIONS["day_rollover"]({"source": "schedule"}, Context())
    site.clock.sleep(180)
    FUNCTIONS["day_rollover"]({"source": "schedule"}, Context())
    found = totals(site, **{"from": "2026-11-19", "to": "2026-11-20"})
    assert found["asOf"] is not None
    assert [one["date"] for one in found["items"]] == ["2026-11-19", "2026-11-20"]
    assert found["items"][0] == {"date": "2026-11-19", "counts": {}, "imported": {}, "users": 0, "goals": 0}
    assert found["items"][1]["counts"] == {"replies": 3}
    assert found["items"][1]["users"] == 1


def test_by_default_it_is_the_last_thirty_days(site: ManagedProduct) -> None:
    items = totals(site)["items"]
    assert (len(items), items[-1]["date"], items[0]["date"]) == (
        30,
        str(now().date()),
        str(now().date() - timedelta(days=29)),
    )


@pytest.mark.parametrize("query", [{"from": "2026-11-21", "to": "2026-11-20"}, {"from": "2020-01-01"}, {"to": "x"}])
def test_a_range_that_cannot_be_is_refused(site: ManagedProduct, query: dict[str, str]) -> None:
    assert site.api("GET", "/api/usage/totals", query=query, scopes=("analytics",)).status in (400, 422)


def test_sums_are_for_those_who_read_analytics(site: ManagedProduct) -> None:
    assert site.api("GET", "/api/usage/totals", scopes=("ingest",)).status == 403
