"""An invalid setting stops the synthesis with a clear message, not the deployment or, later, a function."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.packaging import ROOT
from infra.settings import Settings, SettingsError

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/c0ffee00-1111-2222-3333-444444444444"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cdn_key_generation", 0),
        ("direct_calls", "maybe"),
        ("web_acl_arn", "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/cairn/1"),
        ("threat_protection", "on"),
        ("fetch_schedule", "every five minutes"),
        ("milestone_check_schedule", "2 hours"),
        ("refresh_age_seconds", 0),
        ("stale_after_seconds", "soon"),
        ("implausible_factor", 1),
        ("implausible_increase", -1),
        ("time_zone", "Europe/Atlantis"),
        ("ladders", {"followers": []}),
        ("ladders", {"followers": [100, 100]}),
        ("ladders", "not JSON"),
        ("viewer_heartbeat_interval", 999),
        ("viewer_heartbeat_interval", "often"),
        ("viewer_timeout", 0),
        ("viewer_timeout", 59),
        ("viewer_count_update_interval", 499),
        ("viewer_joins_per_minute", 0),
        ("live_channels", {"a room": "Spaces are not for ids"}),
        ("live_channels", {"a" * 101: "Too long"}),
        ("live_channels", {"": "Nothing"}),
        ("live_channels", {"demo\n": "Another line"}),
        ("live_channels", {"demo": "  "}),
        ("live_channels", {"demo": "🗻" * 101}),
        ("live_channels", {f"channel-{number}": "🗻" * 100 for number in range(6)}),
        ("live_channels", "not JSON"),
        ("avatar_hosts", ["*.example.com"]),
        ("avatar_hosts", ["https://example.com"]),
        ("avatar_hosts", ["example.com:8443"]),
        ("avatar_hosts", ["localhost"]),
        ("avatar_hosts", ["10.0.0.1"]),
        ("avatar_hosts", ["Example.com"]),
        ("avatar_hosts", ["example.com; script-src *"]),
        ("avatar_hosts", [f"pictures{number}.example.com" for number in range(21)]),
        ("retired_reps_kept_days", 0),
        ("viewer_joins_per_minute_48", 0),
        ("viewer_milestone_per_address", 0),
        ("viewer_milestone_seconds", 901),
        ("reserved_concurrency", {"detect_milestone": 0}),
        ("notify_concurrency", 1),
        ("notify_concurrency", 1001),
        ("telegram_messages_per_second", 0),
        ("telegram_progress_every", 0),
        ("telegram_announcement_chat", "my channel"),
        ("platforms", {}),
        ("platforms", {"youtube": {"url": "https://www.googleapis.com/youtube/v3", "keys": ["YOUTUBE_API_KEY"]}}),
        ("platforms", {"telegram": {"url": "https://api.telegram.org/", "keys": ["TELEGRAM_BOT_TOKEN"]}}),
        ("platforms", {"telegram": {"url": "https://api.telegram.org", "keys": []}}),
        ("platforms", {"Tele gram": {"url": "https://api.telegram.org", "keys": ["TELEGRAM_BOT_TOKEN"]}}),
        ("removal_policy", "keep"),
        ("protection", "maybe"),
        ("dependencies", "docker"),
        ("alarm_email", "nobody"),
        ("region", "Frankfurt"),
        ("region", "eu-central-2"),
        ("region", "us-gov-west-1"),
        ("region", "eusc-de-east-1"),
        ("stack_name", "my stack"),
        ("domain_name", "https://cairn.example.com"),
        ("domain_name", "*.example.com"),
        ("domain_name", "Cairn.example.com"),
        ("domain_name", "localhost"),
        ("domain_name", "cairn.example.com/"),
        ("domain_name", f"{'a.' * 130}example.com"),
        ("domain_name", "cairn.example.com"),  # without a certificate
        ("certificate_arn", CERTIFICATE),  # without a domain
        ("certificate_arn", CERTIFICATE.replace("us-east-1", "eu-west-1")),
        ("certificate_arn", "cairn.example.com"),
    ],
)
def test_a_value_that_cannot_work_is_rejected_by_name(context: Mapping[str, Any], name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_context({**context, name: value}.get)


def test_the_region_of_the_credentials_is_checked_where_none_is_given(context: Mapping[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"region: empty, .*eu-south-2 has no Lambda function URLs"):
        Settings.from_context(context.get, deployed_to="eu-south-2")
    assert Settings.from_context({**context, "region": "eu-south-1"}.get, deployed_to="eu-south-2").region
    assert Settings.from_context(context.get, deployed_to="eu-south-1").region == ""


def test_the_app_refuses_in_a_line_instead_of_a_traceback(tmp_path: Path) -> None:
    environment = os.environ | {"CDK_DEFAULT_REGION": "me-central-1", "CDK_OUTDIR": str(tmp_path)}
    app = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert app.returncode == 1
    assert "me-central-1 has no Lambda function URLs" in app.stderr
    assert "Traceback" not in app.stderr


def test_a_domain_comes_with_its_certificate(context: Mapping[str, Any]) -> None:
    given = {**context, "domain_name": "cairn.example.com", "certificate_arn": CERTIFICATE}
    assert Settings.from_context(given.get).domain_name == "cairn.example.com"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_that_is_missing_is_named(context: Mapping[str, Any], name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_context({**context, name: None}.get)


def test_a_viewers_timeout_leaves_room_for_a_lost_heartbeat_and_is_rejected_with_the_reason(
    context: Mapping[str, Any],
) -> None:
    with pytest.raises(SettingsError, match=r"viewer_timeout: .*two of viewer_heartbeat_interval"):
        Settings.from_context({**context, "viewer_heartbeat_interval": 30_001}.get)
    assert Settings.from_context({**context, "viewer_heartbeat_interval": 5_000, "viewer_timeout": "10"}.get)


def test_live_channels_are_given_as_text_or_as_an_object_and_keep_their_letters(context: Mapping[str, Any]) -> None:
    for given in ({"youtube:UC_x-1": " Höhenzug 🏔 "}, '{"youtube:UC_x-1": "Höhenzug 🏔"}'):
        settings = Settings.from_context({**context, "live_channels": given}.get)
        assert settings.live_channels_json == '{"youtube:UC_x-1": "Höhenzug 🏔"}'


def test_a_setting_may_be_given_as_text_as_the_command_line_does(context: Mapping[str, Any]) -> None:
    given = {**context, "notify_concurrency": "7", "ladders": '{"followers": [10, 20]}'}
    settings = Settings.from_context(given.get)
    assert settings.notify_concurrency == 7
    assert settings.ladders_json == '{"followers": [10, 20]}'


def test_production_is_kept_unless_the_operator_says_otherwise(context: Mapping[str, Any]) -> None:
    assert Settings.from_context(context.get).production
    assert not Settings.from_context({**context, "removal_policy": "destroy"}.get).production
