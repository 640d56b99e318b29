"""What an event about a milestone says: the JSON Schema of each field, and an example of each kind. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cairn.codec import from_json

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
COUNT = {"type": "integer", "minimum": 0}
INSTANT = {"type": "string", "format": "date-time"}
_STEP = {"type": "object", "properties": {"threshold": NUMBER, "label": TEXT}, "required": ["threshold", "label"]}
LOCAL_DATE = {**TEXT, "pattern": r"^\d{4}-\d\d-\d\d$", "description": "A day in the user's own time zone."}
STREAK = {**COUNT, "description": "Consecutive days with the goal met, or for a user without a goal with any use."}
TIME_ZONE = {**TEXT, "description": "The user's, of the IANA database: Europe/Lisbon."}


def object_of(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), **more}


MILESTONE_FIELDS = {
    "milestone": {**TEXT, "description": "The milestone's id, as GET /api/milestones lists it."},
    "subject": {**TEXT, "description": "Whose milestone it is: channel:youtube:UC…, rep:17, user:ada, creator:…"},
    "kind": {**TEXT, "description": "The subject's kind: channel, rep, user, creator."},
    "name": {**TEXT, "description": "The subject's name."},
    "rule": {**TEXT, "description": "What was counted: subscribers, viewers, revenue, signups, replies, …"},
    "metric": {**TEXT, "description": "The number that the rule looks at."},
    "period": {**TEXT, "description": "all-time, or the month or day for which the rule counts."},
    "threshold": {**NUMBER, "description": "What was passed."},
    "label": {**TEXT, "description": "The threshold as people write it."},
    "value": {**NUMBER, "description": "The metric's value in the reading that passed it."},
    "alsoPassed": {
        "type": "array",
        "items": _STEP,
        "description": "Lower thresholds that the same reading passed, ascending.",
    },
    "isFirst": {"type": "boolean", "description": "Whether the subject had passed none of the rule in this period."},
    "title": {**TEXT, "description": "What it is in a few words."},
    "description": {**TEXT, "description": "What it is in a sentence."},
    "emoji": TEXT,
    "metrics": {
        "type": "object",
        "additionalProperties": NUMBER,
        "description": "All metrics of the reading, by name; one that is absent is unknown, and not zero.",
    },
    "details": object_of(
        {"team": TEXT, "user_id": {"type": ["string", "integer"]}},
        description="What describes the subject besides its metrics.",
    ),
    "achievedAt": INSTANT,
}
PUBLISHED_FIELDS = {
    "milestone_type": {**TEXT, "description": "What a product counted, when it publishes a milestone of its own."},
    "milestone_value": NUMBER,
    "lifetime_total": {"type": ["number", "null"]},
    "is_first": {"type": "boolean"},
}
EITHER = [{"required": list(MILESTONE_FIELDS)}, {"required": ["milestone_type", "milestone_value"]}]
"""A milestone of Cairn's, or one that a product published with the fields of its own plan."""
USER_FIELDS: Mapping[str, Any] = {
    "date": {**LOCAL_DATE, "type": ["string", "null"]},
    "streakDays": {**STREAK, "type": ["integer", "null"]},
    "dailyGoal": {"type": ["integer", "null"], "minimum": 1, "description": "The goal of that day."},
    "count": {**COUNT, "type": ["integer", "null"], "description": "What counted towards the goal on that day."},
    "feature": {"type": ["string", "null"], "description": "The feature's name: meme, write_like_me, research, …"},
}
"""What the milestones of a product's user say besides; null where there is nothing to say."""

MILESTONE_EXAMPLE = {
    "milestone": "rep:17/revenue/2026-11/25000",
    "subject": "rep:17",
    "kind": "rep",
    "name": "Ada Okafor",
    "rule": "revenue",
    "metric": "monthly_revenue",
    "period": "2026-11",
    "threshold": 25_000,
    "label": "$25,000",
    "value": from_json("25400.50"),
    "alsoPassed": [{"threshold": 10_000, "label": "$10,000"}],
    "isFirst": True,
    "title": "$25,000 in a month",
    "description": "Monthly revenue passed $25,000.",
    "emoji": "💰",
    "metrics": {"monthly_revenue": from_json("25400.50"), "monthly_signups": 14},
    "details": {"team": "North", "user_id": "ada"},
    "achievedAt": "2026-11-30T14:03:07.250Z",
}
GOAL_EXAMPLE = {
    **MILESTONE_EXAMPLE,
    "milestone": "user:ada/daily_goal/2026-11-30/10",
    "subject": "user:ada",
    "kind": "user",
    "name": "Ada Lovelace",
    "rule": "daily_goal",
    "metric": "replies",
    "period": "2026-11-30",
    "threshold": 10,
    "label": "10",
    "value": 10,
    "alsoPassed": [],
    "title": "Daily goal reached",
    "description": "Reached the goal of 10 on 7 days in a row.",
    "emoji": "🎯",
    "metrics": {"replies": 412, "memes": 9, "streak": 7, "days_with_us": 60},
    "details": {},
    "date": "2026-11-30",
    "streakDays": 7,
    "dailyGoal": 10,
    "count": 10,
    "feature": None,
}
FEATURE_EXAMPLE = {
    **GOAL_EXAMPLE,
    "milestone": "user:ada/feature/meme/1",
    "rule": "feature",
    "metric": "memes",
    "period": "meme",
    "threshold": 1,
    "label": "meme",
    "value": 1,
    "title": "First use of meme",
    "description": "Used meme for the first time.",
    "emoji": "✨",
    "dailyGoal": None,
    "count": None,
    "feature": "meme",
}
REVERSAL_FIELDS = {
    **MILESTONE_FIELDS,
    "revertedAt": INSTANT,
    "reason": {**TEXT, "description": "Why the operator took it back."},
}
