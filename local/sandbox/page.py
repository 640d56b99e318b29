"""The sandbox's web page: channels as their platforms show them, Telegram chats, CRMs, active failures.

Rendered on the server and usable without scripts; a script refreshes it every two seconds, except while the user types
or has paused it.
"""

import base64
import hashlib
import heapq
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from itertools import islice

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from local.sandbox import crm_page, fanvue_page
from local.sandbox.channels import Channel
from local.sandbox.crm_routes import crm_name
from local.sandbox.entities import Entity
from local.sandbox.messenger import Chat, ChatError, Received, Sent
from local.sandbox.page_parts import clock_time, grouped
from local.sandbox.telegram import forbidden, parameters_of
from local.sandbox.world import World
from local.sandbox.youtube import rounded

SHOWN_MESSAGES = 12
SHOWN_CHATS = 12
SEARCHED_MESSAGES = 2_000
LONGEST_WRITTEN = 4096
PLATFORM_NAMES = {"youtube": "YouTube", "telegram": "Telegram", "instagram": "Instagram", "fanvue": "Fanvue"}
FAILURE_WORDS = {
    "slow": "answers slowly",
    "broken": "answers with server errors",
    "quota": "reports an exceeded quota",
    "rate_limited": "reports a rate limit",
    "timeout": "does not answer",
    "malformed": "sends incomplete JSON",
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


def marked_up(text: str, entities: list[Entity]) -> str:
    """A message as displayed: entities become elements, everything else is escaped."""
    units = text.encode("utf-16-le")
    # At the same offset, close tags first (inner before outer), then open tags (outer before inner).
    cuts: list[tuple[int, int, int, str]] = []
    for rank, entity in enumerate(entities):
        if tag := TAGS.get(entity["type"]):
            begin, end = entity["offset"], entity["offset"] + entity["length"]
            cuts += [(begin, 1, rank, f"<{tag}>"), (end, 0, -rank, f"</{tag}>")]
    out, at = "", 0
    for offset, _, _, markup in sorted(cuts):
        out += escape(units[at * 2 : offset * 2].decode("utf-16-le")) + markup
        at = offset
    return out + escape(units[at * 2 :].decode("utf-16-le"))


def channel_card(channel: Channel, now: float) -> str:
    count = channel.count(now)
    if channel.hidden:
        shown, exact = "hidden", f"actually {grouped(count)}"
    elif channel.platform == "youtube":
        shown = grouped(rounded(count))
        exact = f"exactly {grouped(count)}, rounded down by YouTube" if count != rounded(count) else ""
    else:
        shown, exact = grouped(count), ""
    rate = channel.growth_per_second
    grows = f"{rate:+g} per second" if rate else "not growing"
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


def chat_card(chat: Chat, messages: list[Sent | Received]) -> str:
    error = forbidden(chat)
    warning = f'<p class="soft">The bot cannot write here: {escape(error.description)}</p>' if error else ""
    items = "".join(map(message_item, messages)) or "<li>No messages yet.</li>"
    field = f"write-{chat.id}"
    label = f"Write to the bot as {chat.title}" if chat.type == "private" else f"Write to the bot in {chat.title}"
    form = (
        f'<form method="post" action="/phone/{chat.id}"><label class="hide" for="{field}">{escape(label)}</label>'
        f'<input id="{field}" name="text" required maxlength="{LONGEST_WRITTEN}" autocomplete="off"'
        ' placeholder="/status"><button>Send</button></form>'
    )
    return (
        f'<li class="card"><h3>{escape(chat.title)}</h3><p class="soft">{chat.type} chat · {chat.id}</p>{warning}'
        f'{"" if error and chat.bot != "absent" else form}<ul class="messages">{items}</ul></li>'
    )


def failures(world: World) -> str:
    now = world.clock.now()
    lines = []
    for platform, failure in world.failures.active().items():
        until = [] if failure.until is None else [f"for another {failure.until - now:.0f} s"]
        left = [] if failure.requests_left is None else [f"for another {failure.requests_left} requests"]
        lines.append(" ".join([PLATFORM_NAMES[platform], FAILURE_WORDS[failure.mode], *until, *left]))
    if held := world.messenger.send_limits.held_for():
        lines.append(f"Telegram blocks the bot for {held} s: it exceeded a limit")
    if failing := sum(failure.times for failure in world.messenger.injected_failures):
        lines.append(f"Telegram fails the next {failing} matching calls")
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="alarm"><ul>{items}</ul></div>' if lines else ""


def chat_cards(world: World) -> Iterable[str]:
    """The most recent chats, newest message first."""
    chats = world.messenger.chats
    messages: dict[int, list[Sent | Received]] = {chat_id: [] for chat_id, c in chats.items() if c.type != "channel"}
    sent: Iterator[Sent | Received] = reversed(world.messenger.sent)
    received: Iterator[Sent | Received] = reversed(world.messenger.received)
    newest_first = heapq.merge(sent, received, key=lambda message: message.message_id, reverse=True)
    for message in islice(newest_first, SEARCHED_MESSAGES):
        shown = messages.setdefault(message.chat_id, [])
        if len(shown) < SHOWN_MESSAGES:
            shown.append(message)
    latest = sorted(messages, key=lambda chat_id: -(messages[chat_id][0].message_id if messages[chat_id] else 0))
    return [chat_card(chats[chat_id], messages[chat_id]) for chat_id in latest[:SHOWN_CHATS] if chat_id in chats]


def content(world: World) -> str:
    now = world.clock.now()
    channels = "".join(channel_card(channel, now) for channel in world.in_order())
    chats = "".join(chat_cards(world))
    sent, refused = len(world.messenger.sent), len(world.messenger.refused)
    webhook = world.messenger.updates.webhook
    route = f"Updates go to {webhook.url}." if webhook else "The bot has no webhook yet: updates are queued."
    no_chats = '<p class="soft">No chats yet.</p>'
    no_channels = '<p class="soft">No channels yet. <code>POST /control/demo</code> creates some.</p>'
    channel_list = f'<ul class="cards">{channels}</ul>' if channels else no_channels
    chat_list = f'<ul class="cards chats">{chats}</ul>' if chats else no_chats
    return (
        f"{failures(world)}<h2>Channels as the platforms show them</h2>{channel_list}"
        f'<h2>Telegram</h2><p class="soft">{grouped(sent)} accepted, {grouped(refused)} rejected. {escape(route)}</p>'
        f"{chat_list}{fanvue_page.section(world)}{crm_page.section(world)}"
    )


def document(world: World) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>Cairn sandbox</title>'
        '<noscript><meta http-equiv="refresh" content="5"></noscript>'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head><body><header>{CAIRN}<div><h1>Cairn sandbox</h1>'
        '<p class="soft">Simulated YouTube, Telegram, Instagram and Fanvue on this machine, '
        "and CRMs that receive webhooks.</p></div>"
        '<button id="pause" type="button" hidden>Pause refreshing</button></header>'
        '<p id="gone" class="soft" role="status" hidden>The sandbox is not responding.</p>'
        f"<main>{content(world)}</main>"
        '<footer class="soft">To change counts or inject failures, see <a href="/control">/control</a>.</footer>'
        f"<script>{SCRIPT}</script></body></html>"
    )


def routes(world: World) -> list[Route]:
    async def show(_: Request) -> Response:
        return HTMLResponse(document(world), headers=HEADERS)

    async def write(request: Request) -> Response:
        chat = world.messenger.find(str(request.path_params["chat_id"]))
        text = str((await parameters_of(request)).get("text", "")).strip()[:LONGEST_WRITTEN]
        try:
            if chat is not None and text:
                world.messenger.write(chat.id, text, None, None, None)
        except ChatError as error:
            return HTMLResponse(escape(str(error)), status_code=409, headers=HEADERS)
        return RedirectResponse("/", status_code=303)

    async def fail(request: Request) -> Response:
        parameters = await parameters_of(request)
        try:
            failure = crm_page.failure_of(str(parameters.get("mode", "")), str(parameters.get("percent", "")))
        except ValueError as error:
            return HTMLResponse(escape(str(error)), status_code=400, headers=HEADERS)
        world.crms.find(crm_name(request)).failure = failure
        return RedirectResponse("/", status_code=303)

    return [
        Route("/", show, methods=["GET"]),
        Route("/phone/{chat_id}", write, methods=["POST"]),
        Route("/crm/{name}/failure", fail, methods=["POST"]),
    ]
