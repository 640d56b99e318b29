"""The API against its own OpenAPI document: no 5xx, and no answer that the document does not tell of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.local_cloud import LocalCloud

LEFT_OUT = {
    # A platform's name, a cursor and the span of a chart are checked beyond what a schema can say.
    "positive_data_acceptance": "",
    # CloudFront answers TRACE itself, with 403; the methods that reach us are tried in tests/integration.
    "unsupported_method": "",
}
VIEWERS = "^/api/viewer/"
CATALOGUE = "PUT /api/leaderboard/badges/{badge_id}"
WORKERS = "3"
"""Operations tried at once: MiniStack waits 50 ms for the log of a function that writes none, as most answers do."""


@pytest.fixture(scope="module")
def channel(local_cloud: LocalCloud) -> str:
    """A tracked channel, so that not every id in a path is unknown."""
    local_cloud.sandbox.put("/control/channels/youtube/@document", json={"count": 990}).raise_for_status()
    body = {"platform": "youtube", "handle": "@document"}
    answer = local_cloud.api.post("/api/channels", json=body)
    answer.raise_for_status()
    return str(answer.json()["id"])


def schemathesis(
    cloud: LocalCloud, directory: Path, *options: str, phases: str = "coverage,fuzzing", configuration: str = ""
) -> None:
    """Run it; its report is the failure's message."""
    (directory / "schemathesis.toml").write_text(configuration)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(directory / "schemathesis.toml"), "run"]
    command += [f"{cloud.outputs['ApiUrl']}/api/openapi.json", "--no-color", "--max-examples", "5", "--checks", "all"]
    command += ["--workers", WORKERS]
    command += ["--header", f"Authorization: Bearer {cloud.outputs['AdminApiKey']}", "--phases", phases]
    command += ["--exclude-checks", ",".join(LEFT_OUT), *options]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_every_answer_is_one_that_the_document_tells_of(local_cloud: LocalCloud, tmp_path: Path) -> None:
    schemathesis(local_cloud, tmp_path, "--exclude-name", CATALOGUE, "--exclude-path-regex", VIEWERS)


def test_the_viewers_routes_keep_to_the_document_too(local_cloud: LocalCloud, tmp_path: Path) -> None:
    """Without fuzzing, which they get from hypothesis in tests/integration/viewers."""
    schemathesis(local_cloud, tmp_path, "--include-path-regex", VIEWERS, phases="coverage")


def test_a_badge_keeps_to_the_document_too(local_cloud: LocalCloud, tmp_path: Path) -> None:
    """One of its own: other tests earn those there are."""
    own = '[parameters]\n"path.badge_id" = "of-a-test"\n'
    schemathesis(local_cloud, tmp_path, "--include-name", CATALOGUE, configuration=own)


def test_the_routes_of_a_tracked_channel_keep_to_the_document_too(
    local_cloud: LocalCloud, tmp_path: Path, channel: str
) -> None:
    schemathesis(
        local_cloud,
        tmp_path,
        *("--include-path-regex", "channel_id", "--exclude-method", "DELETE"),
        configuration=f'[parameters]\n"path.channel_id" = "{channel}"\n',
    )
