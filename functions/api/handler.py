"""The HTTP API: a request is let in, goes to its route, and is answered in JSON whatever happens."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from typing import Any

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.errors import CairnError
from cairn.observing import logger, metrics
from functions.api import bodies, channels, leaderboard, milestones, parts, reps, sessions
from functions.api.document import SCHEMES, described, methods_of
from functions.api.gate import Gate, readable
from functions.api.refusals import broken, invalid, no_route, refused

TITLE = "Cairn"
VERSION = "1.0.0"
UNSTORED = ("/api/session", "/api/ws-ticket")
"""What starts so tells of a person, and is for nobody's cache."""


def _exact(text: str) -> Decimal:
    """A number of JSON, digit by digit; one whose exponent no Decimal can hold is none."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


class Api(LambdaFunctionUrlResolver):
    """Powertools' resolver, whose document says what this API answers."""

    def get_openapi_schema(self, **options: Any) -> Any:
        return described(super().get_openapi_schema(**options))


app = Api(enable_validation=True, json_body_deserializer=partial(json.loads, parse_float=_exact))
app.include_router(channels.router)
app.include_router(milestones.router)
app.include_router(leaderboard.router)
app.include_router(reps.router)
app.include_router(sessions.router)
app.configure_openapi(
    title=TITLE,
    version=VERSION,
    description="Real-time milestone alerts. Machines call with `Authorization: Bearer <API key>`, people sign in.",
    security_schemes=SCHEMES,
    security=[{"apiKey": []}, {"session": []}],
)
app.enable_swagger(path="/api/docs", title=TITLE, version=VERSION)


@app.get("/api/health", summary="Whether the API answers")
def health() -> bodies.Health:
    return bodies.Health()


@app.get("/api/openapi.json", include_in_schema=False)
def document() -> Response[str]:
    return Response(status_code=200, content_type="application/json", body=app.get_openapi_json_schema())


app.exception_handler(CairnError)(refused)
app.exception_handler(RequestValidationError)(invalid)
app.exception_handler(Exception)(broken)


@app.not_found
def not_found(error: NoRouteError) -> Response[str]:
    allowed = methods_of(app.get_openapi_schema(), app.current_event.path)
    return no_route([] if app.current_event.http_method in allowed else allowed)


@cache
def gate() -> Gate:
    return Gate(parts.api_keys(), parts.id_tokens())


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    answer = _answer(event, context)
    if event["rawPath"].startswith(UNSTORED):
        answer["headers"]["Cache-Control"] = "no-store"
    return answer


def _answer(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    try:
        app.append_context(caller=gate().admit(event))  # type: ignore[no-untyped-call]  # Powertools leaves it untyped
        readable(event)
    except CairnError as error:
        return _early(refused(error))
    except Exception as error:
        return _early(broken(error))
    return app.resolve(event, context)


def _early(answer: Response[str]) -> dict[str, Any]:
    """An answer without the routes."""
    return {
        "statusCode": answer.status_code,
        "headers": dict(answer.headers),
        "cookies": [str(cookie) for cookie in answer.cookies],
        "body": answer.body,
    }
