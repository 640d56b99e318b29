"""What a person may change while Cairn runs: every setting with its default, its check and a line of words. Pure.

Functions of the hot paths import this, so it has no pydantic. docs/settings.md describes each setting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import Any
from zoneinfo import available_timezones

from cairn.errors import BadInputError
from cairn.rules import catalogue
from cairn.rules.counter import DEFAULT_TYPES
from cairn.workspace.source_templates import TemplateRule, source_templates
from cairn.workspace.usage_types import check_types, to_types
from cairn.zones import UTC_ONLY, Zones

MAX_BYTES = 100_000
"""Of a version's values as JSON: a third of what DynamoDB stores in an item, and read by each function."""
MAX_THRESHOLDS = 200
MAX_THRESHOLD = 10**14
MAX_CHANNELS = 1000
MAX_TEMPLATES = 200
MAX_TEXT = 100
DAY = 86_400
_RULES_SETTINGS = frozenset({"ladders", "time_zone", "usage_types"})
"""What decides which thresholds there are, and in which period one is passed."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as people see it; `default` and values are as in the document, not as in JSON."""

    name: str
    words: str
    default: Any
    to_value: Callable[[Any], Any]
    """The value of its JSON; ValueError, in words for the person, for one that it cannot have."""
    check: Callable[[Any], None]
    """ValueError, in words for the person, for a value that cannot work. Only what is saved is checked."""


