"""How the sandbox's page writes numbers and times."""

from datetime import UTC, datetime


def grouped(number: int) -> str:
    return f"{number:,}"


def clock_time(ms: int) -> str:
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f'<time datetime="{at.isoformat(timespec="milliseconds")}">{at:%H:%M:%S} UTC</time>'
