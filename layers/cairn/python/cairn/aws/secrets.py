"""The keys of the platforms: Secrets Manager's JSON secrets, cached for five minutes so that a new key is picked up."""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools.utilities.parameters import get_secret

CACHE_SECONDS = 300


def read_secret(secret: str) -> Mapping[str, str]:
    """The keys by name, as in `.env`, without surrounding whitespace and without empty ones."""
    values = get_secret(secret, transform="json", max_age=CACHE_SECONDS)
    return {name: str(value).strip() for name, value in dict(values).items() if value and str(value).strip()}