class InvalidSettingsError(BadInputError):
    """`problems` says for each setting what is wrong with its value."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        text = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        super().__init__(text[:1000], tuple({"field": name, "message": text} for name, text in problems.items()))
        self.problems = problems


def _setting(words: str, default: Any, to_value: Callable[[Any], Any], check: Callable[[Any], None]) -> Any:
    metadata = {"words": words, "to_value": to_value, "check": check}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: MappingProxyType(default), metadata=metadata)
    return field(default=default, metadata=metadata)


# -- values and checks


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise ValueError("must be a whole number")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004 - the person's mistake, not the program's
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - the person's mistake, not the program's
    return value.strip()


def _between(low: float, high: float) -> Callable[[Any], None]:
    def check(value: float) -> None:
        if not low <= value <= high:
            raise ValueError(f"must be from {low:,} to {high:,}")

    return check


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError("must be an object")
    return value


def _whole_numbers(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of whole numbers")  # noqa: TRY004 - the person's mistake, not the program's
    return tuple(_whole(one) for one in value)


def _ladders(value: Any) -> Mapping[str, tuple[int, ...]]:
    return {rule: _whole_numbers(steps) for rule, steps in _object(value).items()}


def _check_ladders(ladders: Mapping[str, tuple[int, ...]]) -> None:
    for rule, steps in ladders.items():
        if not steps or len(steps) > MAX_THRESHOLDS or steps[0] <= 0 or steps[-1] > MAX_THRESHOLD:
            raise ValueError(f"{rule}: must be 1 to {MAX_THRESHOLDS} thresholds from 1 to {MAX_THRESHOLD:,}")
        if any(higher <= lower for lower, higher in pairwise(steps)):
            raise ValueError(f"{rule}: each threshold must be higher than the one before it")
    catalogue(ladders)


_CHANNEL = re.compile(r"[A-Za-z0-9._~:@-]{1,100}")


def _names(value: Any) -> Mapping[str, str]:
    return {channel: _text(name) for channel, name in _object(value).items()}


def _check_channels(channels: Mapping[str, str]) -> None:
    if len(channels) > MAX_CHANNELS:
        raise ValueError(f"must be at most {MAX_CHANNELS} channels")
    for channel, name in channels.items():
        if not _CHANNEL.fullmatch(channel):
            raise ValueError(f"{channel[:MAX_TEXT]!r} is not a channel's id: 1 to 100 of A-Z a-z 0-9 . _ ~ : @ -")
        if not 1 <= len(name) <= MAX_TEXT or not name.isprintable():
            raise ValueError(f"{channel}: the name must be 1 to {MAX_TEXT} characters")


def _check_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin or UTC")


def _check_chat(chat: str) -> None:
    if not re.fullmatch(r"(@\w+|-?\d+)?", chat):
        raise ValueError("must be a chat's id, or the @name of a public channel; empty for none")


def _check_retries(seconds: tuple[int, ...]) -> None:
    if not 3 <= len(seconds) <= 20 or not all(0 <= one <= 7 * DAY for one in seconds):
        raise ValueError(f"must be 3 to 20 numbers of seconds, each from 0 to {7 * DAY:,}")


def _templates(value: Any) -> tuple[TemplateRule, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of rules")  # noqa: TRY004 - the person's mistake, not the program's
    return tuple(_template(one) for one in value)


def _template(value: Any) -> TemplateRule:
    if not isinstance(value, Mapping) or not {"type", "template"} <= value.keys() <= {"type", "when", "template"}:
        raise ValueError("each rule must be {type, when, template}")
    when = _object(value.get("when") or {})
    return {"type": _text(value["type"]), "when": plain(when), "template": _text(value["template"])}


def _check_templates(rules: tuple[TemplateRule, ...]) -> None:
    if len(rules) > MAX_TEMPLATES:
        raise ValueError(f"must be at most {MAX_TEMPLATES} rules")
    for rule in rules:
        if not all(1 <= len(text) <= MAX_TEXT and text.isprintable() for text in (rule["type"], rule["template"])):
            raise ValueError(f"type and template must be 1 to {MAX_TEXT} characters")
        for path, wanted in rule["when"].items():
            conditions = wanted if isinstance(wanted, Mapping) else {"eq": wanted}
            if not conditions or not conditions.keys() <= _OPERATORS:
                raise ValueError(f"{path[:MAX_TEXT]}: a value, or an object of {', '.join(sorted(_OPERATORS))}")
            if not all(map(_is_comparable, conditions.values())):
                raise ValueError(f"{path[:MAX_TEXT]}: must be compared with texts, numbers, true or false")


def _is_comparable(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(isinstance(one, str | int | float | Decimal) and len(str(one)) <= MAX_TEXT for one in values)


_OPERATORS = frozenset({"eq", "in", "gte", "exists"})
_POSITIVE = _between(1, 1_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One version of the settings. Defaults are in code: a version stores only what somebody has set."""

    version: int = 0
    """0: nobody has saved any; the deployment's initial values hold."""
    rules_version: int = 0
    """The version that last changed which thresholds there are, or in which period one is passed."""
    rules_changed_at: datetime | None = None
    changed_at: datetime | None = None
    changed_by: str = ""
    reason: str = ""
    zones: Zones = UTC_ONLY
    """Which time zone holds when: it follows `time_zone`, at the first instant that fits."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """The JSON of what somebody has set, by name."""

    # -- milestones
    ladders: Mapping[str, tuple[int, ...]] = _setting(
        "Thresholds that replace a rule's own, by the rule's name.", {}, _ladders, _check_ladders
    )
    time_zone: str = _setting("Where a month, and a day, begins and ends.", "UTC", _text, _check_time_zone)
    implausible_factor: int = _setting(
        "A channel's count that rises to more than so many times the one before has to be confirmed.",
        20,
        _whole,
        _between(2, 1_000_000),
    )
    implausible_increase: int = _setting(
        "And only if it rises by more than this.", 10_000, _whole, _between(0, 1_000_000_000)
    )

    # -- channels and reps
    refresh_age_seconds: int = _setting(
        "A count younger than this is not fetched again when somebody asks.", 60, _whole, _POSITIVE
    )
    stale_after_seconds: int = _setting("A count older than this is shown as stale.", 1800, _whole, _POSITIVE)
    retired_reps_kept_days: int = _setting(
        "After so many days, a retired rep's personal data is erased.", 30, _whole, _between(1, 36_500)
    )

    # -- live viewers
    live_channels: Mapping[str, str] = _setting(
        "Live channels whose milestones are sent by Telegram and webhooks: a channel's id to its name.",
        {},
        _names,
        _check_channels,
    )
    viewer_heartbeat_interval: int = _setting(
        "Milliseconds between a viewer's heartbeats.", 30_000, _whole, _between(1000, 1_800_000)
    )
    viewer_timeout: int = _setting("Seconds without a heartbeat until a viewer is gone.", 60, _whole, _between(2, 3600))
    viewer_count_update_interval: int = _setting(
        "The least milliseconds between two counts of a channel.", 2000, _whole, _between(500, 60_000)
    )
    viewer_joins_per_minute: int = _setting(
        "Joins a minute from one address, for IPv6 one /64.", 200, _whole, _POSITIVE
    )
    viewer_joins_per_minute_56: int = _setting("Joins a minute from one IPv6 /56.", 225, _whole, _POSITIVE)
    viewer_joins_per_minute_48: int = _setting("Joins a minute from one IPv6 /48.", 250, _whole, _POSITIVE)
    viewer_joins_per_minute_total: int = _setting("Joins a minute in all.", 60_000, _whole, _POSITIVE)
    viewer_channels_per_minute: int = _setting(
        "Channels opened a minute from one address or IPv6 /48.", 30, _whole, _POSITIVE
    )
    viewer_channels_per_minute_total: int = _setting("Channels opened a minute in all.", 1000, _whole, _POSITIVE)
    viewer_milestone_per_address: int = _setting(
        "Viewers of one address that count for a milestone, for IPv6 of one /64.", 3, _whole, _POSITIVE
    )
    viewer_milestone_seconds: int = _setting(
        "Seconds that a number of viewers has to last to be a milestone.", 60, _whole, _between(1, 900)
    )

    # -- product usage
    usage_types: Mapping[str, Mapping[str, Any]] = _setting(
        "What a product's users do: by the type of event the metric, whether it counts for the daily goal, its "
        "milestones, and the feature that it implies.",
        DEFAULT_TYPES,
        to_types,
        check_types,
    )

    # -- creators
    creator_history_days: int = _setting(
        "So many days back a creator's first sync reads transactions, in silence.", 365, _whole, _between(1, 3650)
    )
    creators_telegram_chat: str = _setting(
        "A chat that gets the milestones of creators, which nobody else does; empty: none.", "", _text, _check_chat
    )

    # -- Telegram
    telegram_announcement_chat: str = _setting(
        "A chat that gets every alert, besides the subscribers; empty: none.", "", _text, _check_chat
    )
    telegram_messages_per_second: float = _setting(
        "Messages a second to all chats; Telegram allows about 30, with paid broadcasts up to 1,000.",
        29.25,
        _number,
        _between(0.1, 1000),
    )
    telegram_progress_every: int = _setting(
        "Progress is noted once for so many messages, and a sender that is killed repeats at most so many.",
        1,
        _whole,
        _between(1, 1000),
    )

    # -- webhooks
    webhook_retry_schedule: tuple[int, ...] = _setting(
        "Seconds before each attempt to deliver a message, after the one before; each varies by a fifth.",
        (0, 5, 60, 300, 1800, 7200, 18_000, 36_000, 36_000),
        _whole_numbers,
        _check_retries,
    )
    webhook_attempts_at_once: int = _setting("Attempts under way at once for one endpoint.", 5, _whole, _between(1, 50))
    webhook_disable_after_days: int = _setting(
        "An endpoint that has only failed for so many days is disabled.", 5, _whole, _between(1, 90)
    )
    webhook_templates: tuple[TemplateRule, ...] = _setting(
        "The name of the template in an event's metadata, by its type and the values of its data.",
        source_templates(),
        _templates,
        _check_templates,
    )

    def changed(self, changes: Mapping[str, Any], *, at: datetime, by: str, reason: str = "") -> Workspace:
        """The next version. `changes` are names and JSON values; null gives a setting its default back.

        InvalidSettingsError, with every problem, if one of them cannot be saved.
        """
        found = {name: "there is no such setting" for name in changes if name not in SETTINGS}
        given = {name: value for name, value in {**self.given, **changes}.items() if value is not None}
        values: dict[str, Any] = {}
        for name in given.keys() & SETTINGS.keys():
            try:
                values[name] = SETTINGS[name].to_value(given[name])
                SETTINGS[name].check(values[name])
            except (ValueError, ArithmeticError) as error:
                found[name] = str(error)
        made = Workspace() if found else Workspace(**values)
        found |= _contradiction(made)
        as_json = {name: plain(value) for name, value in sorted(values.items())}
        if len(json.dumps(as_json, ensure_ascii=False).encode()) > MAX_BYTES:
            found["changes"] = f"all settings together must be at most {MAX_BYTES:,} bytes of JSON"
        if found:
            raise InvalidSettingsError(found)
        version = self.version + 1
        same_rules = all(getattr(made, name) == getattr(self, name) for name in _RULES_SETTINGS)
        return replace(
            made,
            version=version,
            rules_version=self.rules_version if same_rules else version,
            rules_changed_at=self.rules_changed_at if same_rules else at,
            changed_at=at,
            changed_by=by,
            reason=reason,
            zones=self.zones.changed(made.time_zone, at),
            given=as_json,
        )

    def differences(self, before: Workspace) -> tuple[str, ...]:
        """The names of the settings that are not as they were."""
        return tuple(name for name in SETTINGS if getattr(self, name) != getattr(before, name))


def _contradiction(made: Workspace) -> dict[str, str]:
    """The setting that contradicts another one, and why."""
    if 1000 * made.viewer_timeout < 2 * made.viewer_heartbeat_interval:
        problem = "must be two of viewer_heartbeat_interval or more, so that one heartbeat may be lost"
        return {"viewer_timeout": problem}
    return {}


def initial(given: Mapping[str, Any]) -> Workspace:
    """What holds until somebody saves a version: the deployment's values. InvalidSettingsError."""
    made = loaded(given)
    for name in made.given:
        try:
            SETTINGS[name].check(getattr(made, name))
        except (ValueError, ArithmeticError) as error:
            raise InvalidSettingsError({name: str(error)}) from None
    if problem := _contradiction(made):
        raise InvalidSettingsError(problem)
    chosen = {name: value for name, value in made.given.items() if getattr(made, name) != SETTINGS[name].default}
    return replace(made, zones=Zones.of(made.time_zone), given=chosen)


def loaded(given: Mapping[str, Any], **about: Any) -> Workspace:
    """The document of stored values, which were checked when they were saved. A name of a newer version is ignored."""
    known = {name: value for name, value in given.items() if name in SETTINGS}
    values: dict[str, Any] = {}
    for name, value in known.items():
        try:
            values[name] = SETTINGS[name].to_value(value)
        except (ValueError, ArithmeticError) as error:
            raise InvalidSettingsError({name: str(error)}) from None
    return Workspace(given=known, **values, **about)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, tuple | list) else value


DEFAULTS = Workspace()
SETTINGS: Mapping[str, Setting] = {
    one.name: Setting(name=one.name, default=getattr(DEFAULTS, one.name), **one.metadata)
    for one in fields(Workspace)
    if one.metadata
}
"""Every setting by its name, in the order of docs/settings.md."""
