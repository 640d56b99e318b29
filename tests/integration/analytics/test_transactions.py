"""The transactions behind a figure: filters, pages, and files for spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from cairn.clock import now
from cairn.creators.booked import Booked, Wanted
from cairn.errors import BadInputError
from testing.agency import AgencySite, Sale

SECOND = timedelta(seconds=1)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_says_all_that_is_known_of_it(site: AgencySite) -> None:
    mia = site.creator("Mia")
    (booked,) = site.books(
        mia, Sale(now() - SECOND, -1234, -1000, source="mediaLink", payer_name="Ada", reverses="o-1")
    )
    assert site.ask("transactions").json == {
        "items": [
            {
                "id": f"{mia.id}/{booked.key}",
                "creatorId": mia.id,
                "creatorName": "Mia",
                "at": "2026-11-20T11:59:59.000Z",
                "date": "2026-11-20",
                "gross": -12.34,
                "net": -10.0,
                "currency": "USD",
                "category": "other",
                "source": "mediaLink",
                "payer": {"id": "fan-1", "name": "Ada"},
                "status": "counted",
                "origin": "pull",
                "orderId": None,
                "reversesOrderId": "o-1",
                "traceId": booked.trace_id,
            }
        ],
        "nextCursor": None,
    }


def test_only_what_is_counted_is_listed_unless_another_status_is_asked_for(site: AgencySite) -> None:
    statuses: tuple[Any, ...] = ("counted", "gone", "replaced", "unconfirmed")
    site.books(site.creator(), *(Sale(now() - SECOND, status=status) for status in statuses))
    assert [one["status"] for one in site.ask("transactions").json["items"]] == ["counted"]
    assert [one["status"] for one in site.ask("transactions", status="gone").json["items"]] == ["gone"]
    assert len(site.ask("transactions", status="all").json["items"]) == 4


def test_a_list_of_one_category_or_currency_is_what_that_figure_was_made_of(site: AgencySite) -> None:
    sales = (Sale(now() - SECOND), Sale(now() - SECOND, source="message"), Sale(now() - SECOND, 500, 1, "JPY"))
    site.books(site.creator(), *sales)
    found = site.ask("transactions", category="tips", currency="USD").json["items"]
    assert [(one["category"], one["currency"]) for one in found] == [("tips", "USD")]


def test_rows_that_come_between_two_pages_neither_repeat_nor_hide_one(site: AgencySite) -> None:
    mia = site.creator()
    site.books(mia, *(Sale(now() - number * SECOND, number) for number in range(1, 8)))
    first = site.ask("transactions", limit=3).json
    site.books(mia, Sale(now() - SECOND, 99))
    second = site.ask("transactions", limit=50, cursor=first["nextCursor"]).json
    assert [round(one["gross"] * 100) for one in first["items"] + second["items"]] == [1, 2, 3, 4, 5, 6, 7]


def test_two_creators_with_the_same_row_at_the_same_instant_both_have_it(site: AgencySite) -> None:
    mia, zoe = site.creator("Mia"), site.creator("Zoë")
    (row,) = site.books(mia, Sale(now() - SECOND))
    item = site.table.get_item(Key={"pk": f"transactions#{mia.id}", "sk": row.key})["Item"]
    site.table.put_item(Item=item | {"pk": f"transactions#{zoe.id}"})
    first = site.ask("transactions", limit=1).json
    second = site.ask("transactions", limit=1, cursor=first["nextCursor"]).json
    assert {one["creatorName"] for one in first["items"] + second["items"]} == {"Mia", "Zoë"}
    assert second["nextCursor"] is None


def test_a_filter_that_matches_little_ends_a_page_early_and_goes_on(site: AgencySite) -> None:
    mia = site.creator()
    tips = [Sale(now() - number * SECOND) for number in range(1, 12)]
    site.books(mia, *tips, Sale(now() - 20 * SECOND, 5, source="post"))
    booked, wanted = Booked(site.table), Wanted(now() - timedelta(days=1), now(), category="posts")
    found, cursor, pages = 0, None, 0
    while pages == 0 or cursor:
        page = booked.page([mia], wanted, 10, cursor, most_read=4)
        found, cursor, pages = found + len(page.items), page.next_cursor, pages + 1
    assert (found, pages) == (1, 3)


def test_csv_has_a_header_and_nothing_that_a_spreadsheet_would_compute(site: AgencySite) -> None:
    mia = site.creator('=HYPERLINK("http://evil"),"x"')
    site.books(mia, Sale(now() - SECOND, -500, None, payer="+1 234", payer_name='@SUM(A1)\n"quoted", with a comma'))
    answer = site.ask("transactions", format="csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="transactions-2026-10-22-2026-11-20.csv"'
    (row,) = rows_of(answer.text)
    assert row["creatorName"] == '\'=HYPERLINK("http://evil"),"x"'
    assert (row["payerId"], row["payerName"]) == ("'+1 234", '\'@SUM(A1)\n"quoted", with a comma')
    assert (row["gross"], row["net"]) == ("-5.00", "")  # a number stays one


def test_csv_of_a_part_names_the_next_one_and_csv_without_a_limit_is_whole(site: AgencySite) -> None:
    site.books(site.creator(), *(Sale(now() - number * SECOND, number) for number in range(1, 120)))
    whole = site.ask("transactions", format="csv")
    assert len(rows_of(whole.text)) == 119
    assert "x-next-cursor" not in whole.headers
    part = site.ask("transactions", format="csv", limit=100)
    rest = site.ask("transactions", format="csv", limit=100, cursor=part.headers["x-next-cursor"])
    assert rows_of(part.text) + rows_of(rest.text) == rows_of(whole.text)
    assert "x-next-cursor" not in rest.headers


def test_csv_of_more_than_a_file_holds_is_refused_and_never_cut_in_silence(site: AgencySite) -> None:
    mia = site.creator()
    site.books(mia, *(Sale(now() - number * SECOND) for number in range(1, 7)))
    booked, wanted = Booked(site.table), Wanted(now() - timedelta(days=1), now())
    assert len(booked.whole([mia], wanted, most=6).items) == 6
    with pytest.raises(BadInputError, match="X-Next-Cursor"):
        booked.whole([mia], wanted, most=5)


def test_csv_of_a_chart_has_the_json_figures(site: AgencySite) -> None:
    mia = site.creator()
    site.books(mia, Sale(now() - SECOND), Sale(now() - timedelta(days=3), 250, 200, source="post"))
    site.audience(mia, {}, subscribers=7, followers=9)
    rows = rows_of(site.ask(format="csv", timeRange="7d").text)
    chart = site.dashboard(timeRange="7d")["chartData"]
    for row, point in zip(rows, chart, strict=True):
        shown = {name: "" if value is None else str(value) for name, value in point.items() if name in row}
        assert {name: row[name] for name in shown} == shown | {"partial": str(point["partial"]).lower()}


def test_analytics_are_for_those_who_may_read_them(site: AgencySite) -> None:
    for path in ("dashboard", "transactions"):
        for scopes, status in ((("ingest",), 403), (("leaderboard",), 403), (("admin",), 200), (("analytics",), 200)):
            assert site.api("GET", f"/api/analytics/{path}", scopes=scopes).status == status
