"""Powertools reads its environment at import, so the tests' own is in place before anything else is imported."""

import testing.environment  # noqa: F401 - comes first, for what it sets
