"""What the control API shows and changes of Fanvue: creators, their sales, whom its webhooks tell, its tokens."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request

from local.sandbox.control.action import Action
from local.sandbox.control.parsing import ControlError
from local.sandbox.control.schemas import Body, Count, Name, Nothing
from local.sandbox.fanvue_accounts import Account, Fan, Row
from local.sandbox.fanvue_state import VERSION
from local.sandbox.world import World

MOST_SALES = 10_000
MOST_CENTS = 10**9

Cents = Annotated[int, Field(ge=-MOST_CENTS, le=MOST_CENTS)]
Currency = Annotated[str, Field(pattern=r"^([A-Z]{3})?$")]


class CreatorBody(Body):
    name: Name | None = Field(None, description="display name")
    handle: Name | None = Field(None, description="its handle")
    currency: Currency | None = Field(None, description="of sales to come; empty: the rows say null")
    subscribers: Count | None = Field(None, description="the count of the smart list")
    followers: Count | None = Field(None, description="the count of the smart list")
    chats: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(None, description="chats in the inbox")
    posts: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(None, description="posts")
    sales_every: float | None = Field(None, ge=0, le=86_400, description="seconds from sale to sale; 0: none")
    history_days: int = Field(0, ge=0, le=800, description="so many days up to now get sales, once for each call")
    remove: bool = Field(False, description="true: Fanvue does not know the creator any more")


class SaleBody(Body):
    gross: Cents = Field(description="cents")
    net: Cents | None = Field(None, description="cents; four fifths by default")
    currency: Currency | None = Field(None, description="the creator's by default; empty: null")
    source: Name = Field("tip", description="message, tip, subscription, renewal, post, referral, …")
    fan: str | None = Field("Ada", max_length=200, description="who pays; null: nobody, as for a referral")
    seconds_ago: float = Field(0, ge=0, le=800 * 86_400, description="how long before now it is booked: a late row")
    listed_after: float = Field(0, ge=0, le=86_400, description="the list shows it after so many seconds")
    times: int = Field(1, ge=1, le=MOST_SALES, description="so many rows, equal but for their order's id")
    equal: bool = Field(False, description="true: their order's id is equal too")
    push: bool = Field(True, description="false: no webhook tells of it")
    raw: dict[str, Any] = Field(default_factory=dict, description='what the list shows instead, as {"gross": "12.5"}')


class RefundBody(Body):
    order: Name = Field(description="the order that it reverses")
    gross: Annotated[int, Field(gt=0, le=MOST_CENTS)] | None = Field(None, description="cents; all by default")
    source: Name = Field("refund", description="refund or chargeback")
    seconds_ago: float = Field(0, ge=0, le=800 * 86_400, description="how long before now it is booked")


class RowBody(Body):
    gross: Cents | None = Field(None, description="cents from now on")
    net: Cents | None = Field(None, description="cents from now on")
    source: Name | None = Field(None, description="the source from now on")
    raw: dict[str, Any] | None = Field(None, description="what the list shows instead")
    remove: bool = Field(False, description="true: the list does not have it any more")


class DayBody(Body):
    new: Count = Field(description="new subscribers of the day")
    ended: Count = Field(description="subscriptions that ended on it")


class TokensBody(Body):
    creator: UUID | None = Field(None, description="whose consent it is; by default an agency's")


class WebhookBody(Body):
    url: str | None = Field(None, max_length=2_000, description="where payments are told of; null: nowhere")
    secret: str | None = Field(None, max_length=200, description="signs what is sent; made up by default")


class SendBody(Body):
    body: dict[str, Any] = Field(description="what is sent, as it is")
    secret: str | None = Field(None, description="signs it instead of the subscription's")
    age: float = Field(0, ge=-86_400, le=86_400, description="how old the signature is, in seconds")


class VersionsBody(Body):
    current: Name = Field(VERSION, description="the version that is answered")
    retired: list[str] = Field(default_factory=list, description="versions that answer 410")


def account_of(world: World, request: Request) -> Account:
    uuid = uuid_of(request)
    account = world.fanvue.accounts.find(uuid)
    if account is None:
        raise ControlError(404, f"no creator {uuid} on Fanvue: create it with PUT /control/fanvue/creators/{uuid}")
    world.fanvue.pushes.push_due()
    return account


def uuid_of(request: Request) -> str:
    try:
        return str(UUID(request.path_params["uuid"]))
    except ValueError:
        raise ControlError(400, "a creator's id on Fanvue is a UUID") from None


def creator_view(world: World, account: Account) -> dict[str, Any]:
    """With the truth: the sums of what is listed, by currency, and how many rows."""
    counts = {name: getattr(account, name) for name in ("subscribers", "followers", "chats", "posts")}
    return {
        "uuid": account.uuid,
        "name": account.name,
        "handle": account.handle,
        "currency": account.currency,
        **counts,
        "sales_every": account.sales_every,
        "rows": len(account.rows),
        "totals": account.totals(world.clock.now()),
    }


def row_view(row: Row) -> dict[str, Any]:
    return {**row.shown(), "listed_at": int(row.listed_at * 1000)}


async def get_creators(world: World, _request: Request, _: Nothing) -> object:
    world.fanvue.pushes.push_due()
    return {"creators": [creator_view(world, account) for account in world.fanvue.accounts]}


async def get_creator(world: World, request: Request, _: Nothing) -> object:
    world.fanvue.pushes.push_due()
    account = account_of(world, request)
    return {**creator_view(world, account), "transactions": [row_view(row) for row in account.rows[-1_000:]]}


async def put_creator(world: World, request: Request, body: CreatorBody) -> object:
    uuid, now = uuid_of(request), world.clock.now()
    if body.remove:
        view = creator_view(world, account_of(world, request))
        world.fanvue.accounts.remove(uuid)
        return {"removed": view}
    world.fanvue.pushes.push_due()
    account = world.fanvue.accounts.put(uuid, body.name, body.handle)
    if body.currency is not None:
        account.currency = body.currency or None
    if body.history_days:
        account.add_history(now, body.history_days)
    for name in ("subscribers", "followers", "chats", "posts"):
        value = getattr(body, name)
        if value is not None:
            setattr(account, name, value)
    if body.sales_every is not None:
        world.fanvue.accounts.grow(account, body.sales_every)
    return creator_view(world, account)


async def add_sale(world: World, request: Request, body: SaleBody) -> object:
    account, now = account_of(world, request), world.clock.now()
    made: list[Row] = []
    for _ in range(body.times):
        row = account.add(
            now - body.seconds_ago,
            body.gross,
            net=body.net,
            currency=body.currency,
            source=body.source,
            fan=None if body.fan is None else Fan.named(body.fan),
            listed_at=now + body.listed_after,
            raw=dict(body.raw),
        )
        if body.equal and made:
            row.order = made[0].order
        made.append(row)
        if body.push and row.gross > 0:
            world.fanvue.pushes.tell_of(account, row)
    return {"transactions": [row_view(row) for row in made]}


async def add_refund(world: World, request: Request, body: RefundBody) -> object:
    account, now = account_of(world, request), world.clock.now()
    row = row_of(account, body.order)
    gross = row.gross if body.gross is None else body.gross
    net = round(row.net * gross / row.gross) if row.gross else 0
    refund = account.add(
        now - body.seconds_ago,
        -gross,
        net=-net,
        currency=row.currency or "",
        source=body.source,
        fan=row.fan,
        listed_at=now,
        reverses=row.order,
    )
    return {"transactions": [row_view(refund)]}


async def put_row(world: World, request: Request, body: RowBody) -> object:
    account = account_of(world, request)
    row = row_of(account, request.path_params["order"])
    if body.remove:
        account.rows.remove(row)
        return {"removed": row_view(row)}
    for name, value in body.model_dump(include={"gross", "net", "source", "raw"}, exclude_none=True).items():
        setattr(row, name, value)
    return row_view(row)


def row_of(account: Account, order: str) -> Row:
    row = account.find(order)
    if row is None:
        raise ControlError(404, f"{account.name} has no order {order}")
    return row


async def put_day(world: World, request: Request, body: DayBody) -> object:
    try:
        day = date.fromisoformat(request.path_params["date"])
    except ValueError:
        raise ControlError(400, "a day is a date, such as 2026-11-30") from None
    account_of(world, request).flows[day] = [body.new, body.ended]
    return {"date": day.isoformat(), "new": body.new, "ended": body.ended}


async def connect(world: World, _request: Request, body: TokensBody) -> object:
    return world.fanvue.tokens.connect(str(body.creator) if body.creator else None)


async def revoke(world: World, _request: Request, _: Nothing) -> object:
    world.fanvue.tokens.revoke()
    return {"revoked": True}


async def get_webhook(world: World, _request: Request, _: Nothing) -> object:
    pushes = world.fanvue.pushes
    return {
        "subscriptions": [one.shown() for one in pushes.subscriptions.values()],
        "deliveries": [asdict(one) for one in pushes.deliveries],
    }


async def put_webhook(world: World, _request: Request, body: WebhookBody) -> object:
    pushes = world.fanvue.pushes
    pushes.subscriptions.clear()
    if body.url:
        pushes.subscribe(body.url, secret=body.secret)
    return {"subscriptions": [one.shown() for one in pushes.subscriptions.values()]}


async def send(world: World, _request: Request, body: SendBody) -> object:
    pushes = world.fanvue.pushes
    pushes.send(body.body, secret=body.secret, age=body.age)
    return {"subscriptions": len(pushes.subscriptions)}


async def put_versions(world: World, _request: Request, body: VersionsBody) -> object:
    world.fanvue.versions.current, world.fanvue.versions.retired = body.current, body.retired
    return asdict(world.fanvue.versions)


CREATOR = "/control/fanvue/creators/{uuid}"
ACTIONS = (
    Action("GET", "/control/fanvue/creators", "Fanvue's creators and the truth about their sums", get_creators),
    Action("GET", CREATOR, "a creator, with its last thousand rows", get_creator),
    Action(
        "PUT",
        CREATOR,
        "create a creator, change the given fields, or remove it",
        put_creator,
        CreatorBody,
        example={"name": "Mira", "sales_every": 5, "history_days": 30, "subscribers": 120},
    ),
    Action("POST", f"{CREATOR}/sales", "sales, now or late", add_sale, SaleBody, example={"gross": 1250, "times": 2}),
    Action(
        "POST",
        f"{CREATOR}/refunds",
        "give a sale back, in part or whole, as a row of its own",
        add_refund,
        RefundBody,
        example={"order": "0b0f…", "gross": 500},
    ),
    Action("PUT", f"{CREATOR}/rows/{{order}}", "change or remove a row", put_row, RowBody, example={"net": 1000}),
    Action(
        "PUT",
        f"{CREATOR}/days/{{date}}",
        "new and ended subscriptions of a day of UTC",
        put_day,
        DayBody,
        example={"new": 3, "ended": 1},
    ),
    Action(
        "POST",
        "/control/fanvue/tokens",
        "consent: a client, an access token and a refresh token",
        connect,
        TokensBody,
        example={"creator": "8d5a2c04-3f43-4f0e-9f1c-7a0f54a1f9c1"},
    ),
    Action("DELETE", "/control/fanvue/tokens", "withdraw every consent", revoke),
    Action("GET", "/control/fanvue/webhook", "whom webhooks tell, and what became of each delivery", get_webhook),
    Action(
        "PUT",
        "/control/fanvue/webhook",
        "tell this address of payments, in place of all others",
        put_webhook,
        WebhookBody,
        example={"url": "http://127.0.0.1:4567/hooks/creators/fanvue", "secret": "not a real one"},
    ),
    Action(
        "POST",
        "/control/fanvue/send",
        "send this body to whom webhooks tell, signed",
        send,
        SendBody,
        example={"body": {"id": "1", "type": "follow.new"}},
    ),
    Action(
        "PUT",
        "/control/fanvue/versions",
        "the API's version, and those that are retired",
        put_versions,
        VersionsBody,
        example={"current": "2027-01-01", "retired": ["2025-06-26"]},
    ),
)
