"""A deployment that lacks a setting says which, on first use."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cairn.settings import SettingError, from_environment


@dataclass(frozen=True)
class Settings:
    stats_table: str
    refresh_age_seconds: int
    messages_per_second: float
    colour: str = "grey"


GIVEN = {"STATS_TABLE": "stats", "REFRESH_AGE_SECONDS": "60", "MESSAGES_PER_SECOND": "29.25", "OTHER": "x"}


def test_settings_are_read_by_their_names_and_as_their_types() -> None:
    assert from_environment(Settings, GIVEN) == Settings("stats", 60, 29.25)
    assert from_environment(Settings, GIVEN | {"COLOUR": "red"}).colour == "red"


@pytest.mark.parametrize("missing", ["STATS_TABLE", "REFRESH_AGE_SECONDS", "MESSAGES_PER_SECOND"])
def test_a_missing_setting_is_named(missing: str) -> None:
    with pytest.raises(SettingError, match=f"{missing} is not set"):
        from_environment(Settings, {name: value for name, value in GIVEN.items() if name != missing})


@pytest.mark.parametrize("wrong", ["", "soon", "1.5"])
def test_a_setting_of_the_wrong_type_is_named(wrong: str) -> None:
    with pytest.raises(SettingError, match="REFRESH_AGE_SECONDS is not of type int"):
        from_environment(Settings, GIVEN | {"REFRESH_AGE_SECONDS": wrong})


def test_the_process_s_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    assert from_environment(Settings).stats_table == "stats"
