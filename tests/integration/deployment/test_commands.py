"""The README's deployment, typed as it stands there, up to the point where an account is needed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.parse import parse_qs

import pytest

from operations import __main__ as command
from operations.deployment.commands import COMMANDS

ROOT = Path(__file__).parents[3]
NOBODY = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": "eu-west-1",
    "PATH": os.environ["PATH"],
}
"""A shell in which nothing of AWS is set up."""


def commands_of_the_readme() -> Iterator[str]:
    section = (ROOT / "README.md").read_text().partition("\n## Deploy it\n")[2].partition("\n### ")[0]
    for block in re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()


def run(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "operations", *arguments],
        cwd=ROOT,
        env={**NOBODY, "HOME": str(home), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("line", list(commands_of_the_readme()))
def test_each_command_of_the_readme_can_be_typed_as_it_stands(line: str, tmp_path: Path) -> None:
    program, *arguments = line.split()
    if program == "make":
        done = subprocess.run(
            [program, "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, env={**NOBODY}
        )
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.splitlines()
        program, *arguments = line.split()
    if program == "export":
        assert all(re.fullmatch(r"[A-Z_]+=\S+", argument) for argument in arguments)
    else:
        assert program == "./cairn"
        assert command._parser().parse_args(arguments).command


def test_the_readme_says_how_to_look_first_to_prepare_and_to_deploy() -> None:
    lines = list(commands_of_the_readme())
    assert [lines.index(f"make {step}") for step in ("preflight", "bootstrap", "deploy")] == [1, 2, 3]


def test_make_passes_on_which_stack_and_region_was_typed_and_nothing_of_the_environment() -> None:
    for target in ("preflight", "bootstrap", "deploy", "undo", "key"):
        typed = ["make", "-n", target, "STACK=Second", "REGION=eu-west-2", "NAME=n", "SCOPES=admin"]
        done = subprocess.run(typed, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.startswith("./cairn --stack Second --region eu-west-2 "), target
        environment = {**os.environ, "STACK": "Wrong", "REGION": "wrong", "NAME": "n", "SCOPES": "admin"}
        done = subprocess.run(typed[:3], cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
        assert "rong" not in done.stdout, target


def test_without_credentials_the_preflight_says_how_to_get_some(tmp_path: Path) -> None:
    done = run("preflight", home=tmp_path)
    assert done.returncode == 1
    assert "✓ target: stack Cairn (cdk.json) in eu-west-1 (AWS_REGION)" in done.stdout
    assert "✗ credentials: there are none. Sign in" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_without_a_way_to_aws_the_preflight_says_so_and_does_not_hang(tmp_path: Path) -> None:
    done = run(
        "preflight",
        home=tmp_path,
        AWS_ACCESS_KEY_ID="AKIAEXAMPLE",
        AWS_SECRET_ACCESS_KEY="wrong",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )
    assert done.returncode == 1
    assert "✗ credentials: cannot reach AWS" in done.stdout


def test_an_unsupported_region_is_refused_before_anything_else_is_needed(tmp_path: Path) -> None:
    done = run("--region", "eu-central-2", "preflight", home=tmp_path)
    assert done.returncode == 1
    assert "✗ region: eu-central-2 has no Lambda function URLs" in done.stdout


def test_a_profile_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    for name in COMMANDS:
        done = run("--region", "eu-west-1", name, home=tmp_path, AWS_PROFILE="nobody")
        assert done.returncode == 1, name
        assert "nobody" in done.stdout + done.stderr, name
        assert "Traceback" not in done.stderr, name


def test_the_preflight_names_a_profile_that_does_not_exist_beside_everything_else(tmp_path: Path) -> None:
    done = run("preflight", home=tmp_path, AWS_PROFILE="nobody")
    assert "✓ target" in done.stdout
    assert "✗ credentials: they cannot be used: The config profile (nobody) could not be found" in done.stdout


def test_nothing_is_deployed_without_credentials(tmp_path: Path) -> None:
    done = run("deploy", home=tmp_path)
    assert done.returncode == 1
    assert "nothing was deployed" in done.stderr


def test_every_command_says_where_to_learn_about_credentials(tmp_path: Path) -> None:
    for arguments in (("keys", "list"), ("undo",), ("protect",)):
        done = run(*arguments, home=tmp_path)
        assert done.returncode == 1
        assert done.stderr == "cairn: Unable to locate credentials: `make preflight` says how to get some\n"


def test_a_deployment_of_the_local_cloud_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert command.main(["--local", name]) == 1
        assert "make run" in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["stack_name=Second", "region=eu-west-1", "nothing"])
def test_a_setting_that_only_the_cdk_would_know_of_is_refused(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["deploy", "-c", setting])
    assert "--" in capsys.readouterr().err


class CloudFormation(BaseHTTPRequestHandler):
    """Knows no stack, and remembers which one was asked for, and for which region the request was signed."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        region = re.search(r"Credential=[^/]+/\d+/([a-z0-9-]+)/cloudformation/", self.headers["Authorization"])
        self.asked.append((body["StackName"][0], region[1] if region else ""))
        code, message = "ValidationError", f"Stack with id {body['StackName'][0]} does not exist"
        error = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        self.send_response(400)
        self.send_header("Content-Length", str(len(error)))
        self.end_headers()
        self.wfile.write(error.encode())

    def log_message(self, *_: object) -> None:
        """Not on the test's output."""


def test_a_command_asks_for_the_stack_and_region_that_the_environment_names(tmp_path: Path) -> None:
    CloudFormation.asked.clear()
    with HTTPServer(("127.0.0.1", 0), CloudFormation) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        done = run(
            "keys",
            "list",
            home=tmp_path,
            AWS_ACCESS_KEY_ID="AKIAEXAMPLE",
            AWS_SECRET_ACCESS_KEY="wrong",
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}",
            AWS_REGION="eu-west-3",
            AWS_DEFAULT_REGION="us-east-1",
            CAIRN_STACK="Second",
        )
        server.shutdown()
    assert CloudFormation.asked == [("Second", "eu-west-3")]
    assert done.stderr == "cairn: No stack Second in eu-west-3: Stack with id Second does not exist\n"
