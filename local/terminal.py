"""Terminal output: steps with their duration; plain text where standard output is no terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TextIO

Colour = Literal["green", "yellow", "red", "cyan", "grey", "bold"]

_CODES: dict[Colour, int] = {"green": 32, "yellow": 33, "red": 31, "cyan": 36, "grey": 90, "bold": 1}
_STEP_WIDTH = 62


class Terminal:
    """Flushes each line, since the reader may be a program that waits for `ready`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._colours = out.isatty() and "NO_COLOR" not in os.environ

    @property
    def is_tty(self) -> bool:
        """Whether the output is a terminal."""
        return self._out.isatty()

    def say(self, text: str = "") -> None:
        """One line."""
        print(text, file=self._out, flush=True)

    def paint(self, text: str, colour: Colour) -> str:
        """The text in a colour, where colours are supported."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self._colours else text

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        """Show what is being done and, at the end of the block, how long it took."""
        started = time.monotonic()
        step = Step(text)
        if self.is_tty:
            print(f"  · {text} …", end="\r", file=self._out, flush=True)
        yield step
        took = self.paint(f"{time.monotonic() - started:5.1f} s", "grey")
        self.say(f"  {self.paint('✓', 'green')} {step.text:<{_STEP_WIDTH}} {took}")


class Step:
    """A step's text, which the block may replace with a more exact one."""

    def __init__(self, text: str) -> None:
        self.text = text


def standard_output() -> Terminal:
    """This process's terminal; characters that its encoding lacks are replaced."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    return Terminal(sys.stdout)
