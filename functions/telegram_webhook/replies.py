"""What the bot says to a command: pure text, HTML-escaped, within Telegram's 4,096 characters."""

from __future__ import annotations

import html
from collections.abc import Sequence

from cairn.channels.status import METRIC, ChannelStatus

LIMIT = 4096

SUBSCRIBED = "🪨 You will be told of every milestone here. /status shows how things stand, /stop ends it."
SUBSCRIBED_BEFORE = "🪨 You are subscribed already. /status shows how things stand, /stop ends it."
UNSUBSCRIBED = "You will not be told any more. /start begins again."
UNSUBSCRIBED_BEFORE = "You are not subscribed. /start begins."
HELP = (
    "🪨 <b>Cairn</b> tells you the moment a channel passes a milestone.\n\n"
    "/start – be told of milestones\n/stop – be told no more\n/status – each channel's count and next milestone\n"
    "/help – this text"
)
NOTHING_TRACKED = "No channel is tracked yet."


def status(standings: Sequence[ChannelStatus]) -> str:
    """Each channel's count, last and next milestone; the highest counts first, as many as fit."""
    if not standings:
        return NOTHING_TRACKED
    ordered = sorted(standings, key=lambda standing: (-(standing.value(METRIC) or 0), standing.channel.name))
    lines, room = list[str](), LIMIT - 40
    for position, standing in enumerate(ordered):
        line = _line(standing)
        room -= len(line) + 1
        if room < 0:
            lines.append(f"… and {len(ordered) - position} more")
            break
        lines.append(line)
    return "\n".join(lines)


def _line(standing: ChannelStatus) -> str:
    count = standing.value(METRIC)
    shown = "unknown" if count is None else f"{count:,}"
    last = f"last {standing.last.label}" if standing.last else "none yet"
    following = f"next {standing.next_threshold.label}" if standing.next_threshold else "none left"
    name = standing.channel.name if len(standing.channel.name) <= 100 else standing.channel.name[:99] + "…"
    return f"<b>{html.escape(name)}</b>: {shown}{' (old)' if standing.stale else ''} – {last}, {following}"
