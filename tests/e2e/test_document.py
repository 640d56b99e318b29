"""The API against its own OpenAPI document: no 5xx, and no response that the document does not describe.

MiniStack waits 50 ms for the log of an invocation that writes none, which is most of them. So the parts of the document
are tested in parallel, each in a separate process, since Hypothesis is not thread-safe.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from testing.local_cloud import LocalCloud

EXCLUDED_CHECKS = {
    # A platform's name, a cursor and the range of a chart have rules that a schema cannot express.
    "positive_data_acceptance": "",
    # CloudFront rejects TRACE itself, with 403; the methods that reach the API are tested in tests/integration.
    "unsupported_method": "",
}
LEADERBOARD, VIEWERS = "^/api/leaderboard", "^/api/viewer/"
CATALOGUE = "PUT /api/leaderboard/badges/{badge_id}"
LONGEST_SECONDS = 300


@dataclass(frozen=True)
class Run:
    """Schemathesis on a part of the document."""

    process: subprocess.Popen[bytes]
    report: Path

    @classmethod
    def start(cls, cloud: LocalCloud, directory: Path, *options: str, phases: str, values: Mapping[str, str]) -> Run:
        """`values` are for parameters of the document."""
        configuration, report = directory / "schemathesis.toml", directory / "report"
        configuration.write_text(
            "".join(["[parameters]\n", *(f'"{name}" = "{one}"\n' for name, one in values.items())])
        )
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run"]
        command += [f"{cloud.outputs['ApiUrl']}/api/openapi.json", "--no-color", "--max-examples", "5"]
        command += ["--header", f"Authorization: Bearer {cloud.outputs['AdminApiKey']}", "--phases", phases]
        command += ["--checks", "all", "--exclude-checks", ",".join(EXCLUDED_CHECKS), *options]
        with report.open("wb") as output:
            process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=subprocess.STDOUT)
        return cls(process, report)


@pytest.fixture(scope="module")
def runs(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """All of them, started concurrently."""

    def run(*options: str, phases: str = "coverage,fuzzing", **values: str) -> Run:
        directory = tmp_path_factory.mktemp("document")
        parameters = {f"path.{name}": value for name, value in values.items()}
        return Run.start(local_cloud, directory, *options, phases=phases, values=parameters)

    started = {
        "sales floor": run("--include-path-regex", LEADERBOARD, "--exclude-name", CATALOGUE),
        # A separate badge, since other tests earn the existing ones.
        "badge": run("--include-name", CATALOGUE, badge_id="of-a-test"),
        # Without fuzzing, which hypothesis does in tests/integration/viewers.
        "viewers": run("--include-path-regex", VIEWERS, phases="coverage"),
        # With an id that exists.
        "tracked channel": run(
            *("--include-path-regex", "channel_id", "--exclude-method", "DELETE"), channel_id=tracked(local_cloud)
        ),
        "everything else": run("--exclude-path-regex", f"{LEADERBOARD}|{VIEWERS}"),
    }
    yield started
    for one in started.values():
        one.process.kill()
        one.process.wait()


def tracked(cloud: LocalCloud) -> str:
    """The id of an existing channel."""
    cloud.sandbox.put("/control/channels/youtube/@document", json={"count": 990}).raise_for_status()
    answer = cloud.api.post("/api/channels", json={"platform": "youtube", "handle": "@document"})
    answer.raise_for_status()
    return str(answer.json()["id"])


@pytest.mark.parametrize("part", ["sales floor", "badge", "viewers", "tracked channel", "everything else"])
def test_every_response_is_one_that_the_document_describes(runs: dict[str, Run], part: str) -> None:
    run = runs[part]
    status = run.process.wait(LONGEST_SECONDS)
    assert status == 0, run.report.read_text()[-8000:]
