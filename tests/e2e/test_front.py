"""Everything goes through the distribution, as deployed: the functions' own addresses answer nobody else."""

from __future__ import annotations

import pytest

from testing.local_cloud import LocalCloud, cdn_headers, client, function_url

PATHS = {"Api": "/api/health", "TelegramWebhook": "/api/telegram/webhook", "ViewerHeartbeat": "/api/viewer/count/front"}


@pytest.mark.parametrize("function", PATHS)
def test_a_lambda_url_answers_the_distribution_only(local_cloud: LocalCloud, function: str) -> None:
    with client(function_url(local_cloud.stack, function), local_cloud.outputs["AdminApiKey"]) as direct:
        rejected = direct.get(PATHS[function])
        assert rejected.status_code == 403
        assert "distribution" in rejected.json()["error"]
        forged = {"X-Cairn-Front": local_cloud.stack.outputs["DistributionId"], "X-Cairn-Viewer": "203.0.113.1"}
        assert direct.get(PATHS[function], headers=forged).status_code == 403
        with_key = direct.get(PATHS[function], headers=cdn_headers(local_cloud.stack, function))
        assert with_key.status_code == (405 if function == "TelegramWebhook" else 200)
    assert local_cloud.api.get(PATHS[function]).status_code == with_key.status_code


def test_the_key_is_generated_for_each_stack(local_cloud: LocalCloud) -> None:
    keys = {cdn_headers(local_cloud.stack, function)["x-cairn-front"] for function in PATHS}
    assert len(keys) == 1
    assert len(keys.pop()) == 48
