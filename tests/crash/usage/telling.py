"""A product's users and a CRM, and what must hold when everything has settled, wherever a call failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cairn.clock import now
from testing.product import Product
from testing.usage_site import UsageSite, usage_site
from tests.crash.channels.way import silence
from tests.crash.explorer import Verdict

SWEEPS, APART = 5, timedelta(minutes=4)


@dataclass
class Telling:
    site: UsageSite
    product: Product

    def roll_over(self) -> None:
        """The schedule of a minute, whose invocation Lambda repeats when it fails."""
        self.site.webhooks.account.days.put({"source": "schedule"})
        self.site.settle()

    def verdict(self, expected: Collection[str], **about: tuple[object, object]) -> Verdict:
        """Let everything settle; compare what the CRM was told, by `told`, and what is stored, by name."""
        account = self.site.webhooks.account
        for _ in range(SWEEPS):
            account.sweep.put({"source": "schedule"})
            account.run(now() + APART)
        self.site.settle()
        receiver = self.site.webhooks.receiver(self.site.crm)
        bodies = dict(zip(receiver.ids, self.site.told, strict=True))
        got = Counter(map(told, bodies.values()))
        lost = [f"the CRM was not told {one}" for one in expected if one not in got]
        wrong = [f"the CRM was told {one} {times} times" for one, times in got.items() if times > 1]
        wrong += [f"the CRM was told {one}" for one in got if one not in expected]
        wrong += [f"{name} is {found} and not {wanted}" for name, (found, wanted) in about.items() if found != wanted]
        left = {name: found for name, found in account.left_behind().items() if name != "day rollover failures"}
        wrong += [f"{name}: {found}" for name, found in left.items()]
        return Verdict(tuple(lost), tuple(wrong), len(receiver.received) - len(bodies))


def told(body: Mapping[str, Any]) -> str:
    """What a body is about: the event, and the milestone's id or the day."""
    metadata = body["metadata"]
    about = metadata.get("milestone") or metadata.get("date") or metadata.get("source")
    return f"{body['event']} {about}"


@contextmanager
def telling(zone: str = "UTC") -> Iterator[Telling]:
    """A fresh account without users."""
    with silence(), usage_site(zone) as site:
        yield Telling(site, Product(site.webhooks.account.cloud))
