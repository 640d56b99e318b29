"""Three weeks in the life of an account, and then the seconds in which a new release arrives.

Every kind of item, message and cookie comes into being here, in every state in which an upgrade may find it. Functions
are called with the events that AWS and clients bring, so that a later release can play the same scenario. A new kind of
item, message or cookie is added here by the issue that brings it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.upgrade import product
from tests.upgrade.site import SCHEDULE, Site, channel_path

UPGRADE = datetime(2026, 12, 10, 12, tzinfo=UTC)
CATS, DOGS, BATS, LOST = (f"youtube:UC{name:0<22}" for name in ("cats", "dogs", "bats", "lost"))
NEWS, CHAT, PICS = "telegram:-1001", "telegram:-1002", "instagram:17841001"
HANDLES = {NEWS: "newsroom", CHAT: "chatroom", PICS: "pics"}
FIRST_COUNTS: dict[str, int | None] = {
    CATS: 9_120,
    DOGS: 940,
    BATS: None,
    LOST: 1_500,
    NEWS: 2_400,
    CHAT: 300,
    PICS: 9_900,
}
DEMO, STADIUM = "demo", "stadium"
EARLY, LATE = range(1001, 1020), range(1020, 1035)
"""Private chats that subscribe in November, and in December."""
GROUP, MIGRATED_GROUP = -2001, -1002001
LEFT_CHAT, BLOCKED_CHAT, MUTE_CHAT = 1019, 1025, 1022
REFUSING_CHAT = 999
"""A stranger's."""
DUE = {
    "alerts": [("Cats", "25K"), ("Pics", "10K"), ("Newsroom", "5K"), ("Dogs", "1K")],
    "reps": ["rep:1/revenue/2026-12/50000", "rep:2/revenue/2026-12/50000", "rep:2/signups/2026-12/10"],
}
"""What was passed in the last minutes and is left to the next release to announce: to subscribers, and in rooms."""


@dataclass
class Story:
    """What clients hold, and what was done, beside what is stored."""

    site: Site
    keys: dict[str, str] = field(default_factory=dict)
    reps: dict[str, int] = field(default_factory=dict)
    pages: dict[str, dict[str, str]] = field(default_factory=dict)
    """Pages that watch by heartbeats: channel, viewer and token."""
    sockets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Open sockets and their rooms."""
    tickets: list[str] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    """Stream records of the last minutes that the functions have processed."""
    untaken: list[dict[str, Any]] = field(default_factory=list)
    """Stream records that Lambda brings after the upgrade, again or for the first time."""
    delivered: list[dict[str, Any]] = field(default_factory=list)
    """Messages that were processed, and that SQS may deliver again."""
    set_cookies: list[str] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    """Telegram's updates that were answered."""
    read: int = 0

    # -- clients

    def admin(self, method: str, path: str, body: object = None) -> Any:
        answer = self.site.api(method, path, body, key=self.keys["admin"])
        assert answer.status < 300, answer.text
        return answer.json if answer.text else None

    def update(self, name: str, **stats: float) -> None:
        self.admin("POST", f"/api/leaderboard/sales-reps/{self.reps[name]}/update-stats", stats)

    def hear(self, chat: int, text: str, **message: Any) -> None:
        """A message to the bot."""
        kind = "private" if chat > 0 else "group"
        title = {"first_name": f"Chat {chat}"} if chat > 0 else {"title": f"Group {-chat}"}
        update = {
            "update_id": 5000 + len(self.updates),
            "message": {"chat": {"id": chat, "type": kind, **title}, "text": text, **message},
        }
        self.updates.append(update)
        self.site.telegram(update)

    def sign_in(self, name: str) -> dict[str, str]:
        """The cookies that a browser keeps."""
        answer = self.site.api("POST", "/api/session", {"name": name, "password": product.PASSWORD})
        assert answer.status == 200, answer.text
        pairs = [cookie.partition(";")[0].partition("=") for cookie in answer.cookies]
        self.set_cookies += [
            cookie.replace(value, "VALUE") for cookie, (_, _, value) in zip(answer.cookies, pairs, strict=True)
        ]
        return {given: value for given, _, value in pairs}

    def connect(self, connection_id: str, *rooms: str, ticket: str | None = None, viewer: str | None = None) -> None:
        assert self.site.connect(connection_id, ticket) == 200
        for room in rooms:
            given = {"viewer": viewer} if viewer else {}
            answer = self.site.send(connection_id, action="join", room=room, **given)
            assert answer["event"] == "joined", answer
        self.sockets[connection_id] = {"rooms": list(rooms), "viewer": viewer}

    def ticket(self, **caller: Any) -> str:
        answer = self.site.api("POST", "/api/ws-ticket", **caller)
        assert answer.status == 200, answer.text
        return str(answer.json["ticket"])

    def watch(self, name: str, channel: str, viewer: str | None = None) -> None:
        """A page joins a channel as a viewer."""
        answer = self.site.viewer("join", channel, viewer_of(viewer or name))
        assert answer.status == 200, answer.text
        self.pages[name] = {"channel": channel, "viewer": answer.json["viewerId"], "token": answer.json["token"]}

    # -- what AWS brings

    def tick(self) -> None:
        self.site.call("fetch_stats", SCHEDULE)

    def fresh(self) -> list[dict[str, Any]]:
        """The stream records since the last look."""
        records = self.site.records()[self.read :]
        self.read += len(records)
        return records

    def detect(self, record: dict[str, Any]) -> None:
        assert self.site.call("detect_milestone", {"Records": [record]}) == {"batchItemFailures": []}

    def take(self) -> None:
        """Process every new record."""
        while records := self.fresh():
            for record in records:
                self.detect(record)
                self.site.call("record_history", {"Records": [record]})
            self.taken += records

    def deliver(self, queue: str, *, batches: int = 100) -> None:
        """Bring what is due now; SQS may bring it again later."""
        for _ in range(batches):
            before = self.site.waiting(queue)
            self.site.step(queue)
            after = self.site.waiting(queue)
            self.delivered += [one for one in before if one not in after]

    def count(self) -> None:
        """Count the viewers who came just now, and store it."""
        self.site.bring("count", self.site.now + timedelta(seconds=1))


