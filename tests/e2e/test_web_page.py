"""A web page of somebody else, in the browser of a person who runs `make run`: it gets nothing and changes nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from playwright.sync_api import Page, sync_playwright

from local.sandbox import SANDBOX_TELEGRAM_TOKEN
from testing.local_cloud import LocalCloud
from tests.browser.browser import launched
from tests.browser.site import Site

CHAT = 990_001
EVIL = "https://evil.example"
PAGES = [
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "evil.example"},
    {"Host": "localhost.evil.example:4566"},
]
"""The headers by which a browser says that a page of another site sends the request."""
ATTEMPTS = """async (targets) => {
  const attempt = async ([url, options]) => {
    try {
      const answer = await fetch(url, { ...options, signal: AbortSignal.timeout(10_000) });
      return [url, answer.type, answer.status, await answer.text()];
    } catch (error) {
      return [url, 'failed', 0, ''];
    }
  };
  return Promise.all(targets.map(attempt));
}"""
LOAD = """(address) => new Promise((done) => {
  const image = new Image();
  image.onload = image.onerror = () => done();
  image.src = address;
})"""
SUBMIT = """([address, fields]) => {
  const form = document.body.appendChild(document.createElement('form'));
  Object.assign(form, { method: 'post', action: address });
  for (const [name, value] of fields) form.appendChild(Object.assign(document.createElement('input'), { name, value }));
  form.submit();
}"""
CONNECT = """(address) => new Promise((done) => {
  const socket = new WebSocket(address);
  socket.onopen = () => done('open');
  socket.onerror = () => done('refused');
})"""


def addresses(cloud: LocalCloud) -> dict[str, str]:
    """The server at each port that `make run` opens."""
    return {name: cloud.outputs[name] for name in ("AwsEndpointUrl", "ApiUrl", "SandboxUrl")}


def root_call(action: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What MiniStack alone would obey, whatever the signature."""
    return {
        "headers": {
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20261130/us-east-1/x/aws4_request, "
            "SignedHeaders=host, Signature=0",
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": action,
        },
        "body": json.dumps(body),
    }


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """Open at another origin, which is another port of this machine."""
    site = Site()
    site.html = "<!doctype html><title>Win a prize</title><p>Please wait"
    with sync_playwright() as playwright:
        browser = launched(playwright)
        opened = browser.new_page()
        opened.goto(site.origin)
        yield opened
        browser.close()
    site.close()


def functions(cloud: LocalCloud) -> set[str]:
    return {one["FunctionName"] for one in cloud.stack.clients.functions.list_functions(MaxItems=50)["Functions"]}


