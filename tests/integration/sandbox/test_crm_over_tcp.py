"""What a CRM does to a connection, which only a socket shows."""

from __future__ import annotations

import time

import httpx
import pytest


def fail(sandbox: httpx.Client, mode: str, **body: object) -> None:
    sandbox.post("/control/crm/demo/failure", json={"mode": mode, **body}).raise_for_status()


def test_a_reset_is_an_error_of_the_connection(sandbox: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    fail(sandbox, "reset")
    with pytest.raises(httpx.ReadError, match=r"[Rr]eset"):
        sandbox.post("/crm/demo", content=b"{}")
    sandbox.delete("/control/crm/demo/failure").raise_for_status()
    assert sandbox.post("/crm/demo", content=b"{}").status_code == 200
    assert [one["outcome"] for one in sandbox.get("/control/crm/demo").json()["deliveries"]] == [
        "connection reset",
        "200",
    ]
    assert "ASGI" not in caplog.text


def test_a_crm_that_hangs_outlasts_its_client(sandbox: httpx.Client) -> None:
    fail(sandbox, "hang", delay=5)
    with pytest.raises(httpx.ReadTimeout):
        sandbox.post("/crm/demo", content=b"{}", timeout=0.3)


@pytest.mark.parametrize(("mode", "slowly"), [("trickle", True), ("endless", False)])
def test_a_body_that_does_not_end_comes_after_a_200(sandbox: httpx.Client, mode: str, *, slowly: bool) -> None:
    fail(sandbox, mode, delay=0.05)
    started = time.monotonic()
    with sandbox.stream("POST", "/crm/demo", content=b"{}") as answer:
        assert answer.status_code == 200
        parts = answer.iter_raw()
        first = [len(next(parts)) for _ in range(5)]
    assert (max(first) < 10) == slowly
    assert time.monotonic() - started < 5
    assert sandbox.get("/control/state").status_code == 200
