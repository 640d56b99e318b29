"""Everything goes through the distribution, as deployed: the functions' own addresses answer nobody else."""

from __future__ import annotations

import pytest

from operations import __main__ as command
from testing.local_cloud import LocalCloud, cdn_headers, client, function_url
from testing.waiting import wait_for

PATHS = {
    "Api": "/api/health",
    "IngestUsage": "/api/usage/track",
    "TelegramWebhook": "/api/telegram/webhook",
    "ViewerHeartbeat": "/api/viewer/count/front",
}
ONLY_POST = ("IngestUsage", "TelegramWebhook")


@pytest.mark.parametrize("function", PATHS)
def test_a_lambda_url_answers_the_distribution_only(local_cloud: LocalCloud, function: str) -> None:
    with client(function_url(local_cloud.stack, function), local_cloud.outputs["AdminApiKey"]) as direct:
        rejected = direct.get(PATHS[function])
        assert rejected.status_code == 403
        assert "distribution" in rejected.json()["error"]
        forged = {"X-Cairn-Front": local_cloud.stack.outputs["DistributionId"], "X-Cairn-Viewer": "203.0.113.1"}
        assert direct.get(PATHS[function], headers=forged).status_code == 403
        with_key = direct.get(PATHS[function], headers=cdn_headers(local_cloud.stack, function))
        assert with_key.status_code == (405 if function in ONLY_POST else 200)
    assert local_cloud.api.get(PATHS[function]).status_code == with_key.status_code


def test_the_key_is_generated_for_each_stack(local_cloud: LocalCloud) -> None:
    keys = {cdn_headers(local_cloud.stack, function)["x-cairn-front"] for function in PATHS}
    assert len(keys) == 1
    assert len(keys.pop()) == 48


@pytest.mark.parametrize("claimed", [{}, {"X-Cairn-Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}])
def test_a_page_of_ours_may_write_in_a_browser_that_only_says_its_origin(
    local_cloud: LocalCloud, claimed: dict[str, str]
) -> None:
    """The API compares it with the host that the distribution was requested by, whatever the request claims."""
    nobody = {"name": "nobody", "password": "Not-a-password-1"}
    with client(local_cloud.outputs["ApiUrl"]) as browser:
        headers = {"Origin": local_cloud.outputs["WebUrl"], **claimed}
        answer = browser.post("/api/session", json=nobody, headers=headers)
    assert answer.status_code == 401, answer.text


def test_an_operator_finds_who_did_what(local_cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
    def ask(*arguments: str) -> str:
        assert command.main(["--local", "--home", str(local_cloud.home), *arguments]) == 0
        return capsys.readouterr().out

    assert local_cloud.api.post("/api/leaderboard/sales-reps", json={"name": "Ada"}).status_code == 201
    wait_for(lambda: "key local admin  127.0.0.1" in ask("audit", "--what", "POST *sales-reps") or None)
    ask("keys", "create", "--name", "audited", "--scopes", "ingest")
    wait_for(lambda: "keys create" in ask("audit", "--who", "operator", "--target", "key:audited") or None)
