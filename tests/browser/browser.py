"""Starts Chromium: the one in CAIRN_CHROMIUM, the system's, Playwright's own, or one that is installed on demand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HELP = (
    "The pages are tested in a real browser, and none was found: install Chromium (Debian: apt install chromium; "
    "elsewhere: playwright install chromium), or set CAIRN_CHROMIUM."
)
INSTALL_SECONDS = 600


def launched(playwright: Playwright) -> Browser:
    """A running Chromium. RuntimeError, with the reason, when there is none."""
    path = chromium(playwright.chromium.executable_path)
    arguments = ["--disable-gpu", "--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    return playwright.chromium.launch(executable_path=path, args=arguments)


def chromium(playwrights_own: str) -> str:
    """The path of a Chromium, installed if necessary. RuntimeError, with the reason, when that fails."""
    named = os.environ.get("CAIRN_CHROMIUM")
    if named:
        return named
    found = _installed(playwrights_own)
    tried: list[str] = []
    for command in [] if found else _installations():
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
        found = _installed(playwrights_own)
        if found:
            break
        tried.append(f"{' '.join(command)}:\n{(done.stdout + done.stderr)[-1000:]}")
    if not found:
        raise RuntimeError("\n\n".join([HELP, *tried]))
    return found


def _installed(playwrights_own: str) -> str | None:
    own = playwrights_own if Path(playwrights_own).exists() else None
    return next((path for path in map(shutil.which, NAMES) if path), own)


def _installations() -> list[list[str]]:
    apt = [["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"]]
    own = [sys.executable, "-m", "playwright", "install", "chromium"]
    return [*(apt if shutil.which("apt-get") and os.geteuid() == 0 else []), own]
