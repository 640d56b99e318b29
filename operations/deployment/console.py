"""The operator's terminal, or the lack of one: a pipeline is asked nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


class Console:
    """Says lines, and asks where somebody can answer."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        in_a_pipeline = environment.get("CI", "").lower() not in ("", "0", "false")
        self.interactive = sys.stdin.isatty() and sys.stdout.isatty() and not in_a_pipeline

    def say(self, line: str) -> None:
        # Flushed: the CDK's own output comes between the lines.
        print(line, flush=True)

    def ask(self, question: str) -> str:
        """The answer without the spaces around it; the end of the input is an empty answer."""
        try:
            return input(question).strip()
        except EOFError:
            return ""
