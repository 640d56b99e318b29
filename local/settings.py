"""The settings of the local cloud: environment variables, then `.env`, then defaults that need no keys."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cairn.viewers.presence_slots import is_channel_id
from local.sandbox import (
    SANDBOX_INSTAGRAM_TOKEN,
    SANDBOX_INSTAGRAM_USER_ID,
    SANDBOX_TELEGRAM_TOKEN,
    SANDBOX_YOUTUBE_KEY,
)

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".local"
"""Shared by all local clouds of this checkout: the synthesised template, its assets, the functions' interpreter."""

EDGE_HEADER = "x-cairn-edge"
EDGE_SECRET = "CAIRN_EDGE_SECRET"  # noqa: S105 - a variable's name
"""The header that proves to MiniStack that a request is the edge's, and the variable with its value for the edge."""
VIEWER_HOST_HEADER = "x-cairn-edge-host"
"""Tells MiniStack's CloudFront functions what a viewer's Host is; it goes no further."""

_DEFAULT_PORT = 4566
_DEMO_SCHEDULE = "rate(1 minute)"
_DEMO_CHANNELS = '{"demo": "Demo stream"}'
_TARGET = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}")
_VIEWER_NUMBERS: Mapping[str, tuple[int, int]] = {
    "VIEWER_HEARTBEAT_INTERVAL": (1000, 1_800_000),
    "VIEWER_TIMEOUT": (2, 3600),
    "VIEWER_COUNT_UPDATE_INTERVAL": (500, 60_000),
    "VIEWER_JOINS_PER_MINUTE": (1, 1_000_000),
    "VIEWER_JOINS_PER_MINUTE_56": (1, 1_000_000),
    "VIEWER_JOINS_PER_MINUTE_48": (1, 1_000_000),
    "VIEWER_JOINS_PER_MINUTE_TOTAL": (1, 1_000_000),
    "VIEWER_CHANNELS_PER_MINUTE": (1, 1_000_000),
    "VIEWER_CHANNELS_PER_MINUTE_TOTAL": (1, 1_000_000),
    "VIEWER_MILESTONE_PER_ADDRESS": (1, 1_000_000),
    "VIEWER_MILESTONE_SECONDS": (1, 900),
}
"""The settings of viewers, with minimum and maximum."""


class StartError(Exception):
    """Why the local cloud cannot start, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform of the stack: `{NAME}_API_URL`, the parameter for that, and the secret with its keys."""

    name: str
    sandbox_path: str
    sandbox_secret: Mapping[str, str]
    """The keys to use with the sandbox or another fake; the first is the one that selects the real platform."""

    @property
    def url_variable(self) -> str:
        return f"{self.name.upper()}_API_URL"

    @property
    def url_parameter(self) -> str:
        return f"{self.name.capitalize()}ApiUrl"

    @property
    def secret_output(self) -> str:
        return f"{self.name.capitalize()}Secret"

    @property
    def key_variable(self) -> str:
        return next(iter(self.sandbox_secret))


PLATFORMS = (
    Platform("youtube", "/youtube/v3", {"YOUTUBE_API_KEY": SANDBOX_YOUTUBE_KEY}),
    Platform(
        "telegram",
        "/telegram",
        {"TELEGRAM_BOT_TOKEN": SANDBOX_TELEGRAM_TOKEN, "TELEGRAM_WEBHOOK_SECRET": ""},
    ),
    Platform(
        "instagram",
        "/instagram/v25.0",
        {"INSTAGRAM_ACCESS_TOKEN": SANDBOX_INSTAGRAM_TOKEN, "INSTAGRAM_USER_ID": SANDBOX_INSTAGRAM_USER_ID},
    ),
)


@dataclass(frozen=True, slots=True)
class PlatformChoice:
    """A platform's address and keys."""

    platform: Platform
    url: str | None
    """None is the real platform, at the template's default address."""
    secret: Mapping[str, str]
    sandboxed: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """One local cloud: its ports, its state directory, and what it starts with."""

    port: int
    home: Path
    demo: bool
    fetch_schedule: str | None
    """None: as in production."""
    platforms: tuple[PlatformChoice, ...]
    viewers: Mapping[str, str]
    """What is chosen about viewers, by the name of the template's parameter; what is not is as in production."""
    extra_targets: tuple[str, ...] = ()
    """Hosts and ports, besides the sandbox's, that webhooks may call though they are not public."""
    secret: str = field(repr=False, default_factory=lambda: secrets.token_hex(20))
    """The secret access key of the local cloud's root, new with each run."""

    @property
    def aws_endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def edge_port(self) -> int:
        return self.port + 1

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.edge_port}"

    @property
    def sandbox_port(self) -> int:
        return self.port + 2

    @property
    def sandbox_url(self) -> str | None:
        return _sandbox_url(self.port) if self.sandboxed else None

    @property
    def webhook_targets(self) -> str:
        """What webhooks may call though it is not public, as the template's parameter has it."""
        sandbox = (f"127.0.0.1:{self.sandbox_port}",) if self.sandboxed else ()
        return ",".join((*sandbox, *self.extra_targets))

    @property
    def sandboxed(self) -> frozenset[str]:
        """The platforms that the sandbox replaces."""
        return frozenset(choice.platform.name for choice in self.platforms if choice.sandboxed)

    @property
    def ports(self) -> dict[int, str]:
        """The purpose of each port."""
        ports = {self.port: "the AWS endpoint", self.edge_port: "the API and pages"}
        return ports | ({self.sandbox_port: "the sandbox"} if self.sandboxed else {})

    def choice(self, platform: str) -> PlatformChoice:
        return next(choice for choice in self.platforms if choice.platform.name == platform)


