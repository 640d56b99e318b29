"""The subjects whose readings are the viewers of live channels."""

from __future__ import annotations

from cairn.model import Subject

CATEGORY = "channel:live"
_KIND, _PLATFORM = CATEGORY.split(":")


def viewer_subject(channel: str) -> Subject:
    """The subject whose readings are a live channel's viewers."""
    return Subject(_KIND, f"{_PLATFORM}:{channel}")


def live_channel(subject: Subject) -> str | None:
    """The live channel whose viewers a subject's readings are; None for every other subject."""
    return subject.id.partition(":")[2] if subject.category == CATEGORY else None
