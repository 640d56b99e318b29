"""What is stored of a viewer: the presence slots of the channels that they watch or watched in the last three hours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from cairn.aws.personal_data import PersonalItem, deleted, scan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class ViewerItems:
    """Items of the presence table."""

    def __init__(self, presence: Table) -> None:
        self._presence = presence

    def of(self, viewer_id: str) -> Iterator[PersonalItem]:
        """A viewer who still watches joins again with the next heartbeat."""
        for item in scan(self._presence, Attr("sk").eq(viewer_id)):
            yield deleted(self._presence, item)