def viewer_of(name: str) -> str:
    return f"viewer-{name}".ljust(22, "0")


def play(site: Site) -> Story:
    story = Story(site)
    for step in (_setting_up, _first_milestones, _end_of_month, _december, _opening_sockets, _last_minutes):
        step(story)
    site.advance_to(UPGRADE)
    return story


def _setting_up(story: Story) -> None:
    site = story.site
    site.world.counts.update(FIRST_COUNTS)
    site.world.names.update(HANDLES)
    story.keys = {
        "admin": product.make_key(site.account, "recorder", ["admin"], site.now),
        "screen": product.make_key(site.account, "screen", ["analytics", "leaderboard"], site.now),
    }
    site.account.cloud.people.add("ada", "leaderboard", "analytics")
    site.account.cloud.people.add("bob", "analytics")
    for channel in FIRST_COUNTS:
        platform, _, native_id = channel.partition(":")
        handle = HANDLES.get(channel, native_id)
        story.admin("POST", "/api/channels", {"platform": platform, "handle": handle})
    for chat in (*EARLY, GROUP):
        story.hear(chat, "/start")
        site.run(site.now + timedelta(seconds=1))
    hired: dict[str, dict[str, object]] = {
        "Ada": {"team": "North", "avatar": "A", "userId": "ada", "monthlyRevenueGoal": 20000},
        "Bob": {"userId": "bob"},
        "Cyd": {},
        "Dan": {"team": "South"},
        "Eve": {"monthlyRevenueGoal": 8000.5},
    }
    for name, described in hired.items():
        story.reps[name] = story.admin("POST", "/api/leaderboard/sales-reps", {"name": name, **described})["id"]
    site.run(site.now + timedelta(minutes=5))


def _first_milestones(story: Story) -> None:
    """A day later: channels pass milestones, reps too, and one of each is lost."""
    site = story.site
    site.run(datetime(2026, 11, 21, 9, tzinfo=UTC))
    site.world.counts.update({CATS: 10_150, NEWS: 2_600})
    del site.world.counts[LOST]
    story.tick()
    story.update("Ada", monthlyRevenue=12000)
    story.update("Bob", monthlyRevenue=26000.55, yearlyRevenue=180000.25)
    story.update("Cyd", monthlySignups=21, monthlyGrowth=12.5)
    story.update("Dan", monthlyRevenue=500)
    badge = {"name": "Early Bird", "description": "Ten sign-ups", "emoji": "E", "rule": "signups", "threshold": 10}
    story.admin("PUT", "/api/leaderboard/badges/early-bird", {**badge, "active": False})
    site.run(site.now + timedelta(minutes=10))
    story.admin("DELETE", f"/api/leaderboard/sales-reps/{story.reps['Dan']}")
    story.hear(GROUP, "", migrate_to_chat_id=MIGRATED_GROUP)
    chat = {"id": LEFT_CHAT, "type": "private", "first_name": "Gone"}
    kicked = {"update_id": 4999, "my_chat_member": {"chat": chat, "new_chat_member": {"status": "kicked"}}}
    site.telegram(kicked)
    site.run(site.now + timedelta(minutes=10))


