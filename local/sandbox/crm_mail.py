"""The e-mail that a CRM would send for a message: its templates are those that Cairn names in an event's metadata."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

TEMPLATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "first_reply_celebration": (
            "You sent your first reply",
            "The first one is done. This makes it a habit.",
        ),
        "getting_started_congrats": ("10 replies already", "You know your way around. Three tips for the next ten."),
        "power_user_emerging": ("50 replies: you are getting good at this", "Few people come as far as you have."),
        "century_club": ("Welcome to the century club", "You have written 100 replies."),
        "pro_achievement": ("500 replies, like a pro", "Thank you for staying with us for 500 replies."),
        "elite_status": ("1,000 replies: elite status", "You are one of the very few with 1,000 replies."),
        "first_goal_achieved": ("You met today's goal", "One day done. Come back tomorrow, and it is a streak."),
        "week_streak": ("A week without a gap", "Your goal, seven days in a row."),
        "month_streak": ("A month without a gap", "Your goal, thirty days in a row."),
        "meme_discovery": ("Your first meme", "Replies with a meme are read more often. Try these next."),
        "style_activated": ("It writes like you now", "Write like me is on: replies follow your own style."),
        "fact_checker_unlocked": ("Your first research", "Replies can now bring their sources along."),
    }
)
"""Subject and text by the template's name."""


@dataclass(frozen=True)
class Mail:
    """One e-mail."""

    template: str
    to: str | None
    """None for somebody without an address, who gets none."""
    subject: str
    text: str


def mail_of(body: str) -> Mail | None:
    """The e-mail for a message in whichever format; None for one without a template, and for a sample."""
    try:
        message = json.loads(body)
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    event, person = _parts(message)
    template = event.get("template")
    if not isinstance(template, str) or not template or event.get("sample"):
        return None
    name, address = person.get("name") or person.get("full_name"), person.get("email")
    subject, text = TEMPLATES.get(template, (f"Template {template}", str(event.get("title") or "")))
    greeting = f"Hi {name.split()[0]}," if isinstance(name, str) and name.strip() else "Hi,"
    return Mail(template, address if isinstance(address, str) and address else None, subject, f"{greeting}\n\n{text}")


def _parts(message: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What happened and to whom, of a body in the format `standard`, `source` or `ghl`."""
    if isinstance(data := message.get("data"), dict):
        contact = data.get("contact")
        return data, contact if isinstance(contact, dict) else {}
    if isinstance(metadata := message.get("metadata"), dict):
        user = message.get("user")
        return metadata, user if isinstance(user, dict) else {}
    return message, message
