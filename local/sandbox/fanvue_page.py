"""Fanvue's creators on the sandbox's page."""

from html import escape

from local.sandbox.fanvue_accounts import Account, Row
from local.sandbox.page_parts import clock_time, grouped
from local.sandbox.world import World

SHOWN_SALES = 6


def section(world: World) -> str:
    """Every creator; nothing where there is none."""
    world.fanvue.pushes.push_due()
    cards = "".join(card(world, account) for account in world.fanvue.accounts)
    if not cards:
        return ""
    told = ", ".join(one.url for one in world.fanvue.pushes.subscriptions.values())
    route = f"Payments are told to {told}." if told else "Nobody is told of payments."
    return f'<h2>Fanvue</h2><p class="soft">{escape(route)}</p><ul class="cards">{cards}</ul>'


def card(world: World, account: Account) -> str:
    totals = account.totals(world.clock.now())
    sums = " · ".join(f"{grouped(one['gross'] // 100)} {currency}" for currency, one in totals.items()) or "no sales"
    grows = f"a sale every {account.sales_every:g} s" if account.sales_every else "no new sales"
    audience = f"{grouped(account.subscribers)} subscribers, {grouped(account.followers)} followers"
    latest = sorted(account.rows, key=lambda row: row.at)[-SHOWN_SALES:][::-1]
    return (
        f'<li class="card"><h3>{escape(account.name)}</h3><p class="soft">@{escape(account.handle)} · {audience}</p>'
        f'<p class="count">{escape(sums)}</p><p class="soft">{grows}</p>'
        f'<ul class="messages">{"".join(map(item, latest))}</ul></li>'
    )


def item(row: Row) -> str:
    amount = f"{row.gross / 100:.2f} {row.currency or ''}".strip()
    who = f" from {row.fan.name}" if row.fan else ""
    return f"<li><small>{clock_time(int(row.at * 1000))}</small>{escape(f'{row.source}{who}: {amount}')}</li>"
