"""The operator's settings: the context of cdk.json, validated once, so that a bad value stops the synthesis."""

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from aws_cdk import RemovalPolicy
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
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


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("not a time zone of the IANA database, such as Europe/Berlin or UTC")
    return name


def _rising(steps: tuple[int, ...]) -> tuple[int, ...]:
    if any(higher <= lower for lower, higher in pairwise(steps)):
        raise ValueError("each threshold must be higher than the one before it")
    return steps


def _region(name: str) -> str:
    if problem := region_problem(name):
        raise ValueError(problem)
    return name


def _small(channels: Mapping[str, str]) -> Mapping[str, str]:
    if len(json.dumps(channels, ensure_ascii=False).encode()) > _MAX_BYTES:
        raise ValueError(f"more than {_MAX_BYTES} bytes of JSON, half of the limit for a function's environment")
    return channels


def _with_telegram(platforms: Mapping[str, object]) -> Mapping[str, object]:
    if "telegram" not in platforms:
        raise ValueError("telegram is missing; alerts are sent through it")
    return platforms


# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MAX_BYTES = 2048


class PlatformSettings(BaseModel):
    """The address of a platform's API, and the names of the keys in its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://\S+[^/\s]$")]
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
    refresh_age_seconds: PositiveInt
    stale_after_seconds: PositiveInt
    implausible_factor: Annotated[int, Field(ge=2, description="a count that rises further has to be confirmed")]
    implausible_increase: Annotated[int, Field(ge=0, description="and only if it rises by more than this")]
    time_zone: Annotated[str, AfterValidator(_time_zone)]
    ladders: Annotated[
        Mapping[str, Annotated[tuple[PositiveInt, ...], Field(min_length=1), AfterValidator(_rising)]],
        BeforeValidator(_parsed),
        Field(description="name of a rule to thresholds that replace its own"),
    ]

    viewer_heartbeat_interval: Annotated[int, Field(ge=1000, description="milliseconds")]
    viewer_timeout: Annotated[int, Field(ge=2, le=3600, description="seconds")]  # slots expire after three hours
    viewer_count_update_interval: Annotated[int, Field(ge=500, le=60_000, description="milliseconds")]
    viewer_joins_per_minute: Annotated[PositiveInt, Field(description="from one address, for IPv6 one /64")]
    viewer_joins_per_minute_56: Annotated[PositiveInt, Field(description="from one IPv6 /56")]
    viewer_joins_per_minute_48: Annotated[PositiveInt, Field(description="from one IPv6 /48")]
    viewer_joins_per_minute_total: PositiveInt
    viewer_channels_per_minute: Annotated[PositiveInt, Field(description="opened from one address or IPv6 /48")]
    viewer_channels_per_minute_total: PositiveInt
    viewer_milestone_per_address: Annotated[PositiveInt, Field(description="viewers that count, for IPv6 of one /64")]
    viewer_milestone_seconds: Annotated[int, Field(ge=1, le=900, description="how long a milestone has to last")]
    live_channels: Annotated[
        Mapping[
            Annotated[str, Field(pattern=r"^[A-Za-z0-9._~:@-]{1,100}$")],
            Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)],
        ],
        BeforeValidator(_parsed),
        AfterValidator(_small),
        Field(description="channel id to the name in its milestones on Telegram"),
    ]

    avatar_hosts: Annotated[
        tuple[Annotated[str, Field(pattern=r"^([a-z0-9-]+\.)+[a-z][a-z0-9-]*$")], ...],
        BeforeValidator(_parsed),
        Field(max_length=20, description="the hosts whose pictures are shown as reps' avatars"),
    ]
    retired_reps_kept_days: Annotated[
        PositiveInt, Field(description="after so many days, a retired rep's personal data is erased")
    ]

    reserved_concurrency: Annotated[
        Mapping[Annotated[str, Field(pattern=r"^[a-z_]+$")], PositiveInt],
        BeforeValidator(_parsed),
        Field(description="name of a function to the part of the account's concurrency that is kept for it"),
    ]
    # SQS allows 2 to 1,000 as an event source's maximum concurrency.
    notify_concurrency: Annotated[int, Field(ge=2, le=1000)]
    # Telegram allows about 30 a second for free and up to 1,000 with paid broadcast.
    telegram_messages_per_second: Annotated[float, Field(gt=0, le=1000)]
    # A killed sender repeats at most this many messages; progress is written once for as many.
    telegram_progress_every: PositiveInt
    telegram_announcement_chat: Annotated[str, Field(pattern=r"^(@\w+|-?\d+)?$", description="empty: none")]

    platforms: Annotated[
        Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*$")], PlatformSettings],
        BeforeValidator(_parsed),
        AfterValidator(_with_telegram),
    ]

    @field_validator("certificate_arn")
    @classmethod
    def _is_for_a_domain(cls, arn: str, info: ValidationInfo) -> str:
        if "domain_name" in info.data and bool(arn) != bool(info.data["domain_name"]):
            raise ValueError("domain_name and certificate_arn are given together, or neither is")
        return arn

    @field_validator("viewer_timeout")
    @classmethod
    def _allows_a_lost_heartbeat(cls, seconds: int, info: ValidationInfo) -> int:
        if 1000 * seconds < 2 * info.data.get("viewer_heartbeat_interval", 0):
            raise ValueError("must be two of viewer_heartbeat_interval or more, so that one heartbeat may be lost")
        return seconds

    @classmethod
    def from_context(cls, context: Callable[[str], Any], *, deployed_to: str = "") -> Self:
        """Read every setting. SettingsError names each invalid one and says what it should be.

        `deployed_to` is the region of the credentials, if it is known: a stack without `region` is deployed there.
        """
        if not context("region") and (problem := region_problem(deployed_to)):
            raise SettingsError(f"cdk.json, context:\n  region: empty, and the credentials' {problem}")
        given = {name: context(name) for name in cls.model_fields}
        try:
            return cls.model_validate({name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            problems = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors()]
            raise SettingsError("cdk.json, context:\n" + "\n".join(problems)) from None

    @property
    def plausibility(self) -> dict[str, str]:
        """The variables of a function that fetches counts."""
        return {
            "IMPLAUSIBLE_FACTOR": str(self.implausible_factor),
            "IMPLAUSIBLE_INCREASE": str(self.implausible_increase),
        }

    @property
    def ladders_json(self) -> str:
        return json.dumps(self.model_dump(mode="json")["ladders"])

    @property
    def live_channels_json(self) -> str:
        return json.dumps(self.model_dump(mode="json")["live_channels"], ensure_ascii=False)

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
