"""Mutation testing: makes small changes in the code of one area, and counts those that no test notices.

    make mutants AREA=claims

mutmut makes a variant of each function for each change, and runs the tests that call it in forked processes:
https://mutmut.readthedocs.io. It wants a package to be where its name says, below the directory that it runs in; so it
runs in a directory of its own with links to `cairn`, `functions` and `tests`. Lines that only log are not changed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".local/mutants/venv"
FIRST_OF_EACH = "*__mutmut_1"
RUN_MUTMUT = "from mutmut.__main__ import cli; cli()"
SHOW_EACH = """
import sys
from mutmut.__main__ import cli
for name in sys.argv[1:]:
    print(f"\\n# shown: {name}", flush=True)
    cli(["show", name], standalone_mode=False)
"""
"""One process for all, because starting one takes a second."""
PROFILE = "--hypothesis-profile=ci"
"""Without deadlines, which a busy machine misses, and with the same examples each time."""
KILLED = ("killed", "timeout")
UNCHANGED_LINES = (r"logger\.", r"metrics\.", r"^\s*raise NotImplementedError", r"^_?[A-Z_]+ = re\.compile")
LINKS = {"cairn": ROOT / "layers/cairn/python/cairn", "functions": ROOT / "functions", "tests": ROOT / "tests"}


@dataclass(frozen=True)
class Area:
    """Whose code is changed, as patterns of files, and the tests that are to notice."""

    code: Sequence[str]
    tests: Sequence[str]


def _in(directory: str, *names: str) -> list[str]:
    return [f"{directory}/{name}" for name in names]


AREAS = {
    "rules": Area(
        ["cairn/rules/*"],
        _in("tests", "unit/rules", "unit/telegram/test_alert_text.py", "integration/leaderboard/test_update_stats.py"),
    ),
    "detection": Area(
        _in("cairn/readings", "detection.py", "unannounced.py", "reverting.py", "check_progress.py"),
        [
            *_in("tests/integration/readings", "test_detection.py", "test_milestones.py", "test_reverting.py"),
            *_in("tests/integration", "readings/test_check_milestones.py", "viewers/test_detection.py"),
        ],
    ),
    "claims": Area(
        _in("cairn/readings", "milestones.py", "stats.py"),
        [
            *_in("tests/integration/readings", "test_milestones.py", "test_stats.py", "test_reverting.py"),
            *_in("tests/integration", "readings/test_milestone_routes.py", "viewers/test_strangers.py"),
        ],
    ),
    "access": Area(
        ["functions/api/auth.py", *_in("cairn/identity", "api_keys.py", "cognito.py", "revocations.py")],
        [
            *_in("tests/integration", "identity/test_api_keys.py", "identity/test_tokens.py", "test_lifetimes.py"),
            *_in(
                "tests", "unit/api", "integration/api/test_access.py", "integration/identity/test_operators_sign_out.py"
            ),
        ],
    ),
    "limits": Area(
        [
            *_in("cairn", "viewers/join_limits.py", "viewers/networks.py", "viewers/network_count.py"),
            *_in("cairn", "identity/sign_in_limits.py", "telegram/send_slots.py"),
            "functions/ws_connect/frame_limits.py",
        ],
        [
            *_in("tests/unit", "test_frame_limits.py", "viewers/test_networks.py"),
            *_in("tests/integration/viewers", "test_join_limits.py", "test_strangers.py"),
            *_in("tests/integration", "identity/test_sign_in_limits.py", "telegram/test_send_slots.py"),
        ],
    ),
    "sending": Area(
        ["functions/notify/*", "cairn/telegram/*"],
        [
            *_in("tests", "unit/telegram", "integration/telegram/test_audience.py"),
            *_in("tests/integration/telegram", "test_deliveries.py", "test_send_slots.py", "test_subscribers.py"),
            *_in("tests/integration/telegram", "test_spacing.py", "test_waits.py"),
        ],
    ),
}


class Mutmut:
    """mutmut in the directory of an area; its output goes to a file."""

    def __init__(self, area: str) -> None:
        self.directory = ROOT / ".local/mutants" / area
        self._area = AREAS[area]

    def prepare(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        for name, target in LINKS.items():
            (self.directory / name).symlink_to(target)
        settings = {
            "source_paths": ["cairn", "functions"],
            "only_mutate": list(self._area.code),
            "do_not_mutate_patterns": list(UNCHANGED_LINES),
            "pytest_add_cli_args": [
                "-p",
                "no:schemathesis",
                "-p",
                "no:cacheprovider",
                "--import-mode=importlib",
                PROFILE,
            ],
            "pytest_add_cli_args_test_selection": list(self._area.tests),
            "use_git_change_detection": False,
            "timeout_constant": 5.0,
        }
        lines = ["[tool.mutmut]", *(f"{name} = {json.dumps(value)}" for name, value in settings.items())]
        (self.directory / "pyproject.toml").write_text("\n".join(lines) + "\n")

    def run(self, mutants: Sequence[str], *, seconds: float) -> None:
        """Try these mutants, by name or pattern; stops after a while, and keeps what it has found."""
        with (self.directory / "mutmut.log").open("a") as log:
            running = self._start("run", "--max-children", "2", *mutants, output=log)
            try:
                running.wait(seconds)
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGINT)
            if running.wait() not in (0, -signal.SIGINT, 1):
                raise SystemExit(f"mutmut failed: see {log.name}")

    def results(self) -> dict[str, str]:
        """What became of each mutant: `killed`, `survived`, `no tests`, `not checked` and others."""
        answer = self._start("results", "--all", "true", output=subprocess.PIPE).communicate()[0]
        return dict(re.findall(r"^\s*(\S+__mutmut_\d+): (.+)$", answer, re.MULTILINE))

    def diffs(self, mutants: Sequence[str]) -> dict[str, str]:
        answer = self._start(*mutants, output=subprocess.PIPE, program=SHOW_EACH).communicate()[0]
        shown = dict(part.partition("\n")[::2] for part in answer.split("\n# shown: ")[1:])
        return {mutant: diff[diff.find("--- ") :].strip() for mutant, diff in shown.items()}

    def _start(self, *arguments: str, output: object, program: str = RUN_MUTMUT) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{VENV}/bin:{os.environ['PATH']}"}
        process: subprocess.Popen[str] = subprocess.Popen(  # noqa: S603 - our own arguments
            [VENV / "bin/python", "-c", program, *arguments],
            cwd=self.directory,
            env=environment,
            stdout=output,  # type: ignore[call-overload]  # a file or PIPE
            stderr=subprocess.STDOUT,
            text=True,
        )
        return process


def sample(mutmut: Mutmut, minutes: float) -> None:
    """Try the first mutant of each function, and then as many others, at random, as there is time for."""
    began, budget = time.monotonic(), minutes * 60
    mutmut.run([FIRST_OF_EACH], seconds=budget)
    spent = time.monotonic() - began
    left = [name for name, result in mutmut.results().items() if result == "not checked"]
    random.Random(0).shuffle(left)  # noqa: S311 - the same sample each time
    while left and spent < budget:
        tried, left = left[:400], left[400:]
        mutmut.run(tried, seconds=budget - spent)
        spent = time.monotonic() - began


def report(mutmut: Mutmut) -> Iterator[str]:
    results = mutmut.results()
    tried = {name: result for name, result in results.items() if result != "not checked"}
    if not tried:
        raise SystemExit(f"mutmut tried nothing: see {mutmut.directory}/mutmut.log")
    files: dict[str, Counter[str]] = {}
    for name, result in tried.items():
        files.setdefault(name.rpartition(".")[0], Counter())["killed" if result in KILLED else result] += 1
    for module, counts in sorted(files.items()):
        others = ", ".join(f"{number} {result}" for result, number in sorted(counts.items()) if result != "killed")
        yield f"{module}: {counts['killed']} of {counts.total()} killed" + (f"; {others}" if others else "")
    survivors = mutmut.diffs([name for name, result in tried.items() if result not in KILLED])
    (mutmut.directory / "survivors.txt").write_text(
        "\n\n".join(f"# {name}: {tried[name]}\n{diff}" for name, diff in survivors.items()) + "\n"
    )
    letters = sum(map(_changes_only_letters_case, survivors.values()))
    killed = sum(result in KILLED for result in tried.values())
    yield f"{killed} of {len(tried)} mutants killed, {100 * killed / len(tried):.1f} %; there are {len(results)}."
    if timeouts := sum(result == "timeout" for result in tried.values()):
        yield f"{timeouts} of the killed ran out of time: on a busy machine, that says little."
    yield f"Of the {len(survivors)} survivors, {letters} only change the case of letters in a text."
    yield f"The survivors are in {(mutmut.directory / 'survivors.txt').relative_to(ROOT)}."


def _changes_only_letters_case(diff: str) -> bool:
    """As in an expression of DynamoDB, whose keywords have no case."""
    before, after = ([line[1:] for line in diff.splitlines()[2:] if line.startswith(sign)] for sign in "-+")
    return [line.casefold() for line in before] == [line.casefold() for line in after]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("area", choices=AREAS)
    parser.add_argument("--minutes", type=float, default=12.0, help="how long to go on; beyond that, a sample is tried")
    options = parser.parse_args(arguments)
    mutmut = Mutmut(options.area)
    mutmut.prepare()
    sample(mutmut, options.minutes)
    for line in report(mutmut):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
