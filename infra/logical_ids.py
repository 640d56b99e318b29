"""Constructs may move in the code; their logical ids stay those of the first deployment.

CloudFormation replaces a resource whose logical id changes: by an empty table, another user pool, another address.
tests/infrastructure/stable_ids.json lists the ids that must never change.
"""

from functools import cache

from aws_cdk import Names
from constructs import Construct, RootConstruct

FIRST_DEPLOYED_AS = {
    "Api": "Http",
    "Cdn": "Front",
    "Channels": "Fetching",
    "Dashboard": "Watching/Dashboard",
    "Identity": "People",
    "Leaderboard": "Turning",
    "Leaderboard/MonthRollover": "Turning/TurnMonth",
    "Monitoring": "Watching",
    "Readings/DetectMilestone": "Detection/DetectMilestone",
    "Readings/RecordHistory": "History/RecordHistory",
    "Realtime": "Sockets",
    "Realtime/Broadcast": "Broadcasting/Broadcast",
    "Telegram/Notify": "Notifying/Notify",
    "Telegram/TelegramWebhook": "Http/TelegramWebhook",
    "Viewers": "Presence",
}
"""Where a construct is now, and where it was then. The longest match counts."""


@cache
def logical_id(path: str) -> str | None:
    """The id of the resource at this path of the stack, or None if CDK's own is right: nothing above it has moved.

    CDK makes an id from a construct's place in a tree, so the old place is rebuilt.
    """
    moved = max((now for now in FIRST_DEPLOYED_AS if f"{path}/".startswith(f"{now}/")), key=len, default=None)
    if moved is None:
        return None
    place: Construct = RootConstruct()
    for name in (FIRST_DEPLOYED_AS[moved] + path.removeprefix(moved)).split("/"):
        place = Construct(place, name)
    return Names.unique_id(place)
