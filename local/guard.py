"""Ends a local cloud's processes when the one that started them is gone without a word, as after `kill -9`.

It reads its standard input, whose other end that process holds: `+N` puts process group N in its care, `-N` takes it
out again. The end of the input is the end of the groups that are left.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Keep the list until the input ends, then end what is on it."""
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
