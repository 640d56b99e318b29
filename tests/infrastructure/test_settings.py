"""An invalid setting stops the synthesis with a clear message, not the deployment or, later, a function."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cairn.workspace.document import SETTINGS
from infra.packaging import ROOT
from infra.settings import CHANGED_WHILE_RUNNING, Settings, SettingsError

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
        ("schedule_time_zone", ""),
        ("initial_settings", []),
        ("initial_settings", "not JSON"),
        ("initial_settings", {"live_channels": {f"channel-{number}": "🗻" * 100 for number in range(6)}}),
        ("ladders", "not JSON"),
        ("avatar_hosts", ["*.example.com"]),
        ("avatar_hosts", ["https://example.com"]),
        ("avatar_hosts", ["example.com:8443"]),
        ("avatar_hosts", ["localhost"]),
        ("avatar_hosts", ["10.0.0.1"]),
        ("avatar_hosts", ["Example.com"]),
        ("avatar_hosts", ["example.com; script-src *"]),
        ("avatar_hosts", [f"pictures{number}.example.com" for number in range(21)]),
        ("reserved_concurrency", {"detect_milestone": 0}),
        ("notify_concurrency", 1),
        ("notify_concurrency", 1001),
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


def test_a_setting_may_be_given_as_text_as_the_command_line_does(context: Mapping[str, Any]) -> None:
    given = {**context, "notify_concurrency": "7", "ladders": '{"subscribers": [10, 20]}'}
    settings = Settings.from_context(given.get)
    assert settings.notify_concurrency == 7
    assert settings.initial_settings == {"ladders": {"subscribers": [10, 20]}}


def test_what_an_operator_has_set_where_0_1_0_had_it_is_what_cairn_begins_with(context: Mapping[str, Any]) -> None:
    """docs/settings.md: nobody has to edit cdk.json before the deployment that moves the settings."""
    former = {"time_zone": "Europe/Berlin", "live_channels": {"demo": "Höhenzug 🏔"}, "viewer_timeout": 90}
    settings = Settings.from_context({**context, **former, "initial_settings": {"viewer_timeout": 120}}.get)
    assert settings.initial_settings == {**former, "viewer_timeout": 120}
    assert json.loads(settings.initial_settings_json) == settings.initial_settings


def test_every_setting_that_cdk_json_had_is_one_that_a_person_changes_now() -> None:
    newer = {name for name in SETTINGS if name.startswith(("webhook_", "usage_", "creator"))}
    assert {*CHANGED_WHILE_RUNNING} == SETTINGS.keys() - newer


def test_the_app_refuses_a_value_that_cairn_could_not_begin_with(tmp_path: Path) -> None:
    given = json.dumps({"time_zone": "Europe/Atlantis"})
    environment = os.environ | {"CDK_CONTEXT_JSON": given, "CDK_OUTDIR": str(tmp_path)}
    app = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert app.returncode == 1
    assert "time_zone: must be a time zone" in app.stderr
    assert "Traceback" not in app.stderr


def test_production_is_kept_unless_the_operator_says_otherwise(context: Mapping[str, Any]) -> None:
    assert Settings.from_context(context.get).production
    assert not Settings.from_context({**context, "removal_policy": "destroy"}.get).production
