"""The control API, with which tests and people change and inspect the sandbox. `GET /control` lists every route.

Bodies and responses are JSON; invalid input is a 4xx `{"error": …, "details": […]}` that says what to change, and has
no effect. Times are milliseconds since the epoch. No response contains a key,
but the tokens of a consent to Fanvue's OAuth, which are made for who asks.

Counts
    PUT  /control/channels/youtube/@stone   {"count": 99990, "growth_per_second": 2, "name": "Stone & Trail"}
         Creates the channel or changes these fields. Counts grow from the time at which they are set.
    PUT  /control/channels/youtube/@stone   {"hidden": true}      only YouTube hides counts
    PUT  /control/channels/youtube/@stone   {"remove": true}      deletes it on the platform; another may take the name
    PUT  /control/channels/instagram/@lake  {"error": "10"}       this account alone fails; "" ends it

Failures, one per platform, until removed (DELETE), for `seconds`, or for the next `requests`
    POST /control/platforms/youtube/failure    {"mode": "quota"}
    POST /control/platforms/telegram/failure   {"mode": "rate_limited", "retry_after": 7, "requests": 1}
    POST /control/platforms/instagram/failure  {"mode": "slow", "delay": 2.5, "seconds": 60}
         `slow` answers late, `broken` with 5xx, `timeout` never (it hangs for `delay` and drops the connection),
         `malformed` with incomplete JSON; `quota` and `rate_limited` answer with the platform's own errors.
    POST /control/telegram/fail_next           {"method": "sendMessage", "times": 1, "after_accepting": true}
         Without `status` the connection is dropped. With `after_accepting` the message is delivered and only the
         response is lost: the case in which a sender cannot know the outcome.

People on Telegram
    POST /control/telegram/chats/1001/message  {"text": "/start"}
    POST /control/telegram/chats/-2001/message {"text": "/start", "type": "group", "title": "Trail crew"}
    POST /control/telegram/chats/1001/block · unblock · deactivate
    POST /control/telegram/chats/-2001/kick · unblock · deactivate · migrate
    PUT  /control/telegram/chats/1001          {"title": "Ada"}     create or change a chat without an update

Creators on Fanvue, by their UUID; amounts are cents
    GET  /control/fanvue/creators · /control/fanvue/creators/8d5a…      with the truth about their sums, by currency
    PUT  /control/fanvue/creators/8d5a…  {"name": "Mira", "sales_every": 5, "history_days": 30, "subscribers": 120}
         Sales follow from the creator and their number; each that is due is told by webhook.
    POST /control/fanvue/creators/8d5a…/sales    {"gross": 1250, "source": "tip", "times": 2, "seconds_ago": 86400}
         A late row has `seconds_ago`; with `listed_after` the webhook comes before the list shows it; `raw` is what the
         list shows instead of the true fields; `equal` rows differ in nothing.
    POST /control/fanvue/creators/8d5a…/refunds  {"order": "0b0f…", "gross": 500}     a row of its own, negative
    PUT  /control/fanvue/creators/8d5a…/rows/{order}   {"net": 1000}
    PUT  /control/fanvue/creators/8d5a…/days/{date}    {"new": 3, "ended": 1}
    PUT  /control/fanvue/webhook   {"url": "http://127.0.0.1:4567/hooks/creators/fanvue", "secret": "…"}
    POST /control/fanvue/send      {"body": {"id": "1", "type": "follow.new"}, "age": 400}      any body, signed
    GET  /control/fanvue/webhook   what became of each delivery
    POST /control/fanvue/tokens    {"creator": "8d5a…"}     a consent; DELETE withdraws them all
    PUT  /control/fanvue/versions  {"current": "2027-01-01", "retired": ["2025-06-26"]}
    A failure of `fanvue` is as of the other platforms.

CRMs, each of which takes webhooks at POST /crm/{name} from its first use on
    PUT  /control/crm/demo                     {"secret": "whsec_…"}     what comes is verified with it
    POST /control/crm/demo/failure             {"mode": "status", "status": 429, "retry_after": 7, "percent": 20}
         `status` answers with any error, with Retry-After in seconds or as a date, or 301; `hang` never answers,
         `trickle` sends its body a byte at a time, `reset` cuts the connection, `endless` sends a body without end.
    GET  /control/crm/demo?after=12            what came, whether it is verified, and what was answered

What happened
    GET /control/state · /control/requests?platform=youtube · /control/telegram/sent?chat_id=1001&after=12
    GET /control/telegram/refused · /control/telegram/updates

Everything
    PUT /control/limits {"telegram_messages_a_second": 5} · POST /control/demo · POST /control/reset
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.control.action import Action
from local.sandbox.control.actions import ACTIONS
from local.sandbox.control.parsing import ControlError, body_of
from local.sandbox.control.schemas import Nothing
from local.sandbox.messenger import ChatError
from local.sandbox.world import World

__all__ = ["ACTIONS", "ControlError", "Nothing", "routes"]


def routes(world: World) -> list[Route]:
    def endpoint(action: Action) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                body = await body_of(request, action.accepts) if action.method != "GET" else Nothing()
                return JSONResponse(await action.run(world, request, body))
            except ControlError as error:
                return JSONResponse(error.body, status_code=error.status)
            except ChatError as error:
                return JSONResponse({"error": str(error), "details": []}, status_code=409)

        return answer

    return [Route(action.path, endpoint(action), methods=[action.method]) for action in ACTIONS]
