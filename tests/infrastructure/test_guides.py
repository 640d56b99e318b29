"""The guides of docs/architecture.md, followed in the template: what they add is deployed, granted and watched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import infra
from infra import stack as stack_module
from infra.leaderboard import Leaderboard
from infra.queues import Queue
from testing.guides import block, followed
from tests.infrastructure.template import Template, stack_of


def test_a_platforms_entry_gives_it_a_secret_an_address_and_the_grants(context: Mapping[str, Any]) -> None:
    entry = json.loads(block("platform", "json"))
    template = Template.of(stack_of(context, platforms={**context["platforms"], **entry}))
    assert template.body["Parameters"]["ForgeApiUrl"]["Default"] == entry["forge"]["url"]
    assert "ForgeSecret" in template.body["Outputs"]
    fetch = next(
        one for one in template.functions.values() if one["Handler"] == "functions.fetch_stats.handler.handler"
    )
    assert {"FORGE_SECRET", "FORGE_API_URL"} <= set(fetch["Environment"]["Variables"])


def test_a_means_of_notification_is_a_line_for_its_queue_and_a_capability(
    context: Mapping[str, Any], tmp_path: Path
) -> None:
    with followed(infra, "sms.py", "infrastructure", tmp_path) as module, pytest.MonkeyPatch.context() as patch:

        class LeaderboardAndSms(Leaderboard):
            """Creates the capability where stack.py would."""

            def __init__(self, scope: Any, construct_id: str) -> None:
                super().__init__(scope, construct_id)
                module.Sms(scope, "Sms", sms=Queue(self.queues, "Sms", max_receives=10, overdue=None))

        patch.setattr(stack_module, "Leaderboard", LeaderboardAndSms)
        (tmp_path / "functions" / "send_sms").mkdir(parents=True)
        template = Template.of(stack_of(context))
    send = _function(template, "send_sms")
    assert {"SMS_QUEUE_URL", "SMS_GATEWAY_URL"} <= set(send["Environment"]["Variables"])
    alarms = template.resources("AWS::CloudWatch::Alarm")
    assert len([name for name in alarms if "SendSms" in name]) == 3


def _function(template: Template, name: str) -> Any:
    handler = f"functions.{name}.handler.handler"
    return next(one for one in template.functions.values() if one["Handler"] == handler)
