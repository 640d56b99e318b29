"""MiniStack in its own process: AWS calls over HTTP on loopback, signed and parsed by botocore as in AWS."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from testing.cloud import Cloud

READY_SECONDS = 60


@contextmanager
def ministack() -> Iterator[Cloud]:
    """MiniStack with Cairn's tables, queues and secrets; restores the environment at the end."""
    previous = dict(os.environ)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as temporary:
        environment = {name: previous[name] for name in ("PATH", "HOME", "LANG") if name in previous} | {
            "BIND_HOST": "127.0.0.1",
            "DOCKER_HOST": f"unix://{temporary}/no-docker",
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "SFTP_ENABLED": "0",
            "TMPDIR": temporary,
        }
        with Path(temporary, "log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "ministack"], env=environment, stdout=log, stderr=log)
        try:
            os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
            boto3.setup_default_session()
            yield _created()
        finally:
            process.terminate()
            process.wait()
            os.environ.clear()
            os.environ.update(previous)
            boto3.setup_default_session()


def _created() -> Cloud:
    client = boto3.client("dynamodb")
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            client.list_tables()
            break
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    return Cloud()
