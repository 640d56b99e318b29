"""Every process that a local cloud starts ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.processes import Processes, child_environment, port_is_taken, require_free
from local.settings import ROOT, StartError
from testing.waiting import wait_for

# Starts a child process, prints both ids, and keeps running.
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def family(log: Path) -> list[int]:
    assert wait_for(lambda: log.exists() and len(log.read_text().split()) == 2)
    return [int(pid) for pid in log.read_text().split()]


def test_the_end_of_the_block_ends_processes_and_their_children(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        running = processes.start("family", [sys.executable, "-c", FAMILY], child_environment())
        pids = family(running.log)
        assert all(map(is_running, pids))
    assert wait_for(lambda: not any(map(is_running, pids)))


def test_a_process_that_will_not_end_is_made_to(tmp_path: Path) -> None:
    stubborn = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{FAMILY}"
    with Processes(tmp_path) as processes:
        pids = family(processes.start("stubborn", [sys.executable, "-c", stubborn], child_environment()).log)
    assert wait_for(lambda: not any(map(is_running, pids)))


def test_when_the_starter_is_killed_the_guard_ends_what_it_started(tmp_path: Path) -> None:
    starter = f"""
import sys, time
from pathlib import Path
from local.processes import Processes, child_environment
with Processes(Path({str(tmp_path)!r})) as processes:
    processes.start("family", [sys.executable, "-c", {FAMILY!r}], child_environment())
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", starter], cwd=ROOT)
    pids = family(tmp_path / "family.log")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert wait_for(lambda: not any(map(is_running, pids)))


def test_a_needed_process_that_ends_is_an_error_that_shows_its_last_words(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        running = processes.start("brief", [sys.executable, "-c", "print('no luck'); exit(3)"], child_environment())
        running.process.wait()
        with pytest.raises(StartError, match=r"(?s)brief exited with code 3.*no luck"):
            processes.check()


def test_a_process_that_can_be_done_without_is_reported_once(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        running = processes.start("bridge", [sys.executable, "-c", ""], child_environment(), needed=False)
        running.process.wait()
        assert processes.check() == [running]
        assert processes.check() == []


def test_a_taken_port_is_named_with_what_it_was_wanted_for() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=rf"Port {port}, needed for the sandbox, is in use"):
            require_free({port: "the sandbox"})
    assert not port_is_taken(port)
