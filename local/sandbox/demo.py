"""A small world for a first look: a milestone passes within half a minute, others while one is still watching.

Each channel starts a little below a step of the ladder and its growth decides when it passes. The steps have at most
three significant figures, so YouTube's rounding shows them exactly when they are reached.
"""

from dataclasses import dataclass

from local.sandbox.channels import Platform
from local.sandbox.world import World


@dataclass(frozen=True)
class DemoChannel:
    """A channel that passes `milestone` so many seconds after the demo starts."""

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
    """What Cairn should track in the demo: platform, handle, name."""
    return [{"platform": c.platform, "handle": f"@{c.handle}", "name": c.name} for c in CHANNELS]


def apply(world: World) -> None:
    """Set the channels growing from now and let two chats subscribe; the bot hears of it once it has a webhook."""
    for wanted in CHANNELS:
        channel = world.channels.by_handle(wanted.platform, wanted.handle)
        if channel is None:
            channel = world.add_channel(wanted.platform, wanted.handle, name=wanted.name)
        channel.views, channel.videos = wanted.views, wanted.videos
        channel.set_growth(world.clock.now(), count=wanted.count, growth_per_second=wanted.growth_per_second)
    world.messenger.write(PERSON, "/start", "private", "Ada", None)
    world.messenger.write(GROUP, "/start", "group", "Trail crew", "Bela")
