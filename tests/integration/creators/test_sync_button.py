"""Sync Data: a person has all creators, or one, brought up to date, and sees how far it is."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from functools import partial
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest

from cairn.clock import now
from cairn.errors import KeyRejectedError, PlatformUnavailableError
from operations import __main__ as command
from operations.stack import OperationError
from testing.api import Api
from testing.creator_platform import earning
from testing.creator_site import CreatorSite
from testing.operator import operators_stack


@pytest.fixture
def api(site: CreatorSite) -> Api:
    return Api(site.account.cloud)


def press(api: Api, body: dict[str, Any] | None = None) -> Any:
    answer = api("POST", "/api/analytics/sync", body or {}, scopes=("analytics",))
    assert answer.status == 202, answer.text
    return answer.json


def progress(api: Api, run: str = "") -> Any:
    return api("GET", f"/api/analytics/sync{run and '/' + run}", scopes=("analytics",)).json


def test_all_creators_are_brought_at_once_and_the_answer_says_how_far_it_is(site: CreatorSite, api: Api) -> None:
    creators = [site.creator(name) for name in ("Ada", "Mia")]
    for creator in creators:
        site.platform.add(creator.external_id, earning(now() - timedelta(minutes=1)))
    begun = press(api)
    assert (begun["state"], begun["joined"], begun["creators"]["total"]) == ("running", False, 2)
    site.settle()
    done = progress(api, begun["id"])
    assert done["state"] == "done"
    assert done["finishedAt"]
    assert done["creators"] == {"total": 2, "done": 2, "failed": 0, "skipped": 0}
    assert [site.wrong(creator) for creator in creators] == [[], []]
    assert progress(api) == done


def test_a_second_press_joins_the_first_and_a_later_one_begins_another(site: CreatorSite, api: Api) -> None:
    site.creator()
    first, second = press(api), press(api)
    assert (second["id"], second["joined"]) == (first["id"], True)
    site.settle()
    third = press(api)
    assert third["joined"] is False
    assert third["id"] != first["id"]


def test_one_creator_alone_is_brought(site: CreatorSite, api: Api) -> None:
    ada, mia = site.creator("Ada"), site.creator("Mia")
    press(api, {"creatorId": mia.id})
    site.settle()
    assert site.state(mia).synced_until
    assert site.state(ada).synced_until is None
    assert progress(api)["creators"]["total"] == 1


def test_who_fails_is_named_with_the_reason_and_the_others_are_done(site: CreatorSite, api: Api) -> None:
    site.creator("Ada")
    mia, zoe = site.creator("Mia"), site.creator("Zoe")
    site.platform.errors["fv-Mia"] = KeyRejectedError("fanvue", "invalid_grant")
    site.platform.errors["fv-Zoe"] = PlatformUnavailableError("fanvue", "HTTP 500")
    press(api)
    site.settle()
    done = progress(api)
    assert (done["state"], done["creators"]["done"], done["creators"]["failed"]) == ("done", 1, 2)
    assert {one["creatorId"]: one["code"] for one in done["errors"]} == {mia.id: "reconnect", zoe.id: "unavailable"}


def test_who_failed_a_moment_ago_is_tried_again_when_somebody_asks(site: CreatorSite, api: Api) -> None:
    mia = site.creator()
    site.platform.errors["fv-Mia"] = PlatformUnavailableError("fanvue", "HTTP 500")
    site.synced(mia)
    site.platform.errors.clear()
    press(api)
    site.settle()
    assert progress(api)["creators"]["done"] == 1
    assert site.state(mia).failure is None


def test_without_a_creator_it_is_done_at_once_and_unknown_ones_are_refused(site: CreatorSite, api: Api) -> None:
    assert api("GET", "/api/analytics/sync", scopes=("analytics",)).status == 404
    assert press(api)["state"] == "done"
    assert api("POST", "/api/analytics/sync", {"creatorId": "nobody"}, scopes=("analytics",)).status == 400
    assert api("POST", "/api/analytics/sync", {}, scopes=("ingest",)).status == 403
    assert api("GET", "/api/analytics/sync/nobody", scopes=("analytics",)).status == 404
    assert api("GET", "/api/analytics/sync/current", scopes=("analytics",)).status == 404


# -- audiences, and the operator's way to the same


def test_audiences_are_fetched_with_it(site: CreatorSite, api: Api) -> None:
    mia, zoe = site.creator("Mia"), site.creator("Zoe")
    press(api)
    assert waiting(site) == [tuple(sorted((mia.id, zoe.id)))]
    site.settle()
    press(api, {"creatorId": zoe.id})
    assert waiting(site)[-1] == (zoe.id,)


def test_an_operator_has_the_same_done(site: CreatorSite) -> None:
    ada, mia = site.creator("Ada"), site.creator("Mia")
    site.platform.add(mia.external_id, earning(now() - timedelta(minutes=1)))
    operator = operators_stack()
    events: Any = operator.clients.functions.meta.events
    events.register("before-call.lambda.Invoke", partial(invoked, site))
    names = {"SyncTransactions": "sync_transactions", "RollUpTransactions": "roll_up_transactions"}
    others = {f"{output}Function": name for output, name in names.items()}
    stack = replace(operator, outputs={**operator.outputs, **others, "FetchQueueUrl": os.environ["FETCH_QUEUE_URL"]})

    def run(*arguments: str) -> list[str]:
        return command._run(command._parser().parse_args(["creators", *arguments]), stack)

    assert run("sync", mia.id)[0].startswith("1 creators are synced now")
    site.settle()
    assert site.wrong(mia) == []
    assert site.state(ada).synced_until is None
    assert run("sync")[0].startswith("2 creators are synced now")
    assert [len(batch) for batch in waiting(site)][-1] == 2
    assert run("check-rollups")[0].startswith("checked: ")
    with pytest.raises(OperationError, match="No creator nobody"):
        run("sync", "nobody")


def waiting(site: CreatorSite) -> list[tuple[str, ...]]:
    """The creators of each batch on the fetch queue."""
    return [tuple(sorted(json.loads(message.body)["channel_ids"])) for message in site.account.fetch.messages]


def invoked(site: CreatorSite, params: dict[str, Any], **_: object) -> tuple[Any, dict[str, Any]]:
    """Lambda's answer to an operator's call."""
    function = params["url_path"].split("/")[-2]
    answer = site.account.invoke(function, json.loads(params["body"]))
    return SimpleNamespace(status_code=200), {"Payload": BytesIO(json.dumps(answer).encode())}
