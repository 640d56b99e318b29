"""Request and response bodies of syncs that somebody asks for."""

from __future__ import annotations

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from functions.api.schemas import Instant, Schema

RunId = Annotated[str, Path(description="The sync's id.", pattern=r"^[0-9a-z]{1,40}$")]


class NewSync(Schema):
    creator_id: Annotated[
        str | None, Field(description="Only this creator; all by default.", pattern=r"^[0-9a-z]{1,40}$")
    ] = None


class SyncedCreators(Schema):
    total: int
    done: int
    failed: int
    skipped: Annotated[int, Field(description="They have retired since.")]


class SyncError(Schema):
    creator_id: str
    name: str
    code: Annotated[str, Field(description="`reconnect` needs a person; `paused` and `unavailable` pass.")]
    message: str


class SyncRun(Schema):
    id: str
    joined: Annotated[bool, Field(description="Whether one that was running was joined.")]
    state: Literal["running", "done"]
    started_at: Instant
    finished_at: Instant | None
    creators: SyncedCreators
    errors: list[SyncError]
