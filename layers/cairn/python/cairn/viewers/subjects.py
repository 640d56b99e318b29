"""The subjects whose readings are the viewers of live channels."""

from __future__ import annotations

from datetime import timedelta

from cairn.model import Subject

UNNAMED_RETENTION = timedelta(days=30)
"""For how long what a channel that the operator did not name leaves behind is kept: a stranger may have made it up."""
CATEGORY = "channel:live"
_KIND, _PLATFORM = CATEGORY.split(":")


def viewer_subject(channel: str) -> Subject:
    """The subject whose readings are a live channel's viewers."""
    return Subject(_KIND, f"{_PLATFORM}:{channel}")


def live_channel(subject: Subject) -> str | None:
    """The live channel whose viewers a subject's readings are; None for every other subject."""
    return subject.id.partition(":")[2] if subject.category == CATEGORY else None
