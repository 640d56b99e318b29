"""Powertools reads its environment at import, so the test environment is set before anything else is imported."""

import testing.environment  # noqa: F401 - imported first, for the variables it sets
