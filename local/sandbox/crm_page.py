"""The CRMs on the sandbox's page: what came, newest first, and a form that makes one fail."""

import json
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from itertools import islice
from types import MappingProxyType

from local.sandbox.crm import Crm, CrmFailure, Delivery
from local.sandbox.page_parts import clock_time, grouped
from local.sandbox.world import World

SHOWN_DELIVERIES = 12
LONGEST_BODY = 4_000
WORKING = "works"
CHOICES: Mapping[str, tuple[str, CrmFailure | None]] = MappingProxyType(
    {
        WORKING: ("answers 200", None),
        "500": ("answers 500", CrmFailure("status", 500)),
        "410": ("answers 410 Gone", CrmFailure("status", 410)),
        "429": ("answers 429, Retry-After 7 seconds", CrmFailure("status", 429, retry_after=7)),
        "503": (
            "answers 503, Retry-After a date",
            CrmFailure("status", 503, retry_after=30, retry_after_as="date"),
        ),
        "301": ("answers 301 to another address", CrmFailure("status", 301)),
        "hang": ("never answers", CrmFailure("hang")),
        "trickle": ("sends its answer a byte at a time", CrmFailure("trickle")),
        "reset": ("cuts the connection", CrmFailure("reset")),
        "endless": ("sends a body without end", CrmFailure("endless")),
    }
)
"""What the form offers: value, words, and the failure."""


def section(world: World) -> str:
    """Every CRM of the sandbox."""
    cards = "".join(card(world, crm) for crm in world.crms)
    none = '<p class="soft">No CRM yet: the first webhook to <code>/crm/any-name</code> makes one.</p>'
    crms = f'<ul class="cards crms">{cards}</ul>' if cards else none
    return f"<h2>CRMs that receive webhooks</h2>{crms}"


def card(world: World, crm: Crm) -> str:
    known = "verified with its secret" if crm.secret else "its secret is not known here, so nothing is verified"
    items = "".join(map(item, islice(reversed(crm.deliveries), SHOWN_DELIVERIES))) or "<li>Nothing came yet.</li>"
    return (
        f'<li class="card"><h3>{escape(crm.name)}</h3><p class="soft">POST /crm/{escape(crm.name)} · {known} · '
        f'{grouped(crm.received)} received</p>{form(world, crm)}<ul class="deliveries">{items}</ul></li>'
    )


def form(world: World, crm: Crm) -> str:
    failure = world.crms.failure(crm)
    chosen = chosen_of(failure)
    options = "".join(
        f'<option value="{value}"{" selected" if value == chosen else ""}>{words}</option>'
        for value, (words, _) in [*CHOICES.items(), *([("", ("fails as it was told to", None))] if not chosen else [])]
    )
    percent = 100 if failure is None else failure.percent
    name = escape(crm.name)
    return (
        f'<form method="post" action="/crm/{name}/failure"><label class="hide" for="mode-{name}">What {name} does'
        f'</label><select id="mode-{name}" name="mode">{options}</select><label for="percent-{name}">for</label>'
        f'<input id="percent-{name}" name="percent" type="number" min="1" max="100" value="{percent:g}">'
        f"<span>% of requests</span><button>Set</button></form>"
    )


def chosen_of(failure: CrmFailure | None) -> str:
    """The form's value for a failure; empty for one that only the control API can make."""
    if failure is None:
        return WORKING
    plain = replace(failure, percent=100)
    return next((value for value, (_, offered) in CHOICES.items() if offered == plain), "")


def failure_of(mode: str, percent: str) -> CrmFailure | None:
    """The failure that a visitor chose; ValueError for what the form does not offer."""
    share = float(percent)
    if mode not in CHOICES or not 0 < share <= 100:
        raise ValueError("the form has no such choice")
    offered = CHOICES[mode][1]
    return None if offered is None else replace(offered, percent=share)


def item(delivery: Delivery) -> str:
    trust = "verified" if delivery.problem is None else f"not verified: {delivery.problem}"
    repeat = f" · {ordinal(delivery.nth)} time" if delivery.nth > 1 else ""
    again = ", accepted before" if delivery.accepted_before else ""
    headers = "\n".join(f"{name}: {value}" for name, value in delivery.headers.items())
    return (
        f'<li class="{"genuine" if delivery.problem is None else "doubtful"}">'
        f"<p><strong>{escape(delivery.type or 'no type')}</strong> {clock_time(delivery.time)}</p>"
        f'<p class="soft">{escape(trust)} · answered: {escape(delivery.outcome)}{repeat}{again}</p>'
        f"{mail(delivery)}<details><summary>The request</summary><pre>{escape(headers)}</pre>"
        f"<pre>{escape(pretty(delivery.body))}</pre></details></li>"
    )


def mail(delivery: Delivery) -> str:
    """The e-mail that the CRM would send."""
    sent = delivery.mail
    if sent is None:
        return ""
    to = f"E-mail to {sent.to}" if sent.to else "No e-mail: the address is not known"
    return (
        f'<div class="mail"><p class="soft">{escape(to)} · template {escape(sent.template)}</p>'
        f"<p><strong>{escape(sent.subject)}</strong></p><p>{escape(sent.text)}</p></div>"
    )


def ordinal(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def pretty(body: str) -> str:
    """JSON with a line for each field; any other body as it came."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        text = body
    return text if len(text) <= LONGEST_BODY else f"{text[:LONGEST_BODY]} …"
