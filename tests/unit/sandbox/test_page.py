"""The web page: complete without scripts, with all text escaped."""

import re
from html.parser import HTMLParser

import pytest

from local.sandbox.page import marked_up
from tests.unit.sandbox.helpers import Sandbox

pytestmark = pytest.mark.anyio
EVIL = '<script>alert("1")</script>\'&'
VOID = {"meta", "link", "input", "ellipse"}


class Balanced(HTMLParser):
    """Fails on unbalanced tags; collects the visible text and every id."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.text = ""
        self.ids: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


async def page(sandbox: Sandbox) -> Balanced:
    answer = await sandbox.client.get("/")
    assert answer.status_code == 200
    parser = Balanced()
    parser.feed(answer.text)
    assert parser.stack == []
    assert len(parser.ids) == len(set(parser.ids))
    assert parser.scripts == 1
    return parser


async def test_an_empty_world_says_how_to_start(sandbox: Sandbox) -> None:
    assert "POST /control/demo" in (await page(sandbox)).text


async def test_channels_messages_and_failures_are_shown(sandbox: Sandbox) -> None:
    await sandbox.control("POST", "/demo")
    await sandbox.channel("youtube", "shy", hidden=True, count=5)
    await sandbox.send(1001, "Stone &amp; Trail passed <b>100K</b>", parse_mode="HTML")
    await sandbox.fail("youtube", "quota", seconds=60)
    await sandbox.fail("instagram", "slow", requests=3)
    await sandbox.send(1001)
    await sandbox.control("POST", "/telegram/fail_next", {"times": 2})
    await sandbox.control("POST", "/telegram/chats/-2001/kick")
    text = (await page(sandbox)).text
    for expected in (
        "Night Trains of Europe",
        "99,500",
        "exactly 99,520",
        "hidden",
        "Stone & Trail passed 100K",
        "1 accepted, 1 rejected",
        "YouTube reports an exceeded quota for another 60 s",
        "Instagram answers slowly for another 3 requests",
        "Telegram blocks the bot for 1 s",
        "fails the next 2 matching calls",
        "bot was kicked from the group chat",
    ):
        assert expected in text


async def test_whatever_people_write_stays_text(sandbox: Sandbox) -> None:
    await sandbox.channel("youtube", "evil", name=EVIL)
    await sandbox.write(1, EVIL, title=EVIL)
    await sandbox.chat(-5, title=EVIL)
    await sandbox.send(1, EVIL)
    assert (await page(sandbox)).text.count(EVIL) >= 5


def test_entities_become_elements_that_nest() -> None:
    entities = [
        {"type": "bold", "offset": 3, "length": 5},
        {"type": "italic", "offset": 5, "length": 3},
        {"type": "text_link", "offset": 0, "length": 2, "url": "javascript:alert(1)"},
    ]
    assert marked_up("🎉 <b>& x", entities) == "🎉 <b>&lt;b<i>&gt;&amp; </i></b>x"


async def test_a_visitor_can_write_to_the_bot(sandbox: Sandbox) -> None:
    await sandbox.chat(1001, title="Ada")
    answer = await sandbox.client.post("/phone/1001", data={"text": " /status "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await sandbox.bot("getUpdates")).json()["result"][0]["message"]["text"] == "/status"


async def test_the_newest_message_is_first(sandbox: Sandbox) -> None:
    await sandbox.write(-1, "older", type="group")
    await sandbox.send(-1, "newer")
    text = (await page(sandbox)).text
    assert text.index("newer") < text.index("older")


async def test_the_browser_runs_only_what_the_page_brings(sandbox: Sandbox) -> None:
    answer = await sandbox.client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)
    assert " style=" not in answer.text
