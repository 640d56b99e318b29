"""How many items a list has that says of a page only its items and whether there are more: found from page to page.

The search goes on where the last one ended, in twice as large steps each time, so that a list that grows a little
costs one or two calls, and a new one of 1,000 pages about twenty.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_HINT = re.compile(r"(\d{1,7}):(\d{1,7}):(\d{1,7})?:(\d{1,7})")


@dataclass(frozen=True, slots=True)
class Page:
    items: int
    more: bool


@dataclass(slots=True)
class PageSearch:
    """The last page is after `low`, and before `high` if that is known; `page` is asked next."""

    page: int = 1
    low: int = 0
    high: int | None = None
    step: int = 1

    @classmethod
    def of(cls, hint: str) -> Self:
        """From an earlier answer; a hint that cannot be read starts at the beginning."""
        if not (read := _HINT.fullmatch(hint)):
            return cls()
        page, low, high, step = read.groups()
        return cls(max(1, int(page)), int(low), int(high) if high else None, max(1, int(step)))

    @property
    def hint(self) -> str:
        return f"{self.page}:{self.low}:{'' if self.high is None else self.high}:{self.step}"

    def learn(self, page: Page, size: int) -> int | None:
        """The number of items when `page`, the answer for the page that was asked, tells it."""
        if (page.items and not page.more) or (self.page == 1 and not page.items):
            total = size * (self.page - 1) + page.items
            self.low, self.high, self.step = 0, None, 1
            return total
        if page.items:
            self.low = self.page
            if self.high is not None and self.high <= self.low + 1:
                self.high, self.step = None, 1  # the list has grown since
        else:
            self.high = self.page
            if self.high <= self.low + 1:
                self.low, self.step = 0, 1  # the list has shrunk since
        self._choose()
        return None

    def _choose(self) -> None:
        if self.high is None:
            self.page = self.low + self.step
        elif self.low == 0:
            self.page = max(1, self.high - self.step)
        else:
            self.page = (self.low + self.high) // 2
        self.step = min(self.step * 2, 10**6)
