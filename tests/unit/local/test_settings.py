"""The settings of the local cloud, and the stack parameters that follow from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.run import stack_parameters
from local.settings import PLATFORMS, ROOT, Settings, StartError, parse_dotenv, read_settings


def settings(dotenv: str = "", directory: Path | None = None, **environment: str) -> Settings:
    file = Path("no such file")
    if directory is not None:
        file = directory / ".env"
        file.write_text(dotenv)
    return read_settings(environment, file)


def test_by_default_every_platform_is_the_sandbox() -> None:
    given = settings()
    assert given.sandboxed == {"youtube", "telegram", "instagram", "creator"}
    assert stack_parameters(given) == {
        "YoutubeApiUrl": "http://127.0.0.1:4568/youtube/v3",
        "TelegramApiUrl": "http://127.0.0.1:4568/telegram",
        "InstagramApiUrl": "http://127.0.0.1:4568/instagram/v25.0",
        "CreatorApiUrl": "http://127.0.0.1:4568/fanvue",
        "CreatorAuthUrl": "http://127.0.0.1:4568/fanvue",
        "FetchSchedule": "rate(1 minute)",
        "SyncSchedule": "rate(1 minute)",
        "WebSocketBase": "127.0.0.1:4566/_aws/execute-api",
        "UserPoolJwksBase": "http://127.0.0.1:4566",
        "WebhookAllowedTargets": "127.0.0.1:4568",
        "InitialSettings": '{"live_channels": {"demo": "Demo stream"}}',
    }
    assert all(all(choice.secret.values()) for choice in given.platforms)


def test_a_platform_with_its_key_is_the_real_one_at_the_templates_address() -> None:
    given = settings(YOUTUBE_API_KEY="real")
    assert given.sandboxed == {"telegram", "instagram", "creator"}
    assert given.choice("youtube").url is None
    assert given.choice("youtube").secret == {"YOUTUBE_API_KEY": "real"}
    assert "YoutubeApiUrl" not in stack_parameters(given)


def test_an_explicit_address_wins_over_the_sandbox_and_over_the_real_platform() -> None:
    given = settings(TELEGRAM_API_URL="http://localhost:9000/", YOUTUBE_API_URL="http://fake/v3", YOUTUBE_API_KEY="k")
    assert given.choice("telegram").url == "http://localhost:9000"
    assert given.choice("telegram").secret["TELEGRAM_BOT_TOKEN"]
    assert given.choice("youtube").url == "http://fake/v3"
    assert given.sandboxed == {"instagram", "creator"}


def test_with_every_key_there_is_no_sandbox_and_its_port_may_be_taken() -> None:
    given = settings(
        YOUTUBE_API_KEY="k",
        TELEGRAM_BOT_TOKEN="1:t",
        INSTAGRAM_ACCESS_TOKEN="t",
        INSTAGRAM_USER_ID="1",
        CREATOR_API_KEY="k",
    )
    assert given.sandbox_url is None
    assert list(given.ports) == [4566, 4567]


def test_webhooks_may_call_the_sandbox_and_what_is_named() -> None:
    targets = "127.0.0.1:9000, [::1]:9001 crm.localhost:80"
    assert settings(WEBHOOK_ALLOWED_TARGETS=targets).webhook_targets == (
        "127.0.0.1:4568,127.0.0.1:9000,[::1]:9001,crm.localhost:80"
    )
    real = settings(YOUTUBE_API_KEY="k", TELEGRAM_BOT_TOKEN="1:t", INSTAGRAM_ACCESS_TOKEN="t", CREATOR_API_KEY="k")
    assert real.webhook_targets == ""
    for wrong in ("127.0.0.1", "http://127.0.0.1:9000", "127.0.0.1:port", "*:80"):
        with pytest.raises(StartError, match=r"127\.0\.0\.1:9000"):
            settings(WEBHOOK_ALLOWED_TARGETS=wrong)


def test_creators_earn_at_the_real_platform_or_at_a_fake_that_has_both_its_addresses() -> None:
    real = settings(CREATOR_API_KEY="k").choice("creator")
    assert (real.url, real.auth_url, real.secret["CREATOR_API_KEY"]) == (None, None, "k")
    fake = settings(CREATOR_API_URL="http://127.0.0.1:9/fake").choice("creator")
    assert (fake.url, fake.auth_url) == ("http://127.0.0.1:9/fake", "http://127.0.0.1:9/fake")
    apart = settings(CREATOR_API_URL="http://127.0.0.1:9/fake", CREATOR_AUTH_URL="http://127.0.0.1:8/")
    assert apart.choice("creator").auth_url == "http://127.0.0.1:8"


def test_the_webhook_secret_is_made_up_unless_it_is_given() -> None:
    given = settings(TELEGRAM_WEBHOOK_SECRET="mine")
    assert given.choice("telegram").secret["TELEGRAM_WEBHOOK_SECRET"] == "mine"
    first, second = (settings().choice("telegram").secret["TELEGRAM_WEBHOOK_SECRET"] for _ in range(2))
    assert first != second


def test_the_environment_wins_over_dotenv_and_an_empty_value_is_none(tmp_path: Path) -> None:
    dotenv = "CAIRN_PORT=5000\nYOUTUBE_API_KEY=from-the-file\n"
    assert settings(dotenv, tmp_path).port == 5000
    assert settings(dotenv, tmp_path, CAIRN_PORT="6000").port == 6000
    assert "youtube" not in settings(dotenv, tmp_path).sandboxed
    assert "youtube" in settings(dotenv, tmp_path, YOUTUBE_API_KEY="").sandboxed


def test_dotenv_is_read_as_other_tools_write_it() -> None:
    text = "# a comment\nexport A=1\nB = 'two words' \nC=\"3\" \nD=four # of them\n\nE=\nnonsense\n"
    assert parse_dotenv(text) == {"A": "1", "B": "two words", "C": "3", "D": "four", "E": ""}


def test_without_the_demo_the_schedule_is_productions_unless_one_is_set() -> None:
    assert not {"FetchSchedule", "SyncSchedule"} & stack_parameters(settings(DEMO="0")).keys()
    assert stack_parameters(settings())["SyncSchedule"] == "rate(1 minute)"
    assert (
        stack_parameters(settings(DEMO="0", CAIRN_SYNC_SCHEDULE="rate(2 minutes)"))["SyncSchedule"] == "rate(2 minutes)"
    )
    assert (
        stack_parameters(settings(DEMO="0", CAIRN_FETCH_SCHEDULE="rate(2 minutes)"))["FetchSchedule"]
        == "rate(2 minutes)"
    )


def test_chosen_settings_are_what_the_stack_begins_with_and_the_rest_is_as_in_production(
    tmp_path: Path,
) -> None:
    assert settings(DEMO="0").initial_settings == {}
    chosen = settings("VIEWER_TIMEOUT=3\n", tmp_path, VIEWER_HEARTBEAT_INTERVAL="1000", DEMO="0")
    assert chosen.initial_settings == {"viewer_timeout": 3, "viewer_heartbeat_interval": 1000}
    named = settings(LIVE_CHANNELS='{"youtube:UC_x-1": "Höhenzug"}', VIEWER_JOINS_PER_MINUTE="9")
    assert named.initial_settings == {
        "live_channels": {"youtube:UC_x-1": "Höhenzug"},
        "viewer_joins_per_minute": 9,
    }
    assert json.loads(stack_parameters(named)["InitialSettings"]) == named.initial_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VIEWER_HEARTBEAT_INTERVAL", "999"),
        ("VIEWER_HEARTBEAT_INTERVAL", "30s"),
        ("VIEWER_TIMEOUT", "59"),
        ("VIEWER_TIMEOUT", "-60"),
        ("VIEWER_TIMEOUT", "3601"),
        ("VIEWER_COUNT_UPDATE_INTERVAL", "499"),
        ("VIEWER_COUNT_UPDATE_INTERVAL", "60001"),
        ("VIEWER_JOINS_PER_MINUTE", "0"),
        ("LIVE_CHANNELS", "demo"),
        ("LIVE_CHANNELS", '["demo"]'),
        ("LIVE_CHANNELS", '{"a room": "Spaces are not for ids"}'),
        ("LIVE_CHANNELS", '{"demo": " "}'),
        ("LIVE_CHANNELS", '{"demo": 1}'),
    ],
)
def test_an_invalid_setting_of_viewers_is_rejected_by_name(name: str, value: str) -> None:
    with pytest.raises(StartError, match=name):
        read_settings({name: value}, Path("no such file"))


@pytest.mark.parametrize("port", ["http", "80", "65534", "-1"])
def test_an_invalid_port_is_rejected_by_name(port: str) -> None:
    with pytest.raises(StartError, match="CAIRN_PORT"):
        settings(CAIRN_PORT=port)


def test_the_platforms_and_their_keys_are_those_of_the_template() -> None:
    platforms = json.loads((ROOT / "cdk.json").read_text())["context"]["platforms"]
    assert {platform.name: list(platform.sandbox_secret) for platform in PLATFORMS} == {
        name: platform["keys"] for name, platform in platforms.items()
    }
