"""The viewer counter on other sites: the element, the frame and the live page, with the deployed policies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from math import sin
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.backend import Backend
from tests.browser.conftest import shot, wait_for_the_end_of
from tests.browser.site import Site
from tests.browser.viewers.audience import iso

CHECKS = (Path(__file__).parents[1] / "checks.js").read_text()
PHONE, LAPTOP = (390, 844), (1366, 900)
Scheme = Literal["light", "dark"]
INKED = """
() => {
  const canvas = document.querySelector('#curve canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, place) => place % 4 === 3 && value > 0).length;
}"""
FOLLOWED = {"count": 1_284_019, "name": "Ada Live", "url": "https://www.youtube.com/@ada", "stale": False}


@pytest.fixture(scope="module")
def _site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def site(_site: Site, backend: Backend) -> Site:
    """With a policy that allows what docs/viewers.md requires, and nothing else."""
    socket = backend.origin.replace("http", "ws", 1)
    _site.policy = (
        f"default-src 'none'; script-src {backend.origin}; connect-src {backend.origin} {socket}; "
        f"frame-src {backend.origin}; require-trusted-types-for 'script'; img-src 'self'"
    )
    return _site


def widget(backend: Backend, attributes: str = 'channel="demo"', language: str = "en", more: str = "") -> str:
    return (
        f'<!doctype html><html lang="{language}"><title>Another site</title><h1>My stream</h1>'
        f'<script type="module" src="{backend.origin}/viewers.js"></script>'
        f"<cairn-viewers {attributes}></cairn-viewers>{more}</html>"
    )


def pill(page: Page) -> Any:
    return page.locator("cairn-viewers [part=viewers]")


def history(backend: Backend, minutes: int) -> list[dict[str, Any]]:
    """A stream of an evening: viewers come and go."""
    now = backend.now()
    return [
        {"at": iso(now - timedelta(minutes=ago)), "viewers": round(900 + 700 * sin(ago / 55) + 60 * sin(ago / 3))}
        for ago in range(minutes, 0, -1)
    ]


def pass_until(page: Page, happened: Callable[[], bool]) -> None:
    """Let simulated time pass until something has happened."""
    for _ in range(100):
        if happened():
            return
        page.clock.run_for(2000)
        page.wait_for_timeout(50)
    assert happened()


@pytest.mark.parametrize(
    ("language", "crowd", "shown", "whole"),
    [
        ("en", 1233, "1,234", "1,234 watching"),
        ("de", 1233, "1.234", "1.234 Zuschauer"),
        ("es-PE", 51_998, "51.9 k", "51,999 viendo"),
        ("en", 1_299_998, "1.2M", "1,299,999 watching"),
        ("no such language", 1233, "1,234", "1,234 watching"),
    ],
)
def test_the_count_is_shown_on_other_sites_in_the_format_of_their_language(
    page: Page, backend: Backend, site: Site, language: str, crowd: int, shown: str, whole: str
) -> None:
    backend.crowd("demo", crowd)
    site.html = widget(backend, language=language)
    page.goto(site.origin)
    expect(pill(page).locator("[part=number]")).to_have_text(shown)
    expect(pill(page)).to_have_attribute("title", whole)
    expect(pill(page)).to_have_css("background-color", "rgb(209, 31, 31)")


def test_viewers_see_each_other_come_and_go(page: Page, context: BrowserContext, backend: Backend, site: Site) -> None:
    site.html = widget(backend)
    page.goto(site.origin)
    expect(pill(page)).to_have_text("1 watching")
    with context.browser.new_context() as elsewhere:  # type: ignore[union-attr]  # set for a launched browser
        other = elsewhere.new_page()
        other.goto(f"{backend.origin}/embed/demo")
        expect(pill(page)).to_have_text("2 watching")
        expect(pill(other)).to_have_text("2 watching")
    expect(pill(page)).to_have_text("1 watching")


def test_two_tabs_of_a_site_are_one_viewer(page: Page, context: BrowserContext, backend: Backend, site: Site) -> None:
    site.html = widget(backend)
    page.goto(site.origin)
    second = context.new_page()
    second.goto(site.origin)
    expect(pill(second)).to_have_text("1 watching")
    assert backend.audience.count("demo")["connections"] == 2


def test_several_counters_on_a_page_are_one_connection(page: Page, backend: Backend, site: Site) -> None:
    site.html = widget(backend, more='<cairn-viewers channel="demo"></cairn-viewers>')
    page.clock.install()
    page.goto(site.origin)
    expect(pill(page)).to_have_text(["1 watching", "1 watching"])
    assert backend.sockets == 1
    page.evaluate(
        "() => { const moved = [...document.querySelectorAll('cairn-viewers')];"
        " for (const one of moved) one.remove(); document.body.append(...moved); }"
    )
    page.clock.run_for(1100)
    expect(pill(page)).to_have_text(["1 watching", "1 watching"])
    assert backend.sockets == 1
    page.evaluate("document.querySelectorAll('cairn-viewers').forEach((one) => one.remove())")
    for _ in range(50):
        page.wait_for_timeout(100)
        if backend.sockets == 0:
            return
    pytest.fail("the counters are gone, but the viewer is still counted")


def test_another_channel_in_the_attribute_is_another_room(page: Page, backend: Backend, site: Site) -> None:
    backend.crowd("other", 41)
    site.html = widget(backend)
    page.goto(site.origin)
    expect(pill(page)).to_have_text("1 watching")
    page.evaluate("document.querySelector('cairn-viewers').setAttribute('channel', 'other')")
    expect(pill(page)).to_have_text("42 watching")


def test_a_site_gets_counts_and_milestones_as_events(page: Page, backend: Backend, site: Site) -> None:
    site.html = widget(backend)
    page.add_init_script(
        "window.received = []; for (const name of ['cairn-viewers', 'cairn-milestone'])"
        " addEventListener(name, ({ detail }) => received.push([name, detail.viewers]));"
    )
    page.goto(site.origin)
    expect(pill(page)).to_have_text("1 watching")
    backend.publish("channel:demo", "viewers:milestone", {"channelId": "demo", "threshold": 10, "viewers": 12})
    page.wait_for_function("received.some(([name, viewers]) => name === 'cairn-milestone' && viewers === 12)")
    assert page.evaluate("received.some(([name, viewers]) => name === 'cairn-viewers' && viewers === 1)")


def test_the_counter_hides_while_the_service_is_away_and_is_back_when_it_answers(
    page: Page, backend: Backend, site: Site
) -> None:
    page.clock.install()
    site.html = widget(backend)
    page.goto(site.origin)
    counter = page.locator("cairn-viewers")
    expect(counter).to_be_visible()
    backend.down = True
    backend.cut()
    pass_until(page, counter.is_hidden)
    assert counter.bounding_box() is None
    backend.down = False
    pass_until(page, counter.is_visible)


def test_a_service_that_is_away_from_the_start_leaves_the_page_as_it_is(
    page: Page, backend: Backend, site: Site
) -> None:
    page.route("**/api/viewer/**", lambda route: route.abort())
    site.html = widget(backend)
    with page.expect_event("requestfailed"):
        page.goto(site.origin)
    expect(page.locator("cairn-viewers")).to_be_attached()
    assert page.locator("cairn-viewers").bounding_box() is None


def test_where_sockets_are_rejected_heartbeats_and_polls_replace_them(page: Page, backend: Backend, site: Site) -> None:
    audience = backend.audience
    audience.sockets_rejected = True
    backend.crowd("demo", 6)
    page.clock.install()
    site.html = widget(backend)
    page.goto(site.origin)
    pass_until(page, pill(page).is_visible)
    expect(pill(page)).to_have_text("7 watching")
    backend.crowd("demo", 8)
    pass_until(page, lambda: pill(page).text_content() == "9 watching")
    assert [what for what, _ in audience.requests] == ["join"]
    pass_until(page, lambda: len(audience.requests) == 2)
    assert [what for what, _ in audience.requests] == ["join", "heartbeat"]
    slot = audience.requests[-1][1]
    page.goto("about:blank")
    pass_until(page, lambda: audience.requests[-1] == ("leave", slot))
    assert audience.count("demo")["viewers"] == 8


def test_a_frame_counts_on_any_site(page: Page, backend: Backend, site: Site) -> None:
    backend.crowd("demo", 203)
    backend.audience.followers["youtube:UC1"] = FOLLOWED | {"asOf": iso(backend.now())}
    address = f"{backend.origin}/embed/demo?lang=de&followers=youtube:UC1"
    site.html = (
        '<!doctype html><html lang="de"><title>Eine Seite</title>'
        f'<iframe src="{address}" title="Zuschauer" width="320" height="44"></iframe></html>'
    )
    page.goto(site.origin)
    frame = page.frame_locator("iframe")
    expect(frame.locator("[part=viewers]")).to_have_text("204 Zuschauer")
    link = frame.locator("[part=followers]")
    expect(link).to_have_text("1,2 Mio. Follower, Ada Live")
    expect(link).to_have_attribute("href", str(FOLLOWED["url"]))
    expect(link).to_have_attribute("rel", "noopener")
    shot(page, "viewers-frame")


def test_a_frame_counts_in_a_sandbox_too(page: Page, backend: Backend, site: Site) -> None:
    site.policy = "sandbox allow-scripts"
    site.html = f'<!doctype html><title>A preview</title><iframe src="{backend.origin}/embed/demo"></iframe>'
    page.goto(site.origin)
    expect(page.frame_locator("iframe").locator("[part=viewers]")).to_have_text("1 watching")


def test_other_followers_have_their_own_link_or_none(page: Page, backend: Backend, site: Site) -> None:
    backend.audience.followers["youtube:UC1"] = FOLLOWED | {"asOf": iso(backend.now())}
    backend.audience.followers["demo"] = FOLLOWED | {"asOf": iso(backend.now()), "url": None, "name": "Own"}
    site.html = widget(backend, 'channel="demo" followers="youtube:UC1"')
    page.goto(site.origin)
    link = page.locator("cairn-viewers [part=followers]")
    expect(link).to_have_attribute("href", str(FOLLOWED["url"]))
    page.evaluate("document.querySelector('cairn-viewers').setAttribute('followers', '')")
    expect(link).to_have_attribute("title", re.compile("Own"))
    assert link.get_attribute("href") is None
    assert backend.requests.count(("GET", "/api/viewer/channel/demo")) == 1, (
        "the viewer session has requested it already"
    )


def test_followers_that_are_old_are_marked_and_unknown_ones_not_shown(page: Page, backend: Backend, site: Site) -> None:
    old = FOLLOWED | {"asOf": "2026-11-19T10:00:00.000Z", "stale": True}
    backend.audience.followers["youtube:UC1"] = old
    backend.audience.followers["telegram:x"] = old | {"url": "javascript:alert(1)"}
    site.html = "".join(
        widget(backend, f'channel="demo" followers="{followers}"') for followers in ("youtube:UC1", "telegram:x", "")
    )
    page.goto(site.origin)
    links = page.locator("cairn-viewers [part=followers]")
    expect(links.nth(0).locator("[part=number]")).to_have_text("~1.2M")
    expect(links.nth(0)).to_have_attribute("title", re.compile("11/19/2026"))
    expect(links.nth(1)).to_be_visible()
    assert links.nth(1).get_attribute("href") is None
    expect(links.nth(2)).to_be_hidden()


def test_the_dot_respects_reduced_motion(browser: Browser, backend: Backend) -> None:
    for motion, moving in (("no-preference", 1), ("reduce", 0)):
        with browser.new_context(base_url=backend.origin, reduced_motion=motion) as context:  # type: ignore[arg-type]  # a literal of two
            page = context.new_page()
            page.goto("/embed/demo")
            expect(pill(page)).to_be_visible()
            assert page.evaluate("document.querySelector('cairn-viewers').shadowRoot.getAnimations().length") == moving


@pytest.mark.parametrize(("size", "scheme"), [(LAPTOP, "light"), (LAPTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_the_live_page_shows_the_count_and_its_history_on_every_screen(
    browser: Browser, backend: Backend, size: tuple[int, int], scheme: Scheme
) -> None:
    backend.crowd("youtube:UC1", 1233)
    backend.audience.curve = history(backend, 350)
    backend.audience.peak = {"viewers": 1660, "day": "2026-11-20"}
    backend.audience.followers["youtube:UC1"] = FOLLOWED | {"asOf": iso(backend.now())}
    with browser.new_context(
        base_url=backend.origin, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    ) as context:
        page, troubles = context.new_page(), list[str]()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto("/live/youtube:UC1")
        expect(page.locator("h1:visible")).to_have_text("Ada Live")
        expect(page.locator("#viewers")).to_have_text("1,234")
        expect(page.locator("#peak")).to_have_text("1,660")
        expect(page.locator("#summary")).to_contain_text("In the last 6 hours between")
        expect(page.locator("#script-code")).to_contain_text('<cairn-viewers channel="youtube:UC1">')
        backend.publish("channel:youtube:UC1", "viewers:milestone", milestone())
        expect(page.locator("#milestone")).to_have_text("👀 1,000 watching – More than ever before.")
        page.evaluate("document.fonts.ready.then(() => null)")
        wait_for_the_end_of(page, "arrive")
        page.wait_for_function(f"({INKED})() > 1000")
        assert page.evaluate(CHECKS) == []
        shot(page, f"live-{size[0]}-{scheme}")
        assert troubles == []


def test_the_page_of_a_new_channel_begins_with_its_first_hour_and_has_the_operators_name(
    page: Page, backend: Backend
) -> None:
    backend.audience.names["demo"] = "Demo stream"
    backend.audience.curve = history(backend, 50)
    page.goto("/live/demo")
    expect(page.locator("h1:visible")).to_have_text("Demo stream")
    expect(page.locator("#summary")).to_contain_text("In the last hour")
    expect(page.get_by_label("1 h")).to_be_checked()
    page.get_by_label("6 h").check()
    expect(page.locator("#summary")).to_contain_text("In the last 6 hours")


def milestone() -> dict[str, Any]:
    return {"emoji": "👀", "title": "1,000 watching", "description": "More than ever before.", "viewers": 1000}


def test_the_live_page_follows_each_count_and_the_days_peak(page: Page, backend: Backend) -> None:
    page.goto("/live/demo")
    expect(page.locator("#viewers")).to_have_text("1")
    expect(page.locator("#summary")).to_contain_text("In the last hour between 0 and 1 watched, most at")
    backend.crowd("demo", 24)
    expect(page.locator("#viewers")).to_have_text("25")
    expect(page.locator("#peak")).to_have_text("25")
    expect(page.locator("#summary")).to_contain_text("between 0 and 25 watched, most at")
    page.locator("#curve .u-over").hover()
    expect(page.locator("#summary")).to_have_text(re.compile(r"^\d\d:\d\d: 25 watching$|^\d\d:\d\d: 1 watching$"))
    page.mouse.move(0, 0)
    expect(page.locator("#summary")).to_contain_text("In the last hour")
    assert ("GET", "/api/viewer/curve/demo") in backend.requests


def test_the_code_to_embed_is_copied(page: Page, context: BrowserContext, backend: Backend) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=backend.origin)
    page.goto("/live/demo")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#script-code").inner_text()
    assert f'src="{backend.origin}/viewers.js"' in copied


def test_without_a_channel_the_page_asks_which(page: Page, backend: Backend) -> None:
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name="Live viewers").click()
    expect(page.get_by_role("heading", name="Which channel?")).to_be_focused()
    page.get_by_label("Channel").fill("a channel")
    page.get_by_role("button", name="Watch").click()
    assert page.get_by_label("Channel").evaluate("(field) => field.validity.patternMismatch")
    page.get_by_label("Channel").fill("demo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/live/demo")
    expect(page.locator("#viewers")).to_have_text("1")


@pytest.mark.parametrize("path", ["/live/%20", "/live/a%20b", "/live/%E0", "/live/a/b", f"/live/{'x' * 101}"])
def test_an_invalid_channel_is_explained(page: Page, backend: Backend, path: str) -> None:
    page.goto(path)
    expect(page.locator("h1:visible")).to_have_text("This channel does not exist")
    assert not [path for _, path in backend.requests if path.startswith("/api/viewer")]


def test_a_frame_for_an_invalid_channel_is_empty(page: Page, backend: Backend) -> None:
    page.goto("/embed/%3Cb%3E")
    expect(page.locator("cairn-viewers")).to_be_attached()
    expect(page.locator("cairn-viewers")).to_be_hidden()
