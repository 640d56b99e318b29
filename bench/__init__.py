"""Powertools reads its environment at import, so the tests' own is in place before anything else is imported."""

import tests.conftest as _environment  # noqa: F401 - it is there once it is imported
