"""The settings of the local cloud: environment variables, then `.env`, then defaults that need no keys."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cairn.workspace.document import SETTINGS, InvalidSettingsError, initial, plain
from local.sandbox import (
    SANDBOX_FANVUE_KEY,
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
_CHOSEN = (
    "LIVE_CHANNELS",
    "LADDERS",
    "CREATORS_TELEGRAM_CHAT",
    *(name.upper() for name in SETTINGS if name.startswith("viewer_")),
)
"""The settings (docs/settings.md) that a local cloud may begin with, as environment variables."""


class StartError(Exception):
    """Why the local cloud cannot start, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform of the stack: `{NAME}_API_URL`, the parameter for that, and the secret with its keys.

    One with an OAuth server has `{NAME}_AUTH_URL` too.
    """

    name: str
    sandbox_path: str
    sandbox_secret: Mapping[str, str]
    """The keys to use with the sandbox or another fake; the first is the one that selects the real platform."""
    oauth: bool = False
    """It has an OAuth server; the sandbox's and a fake's are at the address of their API."""

    @property
    def url_variable(self) -> str:
        return f"{self.name.upper()}_API_URL"

    @property
    def url_parameter(self) -> str:
        return f"{self.name.capitalize()}ApiUrl"

    @property
    def auth_url_variable(self) -> str:
        return f"{self.name.upper()}_AUTH_URL"

    @property
    def auth_url_parameter(self) -> str:
        return f"{self.name.capitalize()}AuthUrl"

    @property
    def variables(self) -> tuple[str, ...]:
        """Every environment variable that is read for it."""
        return (self.url_variable, *((self.auth_url_variable,) if self.oauth else ()), *self.sandbox_secret)

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
    Platform("creator", "/fanvue", {"CREATOR_API_KEY": SANDBOX_FANVUE_KEY, "CREATOR_WEBHOOK_SECRET": ""}, oauth=True),
)


@dataclass(frozen=True, slots=True)
class PlatformChoice:
    """A platform's address and keys."""

    platform: Platform
    url: str | None
    """None is the real platform, at the template's default address."""
    secret: Mapping[str, str]
    sandboxed: bool
    auth_url: str | None = None
    """Of a platform with an OAuth server: its address. None: the template's default."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One local cloud: its ports, its state directory, and what it starts with."""

    port: int
    home: Path
    demo: bool
    fetch_schedule: str | None
    """None: as in production."""
    sync_schedule: str | None
    """None: as in production."""
    platforms: tuple[PlatformChoice, ...]
    initial_settings: Mapping[str, Any]
    """What is chosen of the settings that a person changes while Cairn runs; what is not is as in production."""
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
        sync_schedule=values.get("CAIRN_SYNC_SCHEDULE", _DEMO_SCHEDULE if demo else None),
        platforms=tuple(_choose(platform, values, port) for platform in PLATFORMS),
        initial_settings=_initial_settings({"LIVE_CHANNELS": _DEMO_CHANNELS, **values} if demo else values),
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
    for variable in (name for name in secret if name.endswith("_WEBHOOK_SECRET")):
        secret[variable] = secret[variable] or secrets.token_urlsafe(24)
    url = explicit.rstrip("/") if explicit else _sandbox_url(port) + platform.sandbox_path if sandboxed else None
    auth_url = values.get(platform.auth_url_variable, url or "").rstrip("/") or None if platform.oauth else None
    return PlatformChoice(platform, url, secret, sandboxed, auth_url)


def _targets(text: str) -> tuple[str, ...]:
    targets = tuple(target for target in re.split(r"[,\s]+", text) if target)
    if wrong := [target for target in targets if not _TARGET.fullmatch(target)]:
        raise StartError(f"WEBHOOK_ALLOWED_TARGETS must be hosts with ports, such as 127.0.0.1:9000, not {wrong[0]!r}")
    return targets


def _initial_settings(values: Mapping[str, str]) -> dict[str, Any]:
    """The settings to begin with, by name. StartError for one that cannot work."""
    given: dict[str, Any] = {}
    for variable in (name for name in _CHOSEN if name in values):
        try:
            given[variable.lower()] = json.loads(values[variable])
        except ValueError:
            raise StartError(f"{variable} must be JSON, not {values[variable]!r}") from None
    try:
        return plain(initial(given).given)  # type: ignore[no-any-return]  # of an object, an object
    except InvalidSettingsError as error:
        name, problem = next(iter(error.problems.items()))
        example = f", as in {_DEMO_CHANNELS}" if name == "live_channels" else ""
        raise StartError(f"{name.upper()}: {problem}{example}") from None


def _sandbox_url(port: int) -> str:
    return f"http://127.0.0.1:{port + 2}"


def _port(text: str) -> int:
    if not text.isdigit() or not 1024 <= int(text) <= 65_533:
        raise StartError(
            f"CAIRN_PORT must be a number from 1024 to 65533 (the two ports above it are used too), not {text!r}"
        )
    return int(text)
