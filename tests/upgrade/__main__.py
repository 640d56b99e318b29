"""`python -m tests.upgrade 0.2.0` records what this release leaves behind as `fixtures/0.2.0`: see record.py."""

from __future__ import annotations

import sys

import tests.conftest  # the environment comes first

if __name__ == "__main__":
    assert tests.conftest
    from tests.upgrade.record import FIXTURES, record, write

    (release,) = sys.argv[1:]
    write(record(), FIXTURES / release)
