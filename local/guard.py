"""Kills a local cloud's processes when their parent dies without cleaning up, as after `kill -9`.

The parent holds the other end of standard input: `+N` adds process group N to the list, `-N` removes it. At the end of
the input, the remaining groups are killed.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Keep the list until the input ends, then kill what is on it."""
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
