"""The routes of the HTTP API, and their OpenAPI document."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from typing import Any

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.models import OpenAPI

from cairn.errors import CairnError
from functions.api.analytics import routes as analytics
from functions.api.analytics import sync_routes as syncs
from functions.api.audit import CalledRoute
from functions.api.channels import routes as channels
from functions.api.creators import credentials as creator_credentials
from functions.api.creators import routes as creators
from functions.api.errors import error_response, internal_error, invalid_request, no_route
from functions.api.leaderboard import routes as leaderboard
from functions.api.milestones import routes as milestones
from functions.api.openapi import SCHEMES, adapt, methods_of
from functions.api.schemas import Health
from functions.api.sessions import account
from functions.api.sessions import routes as sessions
from functions.api.usage import routes as usage
from functions.api.webhooks import messages as webhook_messages
from functions.api.webhooks import reports as webhook_reports
from functions.api.webhooks import routes as webhooks
from functions.api.workspace import routes as workspace

TITLE = "Cairn"
VERSION = "1.0.0"


def _exact(text: str) -> Decimal:
    """A JSON number without rounding; NaN when its exponent is too large for Decimal."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


class Api(LambdaFunctionUrlResolver):
    """Powertools' resolver, with an OpenAPI document that matches this API's responses."""

    def get_openapi_schema(self, **options: Any) -> Any:
        return adapt(super().get_openapi_schema(**options))

    def called_route(self, method: str, path: str) -> CalledRoute | None:
        """The route of a request; None if there is none."""
        for route in (*self._static_routes, *self._dynamic_routes):
            if route.method == method and (match := route.rule.match(path)):
                return CalledRoute(re.sub(r"<(\w+)>", r"{\1}", route.path), match.groupdict())
        return None


app = Api(enable_validation=True, json_body_deserializer=partial(json.loads, parse_float=_exact))
SYSTEMS = (
    *(channels, milestones, leaderboard, sessions, account, workspace),
    *(webhooks, webhook_messages, webhook_reports),
    *(usage, creators, creator_credentials, analytics, syncs),
)
for system in SYSTEMS:
    app.include_router(system.router)
app.configure_openapi(
    title=TITLE,
    version=VERSION,
    description="Real-time milestone alerts. Machines send `Authorization: Bearer <API key>`; people sign in.",
    security_schemes=SCHEMES,
    security=[{"apiKey": []}, {"session": []}],
)


@app.get("/api/health", summary="Check that the API responds")
def health() -> Health:
    return Health()


app.exception_handler(CairnError)(error_response)
app.exception_handler(RequestValidationError)(invalid_request)
app.exception_handler(Exception)(internal_error)


@cache
def document() -> OpenAPI:
    """The document, for those who ask for what is not there. Clients get it as a file beside the pages."""
    made: OpenAPI = app.get_openapi_schema()
    return made


@app.not_found
def not_found(_: NoRouteError) -> Response[str]:
    allowed = methods_of(document(), app.current_event.path)
    return no_route([] if app.current_event.http_method in allowed else allowed)