def _end_of_month(story: Story) -> None:
    """The month begins for all reps but Eve: the function dies before her."""
    site = story.site
    site.run(datetime(2026, 11, 30, 20, tzinfo=UTC))
    story.update("Ada", monthlyRevenue=21000)
    story.update("Eve", monthlyRevenue=5000.75, monthlySignups=3)
    site.run(datetime(2026, 12, 1, 0, 5, tzinfo=UTC))
    with site.dying(f"{'month_rollover'}: dynamodb PutItem", turn=4):
        site.call("month_rollover", SCHEDULE)
    site.run(site.now + timedelta(minutes=5))


def _december(story: Story) -> None:
    """More subscribers, more sales, and a live channel that passes its first milestone."""
    site = story.site
    site.run(datetime(2026, 12, 9, 10, tzinfo=UTC))
    site.world.counts.update({CATS: 11_200, DOGS: 960})
    story.tick()
    site.run(datetime(2026, 12, 10, 9, tzinfo=UTC))
    story.update("Ada", monthlyRevenue=26000)
    story.update("Bob", monthlyRevenue=11000.1)
    story.update("Cyd", monthlyRevenue=9000)
    for number in range(11):
        story.watch(f"early{number}", DEMO)
    story.pages.clear()  # they go without notice
    site.run(site.now + timedelta(minutes=3))
    for chat in LATE:
        story.hear(chat, "/start")
        site.run(site.now + timedelta(seconds=1))


def _opening_sockets(story: Story) -> None:
    """Twenty minutes before the upgrade; from here on only what is named is brought to a function."""
    site = story.site
    site.run(UPGRADE - timedelta(minutes=20))
    product.deliver_in_parts_beyond(2)
    ada, bob = story.sign_in("ada"), story.sign_in("bob")
    story.connect("ada", "tv-display", "user:ada", ticket=story.ticket(cookies=ada))
    story.connect("bob", "user:bob", ticket=story.ticket(cookies=bob))
    for wall in ("wall1", "wall2"):
        story.connect(wall, "tv-display", ticket=story.ticket(key=story.keys["screen"]))
    story.connect("anna", f"channel:{DEMO}", viewer=viewer_of("anna"))
    for stranger in ("hal", "ghost"):
        story.connect(stranger, f"channel:{DEMO}")
    site.run(UPGRADE - timedelta(minutes=15))
    story.read = len(site.records())
    story.update("Bob", monthlyRevenue=25500)
    story.take()
    site.advance_to(site.now + timedelta(seconds=2))
    story.deliver("broadcast")


def _last_minutes(story: Story) -> None:
    for minutes, step in (
        (10, _alert_under_way),
        (4, _sockets_come_and_go),
        (3, _channels_fetched),
        (0.9, _stadium_fills),
        (0.5, _sales),
        (0.2, _last_seconds),
    ):
        story.site.advance_to(UPGRADE - timedelta(minutes=minutes))
        step(story)


def _alert_under_way(story: Story) -> None:
    """An alert in four parts: finished, left by a dead sender, given back with doubts, and not begun."""
    site = story.site
    site.world.counts[CATS] = 25_300
    site.api("POST", f"{channel_path(CATS)}/refresh", key=story.keys["admin"])
    story.take()
    for one in ('"type":"alert"', '"number":0'):
        before = site.waiting("notify")
        if any(one in message["body"] for message in before):  # 0.1.0 had a message for the first part
            site.bring_one(one)
        story.delivered += [message for message in before if message not in site.waiting("notify")]
    with site.dying("notify: POST sendMessage", turn=4):
        site.bring_one('"number":1')
    site.world.mute.add(str(MUTE_CHAT))
    site.world.blocked.add(str(BLOCKED_CHAT))
    site.bring_one('"number":2')
    site.world.mute.clear()
    _retry(story)


def _retry(story: Story) -> None:
    """An operator lets a message that failed be sent again."""
    site = story.site
    site.world.blocked.add(str(REFUSING_CHAT))
    story.hear(REFUSING_CHAT, "/help")
    answered = story.updates[-1]["update_id"]
    site.bring_one('"type":"reply"')
    product.reopen(site.account, f"reply/{answered}", site.now)
    product.know_the_announcement_channel(site.account, "@cairn", "-1003", site.now)


