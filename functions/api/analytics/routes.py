"""The dashboard of an agency's creators, and the transactions behind its figures; both also as CSV."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from cairn.analytics.ranges import DEFAULT_TIME_RANGE, Interval, Range, check_zone, resolve
from cairn.clock import now
from cairn.codec import to_json
from cairn.creators.booked import MOST_OF_A_FILE, MOST_READ_FOR_A_FILE, Wanted
from cairn.creators.model import Creator
from cairn.errors import BadInputError, NotFoundError
from cairn.workspace.rule_book import RuleSet
from functions.api.analytics import responses as shown
from functions.api.analytics import schemas
from functions.api.analytics.csv_files import csv_of, csv_response, or_csv
from functions.api.analytics.dashboards import read
from functions.api.analytics.dependencies import CreatorAnalytics
from functions.api.auth import requires
from functions.api.errors import responses
from functions.api.params import Cursor, Day
from functions.api.routing import Router
from functions.api.schemas import Schema

router = Router()

MOST_ITEMS = 100
AgencyId = Annotated[
    str | None,
    Query(
        alias="agencyId",
        description="Only this agency's creators; all agencies' by default.",
        min_length=1,
        max_length=100,
    ),
]
ModelId = Annotated[str | None, Query(alias="modelId", description="Only this creator.", min_length=1, max_length=100)]
TimeRange = Annotated[
    Literal["all", "7d", "30d", "1y"] | None,
    Query(alias="timeRange", description="Up to today, `30d` by default; not together with dates."),
]
StartDate = Annotated[Day | None, Query(alias="startDate", description="The first day, in `timeZone`.")]
EndDate = Annotated[Day | None, Query(alias="endDate", description="The last day, included; today by default.")]
TimeZone = Annotated[
    str | None,
    Query(
        alias="timeZone", description="Where days begin and end; the setting `time_zone` by default.", max_length=100
    ),
]
Format = Annotated[Literal["json", "csv"], Query(alias="format", description="`csv` answers a file.")]


@router.get(
    "/api/analytics/dashboard",
    summary="Get the revenue, the audience and the KPIs of creators in a range",
    middlewares=requires("analytics"),
    responses=or_csv(responses(schemas.Dashboard)),
)
def read_dashboard(
    agency_id: AgencyId = None,
    model_id: ModelId = None,
    time_range: TimeRange = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    interval: Annotated[
        Interval | None, Query(description="By default `day`; of a range of more than 1,100 days `week` or `month`.")
    ] = None,
    compare: Annotated[
        Literal["previous"] | None, Query(description="Beside it the range before, with as many buckets.")
    ] = None,
    time_zone: TimeZone = None,
    format_: Format = "json",
) -> Response[str]:
    """Revenue is gross, with refunds and chargebacks as negative amounts, in major units of the currency."""
    creators = _creators(agency_id, model_id)
    range_ = _range(creators, time_range, start_date, end_date, time_zone)
    found = read(
        _analytics().reading,
        _analytics().states,
        creators,
        range_,
        interval,
        now(),
        compare=compare is not None and time_range != "all",  # before the first day there was nothing
    )
    if format_ == "csv":
        name = f"revenue-{range_.first.isoformat()}-{range_.last.isoformat()}"
        return csv_response(csv_of(shown.CHART_COLUMNS, shown.chart_rows(found.current)), name)
    named = time_range or (None if start_date or end_date else DEFAULT_TIME_RANGE)
    return _json(found.shown(named, RuleSet.of(router.dependencies.workspace).by_name))


@router.get(
    "/api/analytics/transactions",
    summary="List the transactions of creators in a range, newest first",
    middlewares=requires("analytics"),
    responses=or_csv(responses(schemas.Transactions)),
)
def list_transactions(
    agency_id: AgencyId = None,
    model_id: ModelId = None,
    time_range: TimeRange = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    time_zone: TimeZone = None,
    category: Annotated[
        Literal["messages", "tips", "subscriptions", "posts", "renewals", "referrals", "other"] | None,
        Query(description="Only this category."),
    ] = None,
    currency: Annotated[
        str | None, Query(description="Only this currency, such as `USD`.", pattern="^[A-Z]{3}$")
    ] = None,
    status: Annotated[
        Literal["counted", "replaced", "gone", "unconfirmed", "all"],
        Query(description="`counted` by default: those of which sums are made."),
    ] = "counted",
    limit: Annotated[
        int | None, Query(description=f"At most {MOST_ITEMS}, and {MOST_OF_A_FILE} of CSV.", ge=1, le=MOST_OF_A_FILE)
    ] = None,
    cursor: Cursor = None,
    format_: Format = "json",
) -> Response[str]:
    """A page looks at 2,000 transactions at most. CSV without a limit is the whole range, or a 400 if that is too much;
    with a limit the header `X-Next-Cursor` has the cursor of the next part."""
    creators = _creators(agency_id, model_id)
    range_ = _range(creators, time_range, start_date, end_date, time_zone)
    wanted = Wanted(range_.start, range_.end, category, currency, None if status == "all" else status)
    by_id = {creator.id: creator for creator in creators}
    if format_ == "json":
        if limit and limit > MOST_ITEMS:
            raise BadInputError(f"limit: at most {MOST_ITEMS}; {MOST_OF_A_FILE} with format=csv")
        page = _analytics().booked.page(creators, wanted, limit or 50, cursor)
        items = [shown.transaction(one, by_id[one.creator], range_.zone) for one in page.items]
        return _json(schemas.Transactions(items=items, next_cursor=page.next_cursor))
    if limit or cursor:
        page = _analytics().booked.page(creators, wanted, limit or MOST_OF_A_FILE, cursor, MOST_READ_FOR_A_FILE)
    else:
        page = _analytics().booked.whole(creators, wanted)
    items = [shown.transaction(one, by_id[one.creator], range_.zone) for one in page.items]
    file = csv_of(shown.TRANSACTION_COLUMNS, map(shown.transaction_row, items))
    return csv_response(file, f"transactions-{range_.first.isoformat()}-{range_.last.isoformat()}", page.next_cursor)


def _creators(agency_id: str | None, creator_id: str | None) -> list[Creator]:
    """Those who are asked for, also retired ones, whose money was earned. NotFoundError for unknown ids."""
    if agency_id is not None and _analytics().agencies.get(agency_id) is None:
        raise NotFoundError("there is no such agency; GET /api/agencies lists them")
    if creator_id is None:
        found = _analytics().creators.all(agency_id=agency_id)
        return sorted(found, key=lambda one: (one.name.casefold(), one.id))
    creator = _analytics().creators.get(creator_id)
    if creator is None or agency_id not in (None, creator.agency_id):
        where = " in this agency" if agency_id else ""
        raise NotFoundError(f"there is no such creator{where}; GET /api/creators lists them")
    return [creator]


def _range(
    creators: list[Creator], time_range: str | None, start: date | None, end: date | None, zone: str | None
) -> Range:
    present = now()
    named = check_zone(router.dependencies.workspace.zones.at(present) if zone is None else zone)
    earliest = _analytics().reading.first_day(creators, named) if time_range == "all" else None
    return resolve(time_range=time_range, start=start, end=end, zone=named, now=present, earliest=earliest)


def _analytics() -> CreatorAnalytics:
    return router.dependencies.creator_analytics


def _json(answer: Schema) -> Response[str]:
    """Written by hand, since a JSON encoder would turn exact amounts into floating point."""
    return Response(200, content_type="application/json", body=to_json(answer.model_dump(by_alias=True)))
