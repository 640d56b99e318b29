"""The operator's settings: the context of cdk.json, validated once, so that a bad value stops the synthesis."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from aws_cdk import RemovalPolicy
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from infra.regions import region_problem


class SettingsError(Exception):
    """A setting in cdk.json, or given with `-c`, is missing or invalid."""


def _parsed(value: object) -> object:
    """`-c name=value` can only pass text, so the text may be JSON."""
    return json.loads(value) if isinstance(value, str) else value


def _region(name: str) -> str:
    if problem := region_problem(name):
        raise ValueError(problem)
    return name


def _small(given: Mapping[str, object]) -> Mapping[str, object]:
    if len(json.dumps(given, ensure_ascii=False).encode()) > _MAX_BYTES:
        raise ValueError(f"more than {_MAX_BYTES} bytes of JSON, half of the limit for a function's environment")
    return given


def _with_needed(platforms: Mapping[str, object]) -> Mapping[str, object]:
    if "telegram" not in platforms:
        raise ValueError("telegram is missing; alerts are sent through it")
    if "creator" not in platforms:
        raise ValueError("creator is missing; creators' earnings are read from it")
    return platforms


CHANGED_WHILE_RUNNING = (
    *("ladders", "time_zone", "implausible_factor", "implausible_increase"),
    *("refresh_age_seconds", "stale_after_seconds", "retired_reps_kept_days", "live_channels"),
    *("viewer_heartbeat_interval", "viewer_timeout", "viewer_count_update_interval"),
    *("viewer_joins_per_minute", "viewer_joins_per_minute_56", "viewer_joins_per_minute_48"),
    *("viewer_joins_per_minute_total", "viewer_channels_per_minute", "viewer_channels_per_minute_total"),
    *("viewer_milestone_per_address", "viewer_milestone_seconds"),
    *("telegram_announcement_chat", "telegram_messages_per_second", "telegram_progress_every"),
)
"""What version 0.1.0 had in cdk.json, and a person now changes while Cairn runs (docs/settings.md). Still read here."""
_TEXTS = frozenset({"time_zone", "telegram_announcement_chat"})
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MAX_BYTES = 2048


def _initial_settings(context: Callable[[str], Any]) -> dict[str, Any]:
    """The object `initial_settings`, and what is in the places of 0.1.0. SettingsError for text that is not JSON."""
    given: dict[str, Any] = {}
    for name in ("initial_settings", *CHANGED_WHILE_RUNNING):
        value = context(name)
        try:
            value = value if name in _TEXTS else _parsed(value)
        except ValueError:
            raise SettingsError(f"cdk.json, context:\n  {name}: not JSON (got {value!r})") from None
        if name == "initial_settings":
            if not isinstance(value, Mapping):
                raise SettingsError(f"cdk.json, context:\n  {name}: not an object (got {value!r})")
            given = dict(value)
        elif value is not None:
            given.setdefault(name, value)
    return given


class PlatformSettings(BaseModel):
    """The address of a platform's API, of its OAuth server if it has one, and the names of the keys in its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://\S+[^/\s]$")]
    auth_url: Annotated[str | None, Field(pattern=r"^https?://\S+[^/\s]$")] = None
    keys: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")], ...], Field(min_length=1)]


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True)

    stack_name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,99}$")]
    region: Annotated[
        str,
        Field(pattern=r"^([a-z]{2,4}(-[a-z]+)+-\d)?$", description="empty: the region of the credentials"),
        AfterValidator(_region),
    ]
    removal_policy: Annotated[Literal["retain", "destroy"], Field(description="destroy: for stacks made by tests")]
    protection: Annotated[
        Literal["on", "off"],
        Field(description="from deletion; off while a first deployment may still fail, which `make deploy` decides"),
    ]
    alarm_email: Annotated[
        str, Field(pattern=r"^([^@\s]+@[^@\s]+)?$", description="empty: alarms reach the topic only")
    ]
    dependencies: Annotated[Literal["lambda", "host"], Field(description="the target of the dependency layer")]

    domain_name: Annotated[
        str,
        Field(
            max_length=253,
            pattern=r"^(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9]))?$",
            description="a name of yours for the distribution; empty: CloudFront's",
        ),
    ]
    certificate_arn: Annotated[
        str,
        Field(
            pattern=r"^(arn:aws:acm:us-east-1:\d{12}:certificate/\S+)?$",
            description="the certificate for domain_name: CloudFront takes it from us-east-1 only",
        ),
    ]
    cdn_key_generation: Annotated[PositiveInt, Field(description="raised by one to rotate the distribution's key")]
    direct_calls: Annotated[
        Literal["reject", "allow"], Field(description="requests to the Lambda URLs past the distribution")
    ]
    web_acl_arn: Annotated[
        str,
        Field(
            pattern=r"^(arn:[a-z-]+:wafv2:us-east-1:\d{12}:global/webacl/\S+)?$",
            description="the AWS WAF web ACL of the distribution; empty: none",
        ),
    ]
    threat_protection: Annotated[
        Literal["off", "audit", "enforce"], Field(description="of Cognito; costs money a person and month")
    ]

    fetch_schedule: Annotated[str, Field(pattern=r"^(rate|cron)\(.+\)$")]
    milestone_check_schedule: Annotated[str, Field(pattern=r"^(rate|cron)\(.+\)$")]
    sync_schedule: Annotated[str, Field(pattern=r"^(rate|cron)\(.+\)$")]
    schedule_time_zone: Annotated[str, Field(min_length=1, description="of cron() expressions; IANA's name")]

    initial_settings: Annotated[
        Mapping[str, Any],
        AfterValidator(_small),
        Field(description="values for settings that a person changes while Cairn runs, until one is saved"),
    ]

    avatar_hosts: Annotated[
        tuple[Annotated[str, Field(pattern=r"^([a-z0-9-]+\.)+[a-z][a-z0-9-]*$")], ...],
        BeforeValidator(_parsed),
        Field(max_length=20, description="the hosts whose pictures are shown as reps' avatars"),
    ]
    reserved_concurrency: Annotated[
        Mapping[Annotated[str, Field(pattern=r"^[a-z_]+$")], PositiveInt],
        BeforeValidator(_parsed),
        Field(description="name of a function to the part of the account's concurrency that is kept for it"),
    ]
    # SQS allows 2 to 1,000 as an event source's maximum concurrency.
    notify_concurrency: Annotated[int, Field(ge=2, le=1000)]

    platforms: Annotated[
        Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*$")], PlatformSettings],
        BeforeValidator(_parsed),
        AfterValidator(_with_needed),
    ]

    @field_validator("certificate_arn")
    @classmethod
    def _is_for_a_domain(cls, arn: str, info: ValidationInfo) -> str:
        if "domain_name" in info.data and bool(arn) != bool(info.data["domain_name"]):
            raise ValueError("domain_name and certificate_arn are given together, or neither is")
        return arn

    @classmethod
    def from_context(cls, context: Callable[[str], Any], *, deployed_to: str = "") -> Self:
        """Read every setting. SettingsError names each invalid one and says what it should be.

        `deployed_to` is the region of the credentials, if it is known: a stack without `region` is deployed there.
        """
        if not context("region") and (problem := region_problem(deployed_to)):
            raise SettingsError(f"cdk.json, context:\n  region: empty, and the credentials' {problem}")
        try:
            given = {name: context(name) for name in cls.model_fields if name != "initial_settings"}
            given["initial_settings"] = _initial_settings(context)
            return cls.model_validate({name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            problems = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors()]
            raise SettingsError("cdk.json, context:\n" + "\n".join(problems)) from None

    @property
    def initial_settings_json(self) -> str:
        return json.dumps(dict(self.initial_settings), ensure_ascii=False)

    @property
    def avatar_hosts_list(self) -> str:
        return ",".join(self.avatar_hosts)

    @property
    def production(self) -> bool:
        return self.removal_policy == "retain"

    @property
    def protected(self) -> bool:
        """Whether the stack, the tables and the user pool refuse to be deleted.

        CloudFormation could not undo a first deployment that fails, and a stack that it could not undo can only be
        deleted, which the protection would refuse too.
        """
        return self.production and self.protection == "on"

    @property
    def removal(self) -> RemovalPolicy:
        """In production what holds data is kept, except by a first deployment that fails: it holds none."""
        return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if self.production else RemovalPolicy.DESTROY