def _sockets_come_and_go(story: Story) -> None:
    site = story.site
    story.connect("closed", f"channel:{DEMO}")
    site.disconnect("closed")
    del story.sockets["closed"]
    story.connect("left", f"channel:{DEMO}")
    site.send("left", action="leave", room=f"channel:{DEMO}")
    story.sockets["left"]["rooms"] = []
    story.connect("silent")
    story.count()
    story.take()
    story.deliver("broadcast")


def _channels_fetched(story: Story) -> None:
    """One milestone is claimed and not announced, one is announced and not noted, one record is not brought at all."""
    site = story.site
    site.world.counts.update({PICS: 10_050, NEWS: 5_010, DOGS: 1_003, CHAT: 505})
    site.api("POST", f"{channel_path(PICS)}/refresh", key=story.keys["admin"])
    (claimed,) = story.fresh()
    with site.dying("detect_milestone: sqs SendMessageBatch"):
        story.detect(claimed)
    site.world.slow["telegram"] = 41.0  # what is left of the sweep then goes on the queue
    story.tick()
    site.world.slow.clear()
    (news,) = story.fresh()
    with site.dying("detect_milestone: sqs SendMessageBatch", after=True):
        story.detect(news)
    site.api("POST", f"{channel_path(DOGS)}/refresh", key=story.keys["admin"])
    story.untaken += [claimed, news, *story.fresh()]


def _stadium_fills(story: Story) -> None:
    """A channel whose viewers are spread, and counts that died half way."""
    site = story.site
    story.watch("again", "again")
    product.spread_viewers_beyond(3)
    for name in ("uma", "vic", "wes", "yan"):
        story.watch(name, STADIUM)
    for _ in ("grow", "use the new level"):
        site.advance_to(site.now + timedelta(seconds=4))
        story.count()
    product.spread_viewers_beyond(5000)
    story.watch("xia", STADIUM)
    story.watch("uma2", STADIUM, viewer="uma")
    story.connect("stella", f"channel:{STADIUM}", viewer=viewer_of("stella"))
    story.connect("rex", f"channel:{STADIUM}", viewer=viewer_of("vic"))
    story.count()
    story.take()
    story.deliver("broadcast", batches=1)  # the stadium's state is left to parts
    story.watch("pia", DEMO)
    story.connect("pia", f"channel:{DEMO}", viewer=viewer_of("pia"))
    story.count()
    story.take()
    site.advance_to(site.now + timedelta(seconds=3))
    story.watch("mia", STADIUM)
    with site.dying("viewer_heartbeat: dynamodb UpdateItem", after=True):
        site.api("GET", "/api/viewer/count/again", function="viewer_heartbeat")
    site.viewer("join", "kiosk", viewer_of("kiosk"))
    with site.dying("count_viewers: dynamodb UpdateItem", turn=3, after=True):
        story.count()


def _sales(story: Story) -> None:
    """The board is to be refreshed; one sale's events are sent and not noted; one sale is not detected yet."""
    site = story.site
    story.update("Cyd", monthlyRevenue=9100)
    story.take()
    site.advance_to(site.now + timedelta(seconds=1))
    story.update("Ada", monthlyRevenue=51000)
    sold, *podium = story.fresh()
    with site.dying("detect_milestone: sqs SendMessageBatch", after=True):
        story.detect(sold)
    site.advance_to(site.now + timedelta(seconds=1))
    story.update("Bob", monthlyRevenue=50500, monthlySignups=12)
    story.untaken += [sold, *podium, *story.fresh()]


def _last_seconds(story: Story) -> None:
    site = story.site
    site.world.limited.add("instagram")
    site.api("POST", f"{channel_path(PICS)}/refresh", key=story.keys["admin"])
    with site.dying("api: GET channels"):
        site.api("POST", f"{channel_path(CATS)}/refresh", key=story.keys["admin"])
    story.hear(EARLY[0], "/help")
    site.world.hold_seconds = 30
    site.bring_one('"type":"reply"')
    story.hear(EARLY[1], "/status")
    site.bring_one(f'"chat_id":"{EARLY[1]}"')
    story.tickets.append(story.ticket(cookies=story.sign_in("ada")))
    assert site.api("DELETE", "/api/session", cookies=story.sign_in("ada")).status == 204
    product.sign_out_everywhere(site.account, "gus", site.now)
    product.queue_webhooks(site.now)
    site.vanish("ghost")
