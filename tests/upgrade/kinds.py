"""Every kind of item that Cairn stores: how its key looks, which attributes it has, and where the product documents it.

An issue that brings a kind, or an attribute, adds it here; the tests then want it in the scenario too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Kind:
    """`pk` and `sk` have `{}` for whatever varies; `documented` is the docstring's row where that differs."""

    table: str
    pk: str
    sk: str
    attributes: str
    documented: tuple[str, str] | None = None
    """`("", "")` for a kind that no table in a docstring lists."""
    new: str = ""
    """Attributes that are in no release yet; the present code's fixture has them."""

    gone: bool = False
    """Only releases up to 0.1.0 stored it."""

    def attributes_of(self, *, present: bool) -> set[str]:
        """What the present code's fixture has, or the last release's."""
        return {*self.attributes.split(), *(self.new.split() if present else ())}

    @property
    def is_new(self) -> bool:
        """Whether no release stores it yet."""
        return not self.attributes

    @property
    def name(self) -> str:
        return f"{self.table} {self.pk} {self.sk}"

    @cached_property
    def _key(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        return _pattern(self.pk), _pattern(self.sk)

    def fits(self, table: str, item: Mapping[str, Any]) -> bool:
        pk = item.get("pk") or item["subject"]
        sort = item.get("sk", {"S": ""})
        return table == self.table and all(
            pattern.fullmatch(*part.values()) for pattern, part in zip(self._key, (pk, sort), strict=True)
        )

    @property
    def row(self) -> tuple[str, str]:
        return self.documented or (self.pk, self.sk)


def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(re.escape(form).replace(r"\{\}", r".+").replace(r"\{hex\}", r"[0-9a-f]+"))


NOWHERE = ("", "")
READING = "name metrics precision as_of source trace_id"
MILESTONE = "subject name rule metric period threshold label value also_passed achieved_at trace_id metrics details"
FORMER_BOARDS = ("board|board#{}", "rep#{}")
ROW = "score name period metrics details as_of"

KINDS = (
    Kind("STATS_TABLE", "channel:{}", "", f"{READING} details", NOWHERE, new="expires_at"),
    Kind("STATS_TABLE", "rep:{}", "", f"{READING} details peaks", NOWHERE),
    Kind(
        "MILESTONES_TABLE",
        "{}:{}",
        "mark#{}#{}",
        "height told event_id achieved_at silent",
        ("{}", "mark#{}#{}"),
    ),
    Kind(
        "MILESTONES_TABLE",
        "{}:{}",
        "milestone#{}#{}#{}#{}",
        f"{MILESTONE} listing achieved total delivered failed",
        ("{}", "milestone#{}#{}#{}#{}"),
    ),
    Kind("MILESTONES_TABLE", "badges", "{}", "id name description emoji rule threshold active", ("badges", "{}")),
    Kind("MILESTONES_TABLE", "{}:{}", "badges", "#sales-rookie", ("{}", "badges")),
    Kind("HISTORY_TABLE", "{}:{}", "reading#{}", "metrics as_of expires_at", ("{}", "reading#{}")),
    Kind("HISTORY_TABLE", "{}:{}", "day#{}", "metrics as_of", ("{}", "day#{}")),
    Kind("CHANNELS_TABLE", "channels", "{}:{}", "handle name added_at trouble page"),
    Kind("CHANNELS_TABLE", "checks#{}", "batch#{}", "found checked_at expires_at", ("checks#{}", "batch#{}|…#part")),
    Kind("CHANNELS_TABLE", "checks#{}", "channel#{}", "began_at done_at leased_until lease_owner expires_at"),
    Kind("CHANNELS_TABLE", "pauses", "{}", "paused_until reason expires_at"),
    Kind("AUDIENCE_TABLE", "subscribers", "chat#{}", "chat_id type title since", new="held_until"),
    Kind("AUDIENCE_TABLE", "suspended", "chat#{}", "", new="chat_id type title since reason suspended_at expires_at"),
    Kind("AUDIENCE_TABLE", "aliases", "announcement#{}", "", new="chat_id recheck_at held_until"),
    Kind("AUDIENCE_TABLE", "aliases", "chat#{}", "key"),
    Kind("AUDIENCE_TABLE", "counts", "subscribers", "how_many"),
    Kind("AUDIENCE_TABLE", "delivery#{}", "plan", "cuts total expires_at"),
    Kind(
        "AUDIENCE_TABLE",
        "delivery#{}",
        "part#{}",
        "delivered failed in_doubt leased_until lease_owner finished_at expires_at",
        new="tries retried counted",
    ),
    Kind("AUDIENCE_TABLE", "slots", "refused", "", new="chat_id next_at expires_at"),
    Kind("AUDIENCE_TABLE", "slots", "bot#{}", "next_at held_until expires_at", ("slots", "bot#{}|chat#{}")),
    Kind("AUDIENCE_TABLE", "slots", "chat#{}", "next_at expires_at", ("slots", "bot#{}|chat#{}")),
    Kind("AUDIENCE_TABLE", "keys", "key#{}", "name scopes created_at hint", NOWHERE, gone=True),
    Kind("KEYS_TABLE", "keys", "key#{}", "", new="name scopes created_at hint"),
    Kind("LEADERBOARD_TABLE", "board", "rep#{}", ROW, FORMER_BOARDS, gone=True),
    Kind("LEADERBOARD_TABLE", "board#{}", "rep#{}", ROW, FORMER_BOARDS, gone=True),
    Kind("LEADERBOARD_TABLE", "ranks#", "counts", "n07", ("ranks#{}", "counts"), gone=True),
    Kind("LEADERBOARD_TABLE", "ranks#{}", "counts", "n00", gone=True),
    Kind("LEADERBOARD_TABLE", "ids", "rep", "last_id"),
    Kind("BOARD_TABLE", "board", "{}", "", new=ROW),
    Kind("BOARD_TABLE", "board#{}", "{}", "", new=ROW),
    Kind("BOARD_TABLE", "count", "0", "", new="reps"),
    Kind("BOARD_TABLE", "moved", "0", ""),
    Kind("CONNECTIONS_TABLE", "socket#{}", "socket", "holder rooms expires_at closed"),
    Kind("CONNECTIONS_TABLE", "room#{}", "{hex}#{}", "since expires_at", ("room#{}", "{}#{}")),
    Kind("CONNECTIONS_TABLE", "room#{}", "#parts", "expires_at"),
    Kind("CONNECTIONS_TABLE", "log#{}", "event#{}", "frame at trace_id expires_at"),
    Kind("CONNECTIONS_TABLE", "log#{}", "head", "last_number"),
    Kind("CONNECTIONS_TABLE", "log#{}", "said#{}", "number expires_at"),
    Kind("CONNECTIONS_TABLE", "log#{}", "state", "number frame at trace_id"),
    Kind("CONNECTIONS_TABLE", "refreshes", "everyone", "pending pending_at begun next_at"),
    Kind("CONNECTIONS_TABLE", "ticket#{hex}", "ticket", "holder good_until expires_at", NOWHERE, gone=True),
    Kind(
        "SESSIONS_TABLE",
        "ticket#{hex}",
        "ticket",
        "",
        ("ticket#{}", "ticket"),
        new="holder good_until expires_at",
    ),
    Kind("CONNECTIONS_TABLE", "holder#{}", "{}", "", new="owner session issued_at expires_at"),
    Kind("SESSIONS_TABLE", "revoked#{hex}", "revoked", "", ("revoked#{}", "revoked"), new="until kept expires_at"),
    Kind("SESSIONS_TABLE", "revoked#session#{}", "revoked", "", new="expires_at"),
    Kind("PRESENCE_TABLE", "{}#0.0", "{}", "tabs over_at expires_at", ("{}#{}.{}", "{}")),
    Kind("PRESENCE_TABLE", "{}#1.{}", "{}", "tabs over_at expires_at", ("{}#{}.{}", "{}")),
    Kind(
        "PRESENCE_TABLE",
        "{}",
        "count",
        "begun_by begun_at next_at viewers connections as_of changed_at window_seconds level level_from check_at "
        "expires_at",
    ),
    Kind("PRESENCE_TABLE", "address#{hex}", "{}", "joins expires_at", ("address#{}", "{}")),
    Kind("SIGNINS_TABLE", "address#{hex}#{}", "", "", NOWHERE, new="failures expires_at"),
)

NEW_KEYS = {
    ("starts#{}", "sweep"),
    ("starts#{}", "batch#{}"),
    ("settings", "current"),
    ("settings", "version#{}"),
    ("event#{}#{}", "event"),
    ("endpoints", "{}"),
    ("events#{}#{}", "{}"),
    ("sequence#{}", "sequence"),
    ("endpoint#{}", "{}"),
    ("response#{}", "{}"),
    ("publication#{}", "{}"),
    ("feedback#{}", "{}"),
    ("sweep", "sweep"),
    ("slots", "{}"),
    ("user#{}", "profile"),
    ("user#{}", "freeze#{}"),
    ("erasures", "{}"),
    ("totals", "progress"),
    ("totals", "{}#counted"),
    ("totals", "{}#import#{}"),
    ("user:{}", "day#{}"),
    ("agencies", "{}"),
    ("checks", "{}"),
    ("creators", "{}"),
    ("credentials#{}", "token"),
    ("day#{}", "{}"),
    ("event#{}", "{}"),
    ("external#{}", "{}"),
    ("flow#{}", "{}"),
    ("month#{}", "2026-11"),
    ("payer#{}", "{}"),
    ("payers#{}", "{}"),
    ("payments#{}", "{}"),
    ("quarters#{}", "{}"),
    ("run#{}", "{}"),
    ("runs", "current"),
    ("runs", "{}"),
    ("sync#{}", "state"),
    ("transactions#{}", "{}#{}#{}"),
}
"""Documented keys that release 0.1.0 did not have: nothing of them has to survive the upgrade from it."""

NEW_ATTRIBUTES = {
    "expires_at",
    "net",
    "sustained",
    "trials",
    "measured_at",
    "recheck",
    "revisions",
    "revision",
    "counts_from",
    "rules_version",
    "peaks",
    "reverted_at",
    "reverted_by",
    "reason",
}
"""Attributes of readings, marks and milestones that release 0.1.0 did not have; each is optional."""

NEW_MESSAGES = {
    *("signed_out", "webhook_event", "webhook_attempt", "webhook_lane", "webhook_replay"),
    *("sync_creator", "sync_run"),
}
"""Messages that release 0.1.0 did not send."""

_CODE = re.compile(r"`([^`]+)`")
_VARIES = re.compile(r"\{[^}]*\}")


def documented_rows(docstring: str) -> set[tuple[str, str]]:
    """The keys in a docstring's table, with `{}` for whatever varies."""
    rows, inside = set(), False
    for line in docstring.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.strip().startswith("|"):
            inside = False
        elif cells[:2] == ["pk", "sk"]:
            inside = True
        elif inside and not cells[0].startswith("---"):
            rows.add((_form(cells[0]), _form(cells[1])))
    return rows


def _form(cell: str) -> str:
    """What is written as code; a cell in words stands for anything."""
    return "|".join(_VARIES.sub("{}", code) for code in _CODE.findall(cell)) or "{}"
