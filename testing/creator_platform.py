"""A small platform on which creators earn: what it lists is the truth, and it can be changed between any two calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from cairn.clock import now
from cairn.creators.model import Earning
from cairn.creators.platforms import Audience, CreatorPlatform, Flow, Rows
from cairn.errors import CairnError

PAGE = 50
SECOND = timedelta(seconds=1)


def earning(
    at: datetime,
    gross: int = 1000,
    *,
    source: str = "tip",
    payer: str | None = "ann",
    currency: str | None = "USD",
    net: int | None = None,
    **more: Any,
) -> Earning:
    """A row as the platform lists it; `more` are further fields of the source, which only its identity has."""
    net = gross * 8 // 10 if net is None else net
    fields = {"date": at.isoformat(), "gross": gross, "net": net, "source": source, "user": payer, "cur": currency}
    return Earning(at, gross, net, currency, source, payer, None, {**fields, **more})


def newest_part(earnings: Sequence[Earning], since: datetime, until: datetime, size: int = PAGE) -> Rows:
    """What one answer is the whole truth of: as a client makes it from a list that shifts."""
    wanted = sorted((one for one in earnings if since <= one.at < until), key=lambda one: one.at, reverse=True)
    if len(wanted) <= size:
        return Rows(since, until, wanted)
    first = wanted[size - 1].at.replace(microsecond=0) + SECOND
    if first >= until or not any(one.at >= first for one in wanted[:size]):
        first = wanted[size - 1].at.replace(microsecond=0)  # a second that fills a page is read to its end
    first = max(first, since)
    return Rows(first, until, [one for one in wanted if one.at >= first])


@dataclass
class FakeCreatorPlatform:
    """Every creator's list, by the platform's id.

    An error in `errors` is raised in place of its creator's answers; `before` runs at each call.
    """

    page: int = PAGE
    earnings: dict[str, list[Earning]] = field(default_factory=dict)
    flows: dict[str, list[Flow]] = field(default_factory=dict)
    errors: dict[str, CairnError] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _external_id: None
    calls: list[tuple[str, str, datetime]] = field(default_factory=list)
    """The id, the kind of call, and when it was made."""

    def of(self, external_id: str) -> CreatorPlatform:
        return _Account(self, external_id)

    def add(self, external_id: str, *rows: Earning) -> None:
        self.earnings.setdefault(external_id, []).extend(rows)

    def change(self, external_id: str, row: Earning, **changes: Any) -> Earning:
        """Change a row in the list, so that it is another one."""
        changed = replace(row, **changes)
        fields = {**changed.fields, **{name: str(value) for name, value in changes.items()}}
        changed = replace(changed, fields=fields)
        rows = self.earnings[external_id]
        rows[rows.index(row)] = changed
        return changed


@dataclass
class _Account:
    platform: FakeCreatorPlatform
    external_id: str

    def account(self) -> str:
        return self.external_id

    def rows(self, since: datetime, until: datetime) -> Rows:
        self._call("rows")
        return newest_part(self.platform.earnings.get(self.external_id, []), since, until, self.platform.page)

    def audience(self, hints: str) -> Audience:
        self._call("audience")
        return Audience(None, None, None, None, hints)

    def flows(self, first: date, last: date) -> Sequence[Flow]:
        self._call("flows")
        return [one for one in self.platform.flows.get(self.external_id, []) if first <= one.day <= last]

    def _call(self, kind: str) -> None:
        self.platform.calls.append((self.external_id, kind, now()))
        self.platform.before(self.external_id)
        if error := self.platform.errors.get(self.external_id):
            raise error
