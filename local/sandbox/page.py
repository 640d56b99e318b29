"""The sandbox for people: channels as their platforms show them, the phone that Telegram rings on, failures in force.

Rendered on the server and complete without scripts; a script swaps in a fresh copy every two seconds, except while
somebody is at work in it or has paused it.
"""

import base64
import hashlib
import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from itertools import islice

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from local.sandbox.channels import Channel
from local.sandbox.control import ControlError, refuse_other_sites
from local.sandbox.entities import Entity
from local.sandbox.messenger import Chat, ChatError, Received, Sent
from local.sandbox.telegram import forbidden, parameters_of
from local.sandbox.world import World
from local.sandbox.youtube import rounded

SHOWN_MESSAGES = 12
SHOWN_CHATS = 12
SEARCHED_MESSAGES = 2_000
LONGEST_WRITTEN = 4096
PLATFORM_NAMES = {"youtube": "YouTube", "telegram": "Telegram", "instagram": "Instagram"}
FAILURE_WORDS = {
    "slow": "answers slowly",
    "broken": "is broken",
    "quota": "is over its quota",
    "rate_limited": "limits the rate",
    "timeout": "does not answer",
    "malformed": "answers half a document",
}
TAGS = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "pre": "pre",
    "blockquote": "q",
}

STYLE = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
SCRIPT = files(__package__).joinpath("page.js").read_text(encoding="utf-8")
CAIRN = """<svg viewBox="0 0 48 48" aria-hidden="true"><ellipse cx="24" cy="41" rx="20" ry="6"/>
<ellipse cx="25" cy="30" rx="14" ry="5"/><ellipse cx="23" cy="20.5" rx="9.5" ry="4"/>
<ellipse cx="24.5" cy="12.5" rx="6" ry="3.3"/></svg>"""


