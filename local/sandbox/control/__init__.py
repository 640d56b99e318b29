"""The control API: what a test or a person can do to the world, and see of it. `GET /control` lists every route.

Bodies and answers are JSON; wrong input is a 4xx `{"error": …, "details": […]}` that says what to change, and changes
nothing. Times are milliseconds since the epoch. No answer holds a key.

Counts
    PUT  /control/channels/youtube/@stone   {"count": 99990, "growth_per_second": 2, "name": "Stone & Trail"}
         Creates the channel or changes what is given. Counts grow by the second from when they were set.
    PUT  /control/channels/youtube/@stone   {"hidden": true}      only YouTube hides counts
    PUT  /control/channels/youtube/@stone   {"remove": true}      the platform no longer knows it

Failures, one a platform at a time, until healed (DELETE), for `seconds`, or for the next `requests`
    POST /control/platforms/youtube/failure    {"mode": "quota"}
    POST /control/platforms/telegram/failure   {"mode": "rate_limited", "retry_after": 7, "requests": 1}
    POST /control/platforms/instagram/failure  {"mode": "slow", "delay": 2.5, "seconds": 60}
         `slow` answers late, `broken` with 5xx, `timeout` never (it hangs for `delay` and drops the connection),
         `malformed` with half a JSON document; `quota` and `rate_limited` as the platform words them.
    POST /control/telegram/fail_next           {"method": "sendMessage", "times": 1, "after_accepting": true}
         Without `status` the connection is dropped. `after_accepting` means that the message did arrive and only the
         answer is lost: the one case in which a sender cannot know.

People on Telegram
    POST /control/telegram/chats/1001/message  {"text": "/start"}
    POST /control/telegram/chats/-2001/message {"text": "/start", "type": "group", "title": "Trail crew"}
    POST /control/telegram/chats/1001/block · unblock · deactivate
    POST /control/telegram/chats/-2001/kick · unblock · deactivate · migrate
    PUT  /control/telegram/chats/1001          {"title": "Ada"}     make or change a chat without telling the bot

What happened
    GET /control/state · /control/requests?platform=youtube · /control/telegram/sent?chat_id=1001&after=12
    GET /control/telegram/refused · /control/telegram/updates

The world as a whole
    PUT /control/limits {"telegram_messages_a_second": 5} · POST /control/demo · POST /control/reset
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.control.actions import ACTIONS, Action
from local.sandbox.control.asking import ControlError, body_of, refuse_other_sites
from local.sandbox.control.bodies import Nothing
from local.sandbox.messenger import ChatError
from local.sandbox.world import World

__all__ = ["ACTIONS", "ControlError", "Nothing", "refuse_other_sites", "routes"]


def routes(world: World) -> list[Route]:
    def endpoint(action: Action) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                refuse_other_sites(request)
                body = await body_of(request, action.takes) if action.method != "GET" else Nothing()
                return JSONResponse(await action.run(world, request, body))
            except ControlError as error:
                return JSONResponse(error.body, status_code=error.status)
            except ChatError as error:
                return JSONResponse({"error": str(error), "details": []}, status_code=409)

        return answer

    return [Route(action.path, endpoint(action), methods=[action.method]) for action in ACTIONS]