def read_settings(environment: Mapping[str, str], dotenv: Path) -> Settings:
    """The settings; StartError for an invalid value."""
    values = {**(parse_dotenv(dotenv.read_text(encoding="utf-8")) if dotenv.is_file() else {}), **environment}
    values = {name: value.strip() for name, value in values.items() if value.strip()}
    port = _port(values.get("CAIRN_PORT", str(_DEFAULT_PORT)))
    demo = values.get("DEMO", "1").lower() not in {"0", "false", "no", "off"}
    return Settings(
        port=port,
        home=Path(values.get("CAIRN_HOME", CACHE)).absolute(),
        demo=demo,
        fetch_schedule=values.get("CAIRN_FETCH_SCHEDULE", _DEMO_SCHEDULE if demo else None),
        platforms=tuple(_choose(platform, values, port) for platform in PLATFORMS),
        viewers=_viewers({"LIVE_CHANNELS": _DEMO_CHANNELS, **values} if demo else values),
        extra_targets=_targets(values.get("WEBHOOK_ALLOWED_TARGETS", "")),
    )


def parse_dotenv(text: str) -> dict[str, str]:
    """`NAME=value` lines as shells and other tools write them, with comments, `export` and quotes."""
    values = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.lstrip().startswith("#"):
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        else:
            value = value.split(" #", 1)[0].rstrip()
        values[name.strip()] = value
    return values


def _choose(platform: Platform, values: Mapping[str, str], port: int) -> PlatformChoice:
    """An explicit address wins; a platform with its key set is the real one; otherwise it is the sandbox."""
    explicit = values.get(platform.url_variable)
    sandboxed = not explicit and platform.key_variable not in values
    secret = {}
    for variable, stand_in in platform.sandbox_secret.items():
        value = None if sandboxed and stand_in else values.get(variable)
        secret[variable] = value or (stand_in if explicit or sandboxed else "")
    if "TELEGRAM_WEBHOOK_SECRET" in secret:
        secret["TELEGRAM_WEBHOOK_SECRET"] = secret["TELEGRAM_WEBHOOK_SECRET"] or secrets.token_urlsafe(24)
    url = explicit.rstrip("/") if explicit else _sandbox_url(port) + platform.sandbox_path if sandboxed else None
    return PlatformChoice(platform, url, secret, sandboxed)


def _viewers(values: Mapping[str, str]) -> dict[str, str]:
    """The same rules as infra/settings.py has for cdk.json."""
    defaults = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    numbers = {name: values.get(name, str(defaults[name.lower()])) for name in _VIEWER_NUMBERS}
    for name, (least, most) in _VIEWER_NUMBERS.items():
        if not numbers[name].isdecimal() or not least <= int(numbers[name]) <= most:
            raise StartError(f"{name} must be a whole number from {least} to {most}, not {numbers[name]!r}")
    if 1000 * int(numbers["VIEWER_TIMEOUT"]) < 2 * int(numbers["VIEWER_HEARTBEAT_INTERVAL"]):
        raise StartError(
            f"VIEWER_TIMEOUT ({numbers['VIEWER_TIMEOUT']} seconds) must be at least twice VIEWER_HEARTBEAT_INTERVAL "
            f"({numbers['VIEWER_HEARTBEAT_INTERVAL']} milliseconds), so that one heartbeat may be lost"
        )
    chosen = {name: numbers[name] for name in _VIEWER_NUMBERS if name in values}
    if "LIVE_CHANNELS" in values:
        chosen["LIVE_CHANNELS"] = _live_channels(values["LIVE_CHANNELS"])
    return {"".join(map(str.capitalize, name.split("_"))): value for name, value in chosen.items()}


def _targets(text: str) -> tuple[str, ...]:
    targets = tuple(target for target in re.split(r"[,\s]+", text) if target)
    if wrong := [target for target in targets if not _TARGET.fullmatch(target)]:
        raise StartError(f"WEBHOOK_ALLOWED_TARGETS must be hosts with ports, such as 127.0.0.1:9000, not {wrong[0]!r}")
    return targets


def _live_channels(text: str) -> str:
    try:
        channels = json.loads(text)
    except ValueError:
        channels = None
    if not isinstance(channels, dict) or not all(
        is_channel_id(channel) and isinstance(name, str) and name.strip() for channel, name in channels.items()
    ):
        raise StartError(
            f"LIVE_CHANNELS must be JSON such as {_DEMO_CHANNELS}, with a name for each channel, not {text!r}"
        )
    return json.dumps(channels)


def _sandbox_url(port: int) -> str:
    return f"http://127.0.0.1:{port + 2}"


def _port(text: str) -> int:
    if not text.isdigit() or not 1024 <= int(text) <= 65_533:
        raise StartError(
            f"CAIRN_PORT must be a number from 1024 to 65533 (the two ports above it are used too), not {text!r}"
        )
    return int(text)
