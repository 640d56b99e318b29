"""With a failure at any single call of PUT, DELETE and erase_users, a user is stored whole, or erased everywhere."""

from __future__ import annotations

import json
from typing import Any

from tests.crash.channels.way import items
from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict
from tests.crash.usage.lives import ADA, Lives, lives


def stored(here: Lives) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The user's stats item and profile."""
    readings = [item for item in items("STATS_TABLE") if item["subject"] == "user:ada"]
    profiles = [item for item in items("USAGE_TABLE") if item["pk"] == "user#ada" and item["sk"] == "profile"]
    return next(iter(readings), None), next(iter(profiles), None)


def test_a_user_who_is_put_is_stored_whole_wherever_it_fails(prove: Prove) -> None:
    def put(points: Explorer) -> Verdict:
        with lives() as here:
            with points.at_every_call_of(here.account.wire, "api"):
                here.call("PUT", "/api/users/ada", ADA, tries=1)
            reading, profile = stored(here)
            if (reading is None) != (profile is None):
                here.wrong.append(f"half of the user is stored: {reading}, {profile}")
            if not here.put(**ADA):
                here.wrong.append("the repeat failed")
            reading, profile = stored(here)
            goals = json.loads(reading["state"])["goals"] if reading else []
            if not profile or profile["email"] != ADA["email"] or [goal for _, goal in goals] != [3]:
                here.wrong.append(f"stored is {reading}, {profile}")
            return Verdict((), tuple(here.wrong))

    prove(put)


def test_a_change_is_stored_whole_wherever_it_fails(prove: Prove) -> None:
    def change(points: Explorer) -> Verdict:
        with lives() as here:
            assert here.put(**ADA)
            with points.at_every_call_of(here.account.wire, "api"):
                assert here.put(email="zora@quill.test")
                assert here.put(timeZone="Asia/Tokyo", email="zora@tokyo.test", dailyGoal=5)
            reading, profile = stored(here)
            if not reading or not profile or profile["email"] != "zora@tokyo.test":
                here.wrong.append(f"stored is {profile}")
            elif reading["details"] != {"time_zone": "Asia/Tokyo"}:
                here.wrong.append(f"stored is {reading}")
            return Verdict((), tuple(here.wrong))

    prove(change)


def test_a_freeze_with_an_id_is_granted_once_wherever_it_fails(prove: Prove) -> None:
    def grant(points: Explorer) -> Verdict:
        with lives() as here:
            assert here.put(**ADA)
            with points.at_every_call_of(here.account.wire, "api"):
                assert here.call("POST", "/api/users/ada/freezes", {"count": 2, "reason": "x", "id": "one"})
            reading, _ = stored(here)
            freezes = json.loads(reading["state"])["freezes"] if reading else 0
            grants = [item for item in items("USAGE_TABLE") if item["sk"].startswith("freeze#")]
            if (freezes, len(grants)) != (2, 1):
                here.wrong.append(f"{freezes} freezes of {grants}")
            return Verdict((), tuple(here.wrong))

    prove(grant)


def test_an_erasure_is_completed_by_a_repeat_wherever_it_fails(prove: Prove) -> None:
    def erasure(points: Explorer) -> Verdict:
        with lives() as here:
            here.lived()
            with points.at_every_call_of(here.account.wire, "api"):
                answer = here.call("DELETE", "/api/users/ada")
            if answer is None or answer["statusCode"] != 204:
                here.wrong.append(f"the answer is {answer}")
            here.pass_a_day()
            return here.erased()

    prove(erasure, alike=3)


def test_an_erasure_that_nobody_repeats_is_completed_within_the_hour_or_was_never_begun(prove: Prove) -> None:
    def erasure(points: Explorer) -> Verdict:
        with lives() as here:
            here.lived()
            with points.at_every_call_of(here.account.wire, "api"):
                here.call("DELETE", "/api/users/ada", tries=1)
            reading, profile = stored(here)
            begun = reading is not None and "erased_at" in reading["details"]
            if begun != (profile is not None and "erased_at" in profile):
                here.wrong.append(f"half of the user is erased: {reading}, {profile}")
            if not begun:
                if not profile or profile["email"] != ADA["email"] or not items("HISTORY_TABLE"):
                    here.wrong.append(f"something is erased: {profile}")
                return Verdict((), tuple(here.wrong))
            here.pass_a_day()
            return here.erased()

    prove(erasure, alike=3)


def test_the_hourly_run_completes_an_erasure_wherever_an_earlier_run_failed(prove: Prove) -> None:
    def erasure(points: Explorer) -> Verdict:
        with lives() as here:
            here.lived()
            answer = here.call("DELETE", "/api/users/ada")
            assert answer["statusCode"] == 204
            here.site.settle()
            with points.at_every_call_of(here.account.wire, "erase_users"):
                here.erase_users()
            here.account.clock.sleep(26 * 3600)
            with points.at_every_call_of(here.account.wire, "erase_users"):
                here.erase_users()
            here.pass_a_day()
            return here.erased()

    prove(erasure, alike=2)
