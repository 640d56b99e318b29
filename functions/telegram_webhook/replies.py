"""The bot's replies to commands: pure text, HTML-escaped, within Telegram's 4,096 characters."""

from __future__ import annotations

import html
from collections.abc import Sequence

from cairn.channels.registry import HIDDEN
from cairn.channels.status import METRIC, ChannelStatus
from cairn.model import Number

LIMIT = 4096

SUBSCRIBED = "🪨 You'll be notified here of every milestone. /status shows all channels, /stop unsubscribes."
ALREADY_SUBSCRIBED = "🪨 You're already subscribed. /status shows all channels, /stop unsubscribes."
UNSUBSCRIBED = "You won't be notified any more. /start subscribes again."
NOT_SUBSCRIBED = "You're not subscribed. /start subscribes."
HELP = (
    "🪨 <b>Cairn</b> notifies you the moment a channel passes a milestone.\n\n"
    "/start – subscribe to milestone alerts\n/stop – unsubscribe\n/status – each channel's count and next milestone\n"
    "/help – this text"
)
NOTHING_TRACKED = "No channel is tracked yet."


def status(statuses: Sequence[ChannelStatus]) -> str:
    """Each channel's count, last and next milestone; the highest counts first, as many as fit."""
    if not statuses:
        return NOTHING_TRACKED
    ordered = sorted(statuses, key=_order)
    lines, space = list[str](), LIMIT - 40
    for position, entry in enumerate(ordered):
        line = _line(entry)
        space -= len(line) + 1
        if space < 0:
            lines.append(f"… and {len(ordered) - position} more")
            break
        lines.append(line)
    return "\n".join(lines)


def _order(entry: ChannelStatus) -> tuple[bool, Number, str]:
    count = entry.value(METRIC)
    return count is None, -(count or 0), entry.channel.name


def _line(entry: ChannelStatus) -> str:
    count, issue = entry.value(METRIC), entry.channel.health_issue
    last = f"last {entry.last.label}" if entry.last else "none yet"
    if count is None:  # without a count, nobody can tell which milestone is next
        shown, upcoming = "hidden" if issue and issue.code == HIDDEN else "unknown", "next unknown"
    else:
        shown = f"{count:,}"
        upcoming = f"next {entry.next_threshold.label}" if entry.next_threshold else "none left"
    name = entry.channel.name if len(entry.channel.name) <= 100 else entry.channel.name[:99] + "…"
    return f"<b>{html.escape(name)}</b>: {shown}{' (old)' if entry.stale else ''} – {last}, {upcoming}"
