"""What a user's fields may look like, for the API and the operator's command."""

from __future__ import annotations

import re
from zoneinfo import available_timezones

MAX_GOAL = 1_000_000
MAX_NAME = 200
MAX_EMAIL = 254
EMAIL = r"^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+$"
PHONE = r"^\+?[\d ().\-/]{3,40}$"


def to_zone(name: str) -> str:
    """ValueError unless it is a time zone of the IANA database."""
    if name not in available_timezones():
        raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin or UTC")
    return name


def to_line(text: str) -> str:
    """ValueError for control characters, and for what turns the direction of text round."""
    if not text.isprintable():
        raise ValueError("must have no control characters")
    return text


def to_name(text: str) -> str:
    if not 1 <= len(text) <= MAX_NAME:
        raise ValueError(f"must be 1 to {MAX_NAME} characters")
    return to_line(text)


def to_email(text: str) -> str:
    if len(text) > MAX_EMAIL or not re.match(EMAIL, to_line(text)):
        raise ValueError("must be an e-mail address, such as ada@example.com")
    return text


def to_phone(text: str) -> str:
    if not re.match(PHONE, to_line(text)):
        raise ValueError("must be a telephone number, such as +4930123456")
    return text


def to_goal(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and 1 <= int(text[:9]) <= MAX_GOAL):
        raise ValueError(f"must be a whole number from 1 to {MAX_GOAL:,}")
    return int(text)