def digest(inline: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()


HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{digest(STYLE)}'; script-src '{digest(SCRIPT)}'; img-src data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def grouped(number: int) -> str:
    return f"{number:,}"


def clock_time(ms: int) -> str:
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f'<time datetime="{at.isoformat(timespec="milliseconds")}">{at:%H:%M:%S} UTC</time>'


def marked_up(text: str, entities: list[Entity]) -> str:
    """A message as the phone shows it: entities become elements, everything else is escaped."""
    units = text.encode("utf-16-le")
    # At one place: first close what ends there (inner before outer), then open what begins (outer before inner).
    cuts: list[tuple[int, int, int, str]] = []
    for rank, entity in enumerate(entities):
        if tag := TAGS.get(entity["type"]):
            begin, end = entity["offset"], entity["offset"] + entity["length"]
            cuts += [(begin, 1, rank, f"<{tag}>"), (end, 0, -rank, f"</{tag}>")]
    out, at = "", 0
    for place, _, _, markup in sorted(cuts):
        out += escape(units[at * 2 : place * 2].decode("utf-16-le")) + markup
        at = place
    return out + escape(units[at * 2 :].decode("utf-16-le"))


def channel_card(channel: Channel, now: float) -> str:
    count = channel.count(now)
    if channel.hidden:
        shown, exact = "hidden", f"really {grouped(count)}"
    elif channel.platform == "youtube":
        shown = grouped(rounded(count))
        exact = f"exactly {grouped(count)}; YouTube rounds down" if count != rounded(count) else ""
    else:
        shown, exact = grouped(count), ""
    rate = channel.growth_per_second
    grows = f"{rate:+g} a second" if rate else "not growing"
    address = channel.handle if channel.handle.startswith("-") else f"@{channel.handle}"
    return (
        f'<li class="card"><h3>{escape(channel.name)}</h3>'
        f'<p class="soft">{PLATFORM_NAMES[channel.platform]} · {escape(address)}</p>'
        f'<p class="count">{shown}</p>'
        f'<p class="soft">{" · ".join(part for part in (exact, grows) if part)}</p></li>'
    )


def message_item(message: Sent | Received) -> str:
    if isinstance(message, Received):
        words = f"<small>{escape(message.sender)} · {clock_time(message.time)}</small>"
        return f'<li class="person">{words}{escape(message.text)}</li>'
    return f"<li><small>Cairn · {clock_time(message.time)}</small>{marked_up(message.text, message.entities)}</li>"


def chat_card(chat: Chat, talk: list[Sent | Received]) -> str:
    refusal = forbidden(chat)
    trouble = f'<p class="soft">The bot cannot write here: {escape(refusal.description)}</p>' if refusal else ""
    items = "".join(map(message_item, talk)) or "<li>Nothing was said yet.</li>"
    field = f"write-{chat.id}"
    label = f"Write to the bot as {chat.title}" if chat.type == "private" else f"Write to the bot in {chat.title}"
    form = (
        f'<form method="post" action="/phone/{chat.id}"><label class="hide" for="{field}">{escape(label)}</label>'
        f'<input id="{field}" name="text" required maxlength="{LONGEST_WRITTEN}" autocomplete="off"'
        ' placeholder="/status"><button>Send</button></form>'
    )
    return (
        f'<li class="card"><h3>{escape(chat.title)}</h3><p class="soft">{chat.type} chat · {chat.id}</p>{trouble}'
        f'{"" if refusal and chat.bot != "absent" else form}<ul class="talk">{items}</ul></li>'
    )


def failures(world: World) -> str:
    now = world.clock.now()
    lines = []
    for platform, failure in world.failures.in_force().items():
        until = [] if failure.until is None else [f"for {failure.until - now:.0f} s more"]
        left = [] if failure.requests_left is None else [f"for {failure.requests_left} more requests"]
        lines.append(" ".join([PLATFORM_NAMES[platform], FAILURE_WORDS[failure.mode], *until, *left]))
    if held := world.messenger.send_limits.held_for():
        lines.append(f"Telegram holds the bot for {held} s: it passed a limit")
    if waiting := sum(order.times for order in world.messenger.ordered_failures):
        lines.append(f"Telegram will fail the next {waiting} calls it was told to fail")
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="alarm"><ul>{items}</ul></div>' if lines else ""


def phone(world: World) -> Iterable[str]:
    """The chats that talked last, and before them nobody; newest message first."""
    chats = world.messenger.chats
    talk: dict[int, list[Sent | Received]] = {chat_id: [] for chat_id, c in chats.items() if c.type != "channel"}
    sent: Iterator[Sent | Received] = reversed(world.messenger.sent)
    received: Iterator[Sent | Received] = reversed(world.messenger.received)
    newest_first = heapq.merge(sent, received, key=lambda message: message.message_id, reverse=True)
    for message in islice(newest_first, SEARCHED_MESSAGES):
        said = talk.setdefault(message.chat_id, [])
        if len(said) < SHOWN_MESSAGES:
            said.append(message)
    latest = sorted(talk, key=lambda chat_id: -(talk[chat_id][0].message_id if talk[chat_id] else 0))
    return [chat_card(chats[chat_id], talk[chat_id]) for chat_id in latest[:SHOWN_CHATS] if chat_id in chats]


def content(world: World) -> str:
    now = world.clock.now()
    channels = "".join(channel_card(channel, now) for channel in world.in_order())
    chats = "".join(phone(world))
    sent, refused = len(world.messenger.sent), len(world.messenger.refused)
    webhook = world.messenger.updates.webhook
    listens = (
        f"The bot listens at {webhook.url}."
        if webhook
        else "The bot has set no webhook: what people write waits for it."
    )
    nobody = '<p class="soft">No chat knows the bot yet.</p>'
    empty = '<p class="soft">No channels yet. <code>POST /control/demo</code> makes a few.</p>'
    channel_list = f'<ul class="cards">{channels}</ul>' if channels else empty
    chat_list = f'<ul class="cards chats">{chats}</ul>' if chats else nobody
    return (
        f"{failures(world)}<h2>Channels, as the platforms show them</h2>{channel_list}"
        f'<h2>Telegram</h2><p class="soft">{grouped(sent)} accepted, {grouped(refused)} refused. {escape(listens)}</p>'
        f"{chat_list}"
    )


def document(world: World) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>Cairn sandbox</title>'
        '<noscript><meta http-equiv="refresh" content="5"></noscript>'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head><body><header>{CAIRN}<div><h1>Cairn sandbox</h1>'
        '<p class="soft">YouTube, Telegram and Instagram on this machine. Nothing here is real.</p></div>'
        '<button id="pause" type="button" hidden>Pause refreshing</button></header>'
        '<p id="gone" class="soft" role="status" hidden>The sandbox does not answer.</p>'
        f"<main>{content(world)}</main>"
        '<footer class="soft">Change the world, or make it fail: <a href="/control">/control</a> lists how.</footer>'
        f"<script>{SCRIPT}</script></body></html>"
    )


def routes(world: World) -> list[Route]:
    async def show(_: Request) -> Response:
        return HTMLResponse(document(world), headers=HEADERS)

    async def write(request: Request) -> Response:
        chat = world.messenger.find(str(request.path_params["chat_id"]))
        text = str((await parameters_of(request)).get("text", "")).strip()[:LONGEST_WRITTEN]
        try:
            refuse_other_sites(request)
            if chat is not None and text:
                world.messenger.write(chat.id, text, None, None, None)
        except (ChatError, ControlError) as error:
            return HTMLResponse(escape(str(error)), status_code=409, headers=HEADERS)
        return RedirectResponse("/", status_code=303)

    return [Route("/", show, methods=["GET"]), Route("/phone/{chat_id}", write, methods=["POST"])]
