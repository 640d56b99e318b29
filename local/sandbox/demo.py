"""The demo: a first milestone within half a minute, and more in the following minutes.

Each channel starts just below a threshold, and its growth decides when it passes. The thresholds have at most three
significant figures, so that YouTube's rounding shows them as soon as they are reached.
"""

from dataclasses import dataclass

from local.sandbox.channels import Platform
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


def channels() -> list[dict[str, str]]:
    """The channels for Cairn to track: platform, handle, name."""
    return [{"platform": c.platform, "handle": f"@{c.handle}", "name": c.name} for c in CHANNELS]


def apply(world: World) -> None:
    """Let the channels grow from now on and two chats subscribe; the bot gets these updates once it has a webhook."""
    for wanted in CHANNELS:
        channel = world.channels.by_handle(wanted.platform, wanted.handle)
        if channel is None:
            channel = world.add_channel(wanted.platform, wanted.handle, name=wanted.name)
        channel.views, channel.videos = wanted.views, wanted.videos
        channel.set_growth(world.clock.now(), count=wanted.count, growth_per_second=wanted.growth_per_second)
    world.messenger.write(PERSON, "/start", "private", "Ada", None)
    world.messenger.write(GROUP, "/start", "group", "Trail crew", "Bela")