@pytest.mark.parametrize("headers", PAGES)
@pytest.mark.parametrize("server", ["AwsEndpointUrl", "ApiUrl", "SandboxUrl"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_every_port_refuses_a_page_of_another_site(
    local_cloud: LocalCloud, server: str, method: str, headers: dict[str, str]
) -> None:
    path = "/api/health" if server == "ApiUrl" else "/"
    answer = httpx.request(method, addresses(local_cloud)[server] + path, headers=headers, trust_env=False)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_browser_on_that_page_reads_nothing_and_changes_nothing(local_cloud: LocalCloud, page: Page) -> None:
    cloud, aws, sandbox = local_cloud, local_cloud.outputs["AwsEndpointUrl"], local_cloud.outputs["SandboxUrl"]
    cloud.sandbox.put(f"/control/telegram/chats/{CHAT}", json={"title": "Ada"}).raise_for_status()
    sent = cloud.sandbox.get("/control/telegram/sent").json()
    before = functions(cloud)
    created = {"FunctionName": "evil", "Role": "arn:aws:iam::000000000000:role/x", "Handler": "a.b"}
    plain = {"Content-Type": "text/plain"}
    targets = [
        [aws, {}],
        [aws, {"mode": "no-cors"}],
        [aws, {"method": "POST", **root_call("secretsmanager.ListSecrets", {})}],
        [f"{aws}/2015-03-31/functions", {"method": "POST", **root_call("", created)}],
        [f"{aws}/2015-03-31/functions", {"method": "POST", "mode": "no-cors", "body": json.dumps(created)}],
        [f"{aws}/_ministack/reset", {"method": "POST", "mode": "no-cors"}],
        [f"{aws}/_ministack/health", {}],
        [f"{aws}/?Action=CreateUser&UserName=evil", {"method": "POST", "mode": "no-cors"}],
        [cloud.outputs["ApiUrl"] + "/api/health", {}],
        [cloud.outputs["ApiUrl"] + "/api/session", {"method": "POST", "body": "{}", "headers": plain}],
        [f"{sandbox}/control/state", {}],
        [f"{sandbox}/control/reset", {"method": "POST", "mode": "no-cors"}],
        [f"{sandbox}/control/channels/youtube/@evil", {"method": "PUT", "body": '{"count": 1}'}],
    ]
    for url, kind, status, text in page.evaluate(ATTEMPTS, targets):
        assert (kind, status, text) in (("failed", 0, ""), ("opaque", 0, "")), url
    message = urlencode({"chat_id": CHAT, "text": "from a page"})
    page.evaluate(LOAD, f"{sandbox}/telegram/bot{SANDBOX_TELEGRAM_TOKEN}/sendMessage?{message}")
    for address, fields in (
        (f"{sandbox}/phone/{CHAT}", [["text", "/stop"]]),
        (aws, [["Action", "CreateUser"], ["UserName", "evil"], ["Version", "2010-05-08"]]),
    ):
        origin = page.url
        with page.expect_navigation():
            page.evaluate(SUBMIT, [address, fields])
        assert "refused" in page.content()
        page.goto(origin)

    assert functions(cloud) == before
    assert [user["UserName"] for user in cloud.stack.clients.iam.list_users()["Users"]] == []
    assert cloud.sandbox.get("/control/telegram/sent").json() == sent
    state = cloud.sandbox.get("/control/state").json()
    assert str(CHAT) in {str(chat["id"]) for chat in state["telegram"]["chats"]}
    assert "@evil" not in json.dumps(state)
    updates = cloud.sandbox.get("/control/telegram/updates").json()["updates"]
    assert not [one for one in updates if "/stop" in json.dumps(one) and str(CHAT) in json.dumps(one)]


def test_sockets_reach_the_deployed_api_and_nothing_else(local_cloud: LocalCloud, page: Page) -> None:
    """Anybody's page may count viewers by a socket, as in AWS."""
    api = local_cloud.outputs["WebSocketUrl"]
    assert page.evaluate(CONNECT, api) == "open"
    for url in addresses(local_cloud).values():
        assert page.evaluate(CONNECT, url.replace("http://", "ws://") + "/") == "refused"


def test_a_name_that_was_bound_to_this_machine_gets_nothing(local_cloud: LocalCloud) -> None:
    """By then the page is of its own origin for the browser, which sends no sign of another one."""
    upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    api = urlsplit(local_cloud.outputs["WebSocketUrl"])
    plain = [(urlsplit(url), "Connection: close") for url in addresses(local_cloud).values()]
    for address, more in [*plain, (api, f"Connection: Upgrade\r\n{upgrade}")]:
        assert address.port is not None
        for host in (
            f"Host: evil.example:{address.port}",
            "Host: evil.example\r\nHost: 127.0.0.1",
            "X-Host: 127.0.0.1",
        ):
            with socket.create_connection(("127.0.0.1", address.port), timeout=10) as raw:
                raw.sendall(f"GET {address.path or '/'} HTTP/1.1\r\n{host}\r\n{more}\r\n\r\n".encode())
                status = raw.recv(4096).split(b"\r\n", 1)[0]
            assert status.split()[1] in (b"400", b"403"), (address, host, status)


def test_the_viewers_routes_stay_open_to_any_page(local_cloud: LocalCloud, page: Page) -> None:
    counts = [[f"{local_cloud.outputs['ViewerUrl']}/api/viewer/count/any", {}]]
    for _, kind, status, text in page.evaluate(ATTEMPTS, counts):
        assert (kind, status, json.loads(text)["viewers"]) == ("cors", 200, 0)


@pytest.mark.parametrize("key", ["test", "000000000000"])
def test_the_emulator_knows_its_root_by_the_secret_of_this_run(local_cloud: LocalCloud, key: str) -> None:
    def roles(secret: str) -> list[Any]:
        endpoint = local_cloud.outputs["AwsEndpointUrl"]
        iam = boto3.client("iam", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret)
        return list(iam.list_roles()["Roles"])

    assert roles(local_cloud.outputs["AwsSecretAccessKey"])
    with pytest.raises(ClientError):
        roles("test")


def test_the_files_with_keys_are_their_owners_alone(local_cloud: LocalCloud) -> None:
    for name in ("outputs.json", "stack.json"):
        assert (local_cloud.home / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux lists sockets there")
def test_no_other_port_is_open_and_none_beyond_this_machine(local_cloud: LocalCloud) -> None:
    known = {urlsplit(url).port for url in addresses(local_cloud).values()}
    lines = [
        line.split() for file in ("tcp", "tcp6") for line in Path(f"/proc/net/{file}").read_text().splitlines()[1:]
    ]
    listening = {line[9]: line[1] for line in lines if line[3] == "0A"}  # by the socket's inode
    own = {address for inode, address in listening.items() if inode in _sockets_of(local_cloud)}
    assert {int(address.split(":")[1], 16) for address in own} == known
    assert {address.split(":")[0] for address in own} == {"0100007F"}


def _sockets_of(cloud: LocalCloud) -> set[str]:
    """The inodes of the sockets of every process below the one that holds this cloud's lock."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[stat.parent.name] = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:  # it ended
            continue
    family = {(cloud.home / "run.lock").read_text().strip()}
    while children := {child for child, parent in parents.items() if parent in family} - family:
        family |= children
    inodes = set()
    for process in family:
        for descriptor in Path(f"/proc/{process}/fd").glob("*"):
            try:
                target = str(descriptor.readlink())
            except OSError:
                continue
            inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    return inodes
