"""The paths of agencies and creators, and the ids in them."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

AGENCIES, AGENCY = "/api/agencies", "/api/agencies/<agency_id>"
CREATORS, CREATOR = "/api/creators", "/api/creators/<creator_id>"
AgencyId = Annotated[str, Path(description="The agency's id.", pattern=r"^[0-9a-z]{1,40}$")]
CreatorId = Annotated[str, Path(description="The creator's id.", pattern=r"^[0-9a-z]{1,40}$")]
