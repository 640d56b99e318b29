"""The API against its own OpenAPI document: no 5xx, and no answer that the document does not tell of.

MiniStack waits 50 ms for the log of a function that writes none, as most answers do: so the parts of the document are
tried at once, each by a process of its own, since in threads Hypothesis stumbles over itself.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from testing.local_cloud import LocalCloud

LEFT_OUT = {
    # A platform's name, a cursor and the span of a chart are checked beyond what a schema can say.
    "positive_data_acceptance": "",
    # CloudFront answers TRACE itself, with 403; the methods that reach us are tried in tests/integration.
    "unsupported_method": "",
}
LEADERBOARD, VIEWERS = "^/api/leaderboard", "^/api/viewer/"
CATALOGUE = "PUT /api/leaderboard/badges/{badge_id}"
LONGEST_SECONDS = 300


@dataclass(frozen=True)
class Run:
    """Schemathesis at work on a part of the document; `said` is its report."""

    process: subprocess.Popen[bytes]
    said: Path

    @classmethod
    def begun(cls, cloud: LocalCloud, directory: Path, *options: str, phases: str, values: Mapping[str, str]) -> Run:
        """`values` stand for parameters of the document."""
        configuration, said = directory / "schemathesis.toml", directory / "said"
        configuration.write_text(
            "".join(["[parameters]\n", *(f'"{name}" = "{one}"\n' for name, one in values.items())])
        )
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run"]
        command += [f"{cloud.outputs['ApiUrl']}/api/openapi.json", "--no-color", "--max-examples", "5"]
        command += ["--header", f"Authorization: Bearer {cloud.outputs['AdminApiKey']}", "--phases", phases]
        command += ["--checks", "all", "--exclude-checks", ",".join(LEFT_OUT), *options]
        with said.open("wb") as report:
            process = subprocess.Popen(command, cwd=directory, stdout=report, stderr=subprocess.STDOUT)
        return cls(process, said)


@pytest.fixture(scope="module")
def runs(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """All of them, begun at once."""

    def run(*options: str, phases: str = "coverage,fuzzing", **values: str) -> Run:
        directory = tmp_path_factory.mktemp("document")
        given = {f"path.{name}": value for name, value in values.items()}
        return Run.begun(local_cloud, directory, *options, phases=phases, values=given)

    begun = {
        "sales floor": run("--include-path-regex", LEADERBOARD, "--exclude-name", CATALOGUE),
        # One of its own: other tests earn those there are.
        "badge": run("--include-name", CATALOGUE, badge_id="of-a-test"),
        # Without fuzzing, which they get from hypothesis in tests/integration/viewers.
        "viewers": run("--include-path-regex", VIEWERS, phases="coverage"),
        # Not every id in a path is unknown.
        "tracked channel": run(
            *("--include-path-regex", "channel_id", "--exclude-method", "DELETE"), channel_id=tracked(local_cloud)
        ),
        "everything else": run("--exclude-path-regex", f"{LEADERBOARD}|{VIEWERS}"),
    }
    yield begun
    for one in begun.values():
        one.process.kill()
        one.process.wait()


def tracked(cloud: LocalCloud) -> str:
    """The id of a channel that is."""
    cloud.sandbox.put("/control/channels/youtube/@document", json={"count": 990}).raise_for_status()
    answer = cloud.api.post("/api/channels", json={"platform": "youtube", "handle": "@document"})
    answer.raise_for_status()
    return str(answer.json()["id"])


@pytest.mark.parametrize("part", ["sales floor", "badge", "viewers", "tracked channel", "everything else"])
def test_every_answer_is_one_that_the_document_tells_of(runs: dict[str, Run], part: str) -> None:
    run = runs[part]
    status = run.process.wait(LONGEST_SECONDS)
    assert status == 0, run.said.read_text()[-8000:]
