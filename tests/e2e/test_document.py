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
from playwright.sync_api import expect, sync_playwright

from operations import api_docs
from testing.local_cloud import LocalCloud, client
from tests.browser.browser import launched

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


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [("/api/openapi.json", api_docs.compact(), "application/json"), ("/api/docs", api_docs.page(), "text/html")],
    ids=["document", "page"],
)
def test_the_document_and_its_page_are_files_that_are_kept_until_they_change(
    local_cloud: LocalCloud, path: str, content: bytes, kind: str
) -> None:
    with client(local_cloud.outputs["ApiUrl"]) as http:
        answer, head = http.get(path), http.head(path)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["cache-control"] == "no-cache"
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"] == answer.headers["etag"]
        assert http.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
        assert not http.post(path).is_success


def test_the_page_obeys_the_pages_policy_and_loads_nothing_from_elsewhere(local_cloud: LocalCloud) -> None:
    url = local_cloud.outputs["ApiUrl"]
    with sync_playwright() as playwright:
        browser = launched(playwright)
        page = browser.new_page()
        troubles, requested = list[str](), list[str]()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("request", lambda request: requested.append(request.url))
        page.goto(f"{url}/api/docs")
        operation = page.locator("#get-api-channels")
        operation.locator("summary").click()
        expect(operation.get_by_text("Who may call")).to_be_visible()
        page.get_by_role("link", name="schemas", exact=True).click()
        assert page.url == f"{url}/api/docs#schemas"
        browser.close()
    assert troubles == []
    assert all(one.startswith(f"{url}/") for one in requested)
