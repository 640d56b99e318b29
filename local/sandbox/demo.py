"""The demo: a first milestone within half a minute, and more in the following minutes.

Each channel starts just below a threshold, and its growth decides when it passes. The thresholds have at most three
significant figures, so that YouTube's rounding shows them as soon as they are reached.
"""

from dataclasses import dataclass

from local.sandbox.channels import Platform
from local.sandbox.fanvue_accounts import uuid_of
from local.sandbox.world import World


@dataclass(frozen=True)
class DemoChannel:
    """A channel that reaches `milestone` `passes_after` seconds after the start of the demo."""

    platform: Platform
    handle: str
    name: str
    milestone: int
    passes_after: float
    growth_per_second: float
    views: int
    videos: int

    @property
    def count(self) -> int:
        return round(self.milestone - self.passes_after * self.growth_per_second)


CHANNELS = (
    DemoChannel("telegram", "night_trains", "Night Trains of Europe", 1_000, 20, 2, 0, 0),
    DemoChannel("youtube", "StoneAndTrail", "Stone & Trail", 100_000, 40, 12, 18_402_771, 264),
    DemoChannel("instagram", "lakeside.ceramics", "Lakeside Ceramics", 25_000, 100, 1.5, 0, 731),
    DemoChannel("youtube", "TinySynths", "Tiny Synths", 500, 190, 0.2, 48_210, 37),
)
PERSON, GROUP = 1001, -2001


@dataclass(frozen=True)
class DemoCreator:
    """A creator on Fanvue with a sale every few seconds."""

    name: str
    handle: str
    sales_every: float
    subscribers: int
    followers: int
    chats: int
    posts: int

    @property
    def uuid(self) -> str:
        return uuid_of(self.name)


CREATORS = (
    DemoCreator("Mira Vale", "mira.vale", 5, 412, 9_980, 618, 143),
    DemoCreator("Juno Hart", "juno.hart", 8, 187, 4_450, 245, 96),
    DemoCreator("Sol Reyes", "sol.reyes", 13, 64, 1_780, 88, 41),
)
HISTORY_DAYS = 120
"""Before today, on which the demo's creators earned already."""


def channels() -> list[dict[str, str]]:
    """The channels for Cairn to track: platform, handle, name."""
    return [{"platform": c.platform, "handle": f"@{c.handle}", "name": c.name} for c in CHANNELS]


def creators() -> list[dict[str, str]]:
    """The creators for Cairn to know: their ids on Fanvue, and their names."""
    return [{"externalId": one.uuid, "name": one.name} for one in CREATORS]


def apply(world: World) -> None:
    """Let channels and creators grow and two chats subscribe; the bot gets these updates once it has a webhook."""
    for wanted in CHANNELS:
        channel = world.channels.by_handle(wanted.platform, wanted.handle)
        if channel is None:
            channel = world.add_channel(wanted.platform, wanted.handle, name=wanted.name)
        channel.views, channel.videos = wanted.views, wanted.videos
        channel.set_growth(world.clock.now(), count=wanted.count, growth_per_second=wanted.growth_per_second)
    for one in CREATORS:
        if world.fanvue.accounts.find(one.uuid) is None:
            account = world.fanvue.accounts.put(one.uuid, one.name, one.handle)
            account.add_history(world.clock.now(), HISTORY_DAYS)
            account.subscribers, account.followers = one.subscribers, one.followers
            account.chats, account.posts = one.chats, one.posts
            world.fanvue.accounts.grow(account, one.sales_every)
    world.messenger.write(PERSON, "/start", "private", "Ada", None)
    world.messenger.write(GROUP, "/start", "group", "Trail crew", "Bela")
