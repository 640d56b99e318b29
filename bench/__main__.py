"""`make bench` measures every budget of the design and writes docs/performance.md; `python -m bench PART …` a part."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from bench import (
    alert,
    costs,
    cpu,
    creators_costs,
    crowds,
    dashboards,
    frames,
    imports,
    page,
    paths,
    posts,
    ranks,
    strangers,
    units,
    usage_calls,
    usage_costs,
    usage_crm,
    usage_load,
    viewers,
    webhook_costs,
    webhooks,
)
from bench.figures import Section

# The costs are computed from what these measure.
_units = cache(units.measure)
_ranks = cache(ranks.measure)
_viewers = cache(viewers.measure)
_alert = cache(alert.measure)


def _costs() -> Section:
    _, run = _alert()
    return costs.measure(_units()[1], _ranks()[1], _viewers()[1], run.busy / alert.CHATS)


PARTS: Mapping[str, Callable[[], Section | Sequence[Section]]] = {
    "imports": imports.measure,
    "cpu": cpu.measure,
    "paths": paths.measure,
    "frames": frames.measure,
    "units": lambda: _units()[0],
    "ranks": lambda: _ranks()[0],
    "viewers": lambda: _viewers()[0],
    "crowds": crowds.measure,
    "posts": posts.measure,
    "alert": lambda: _alert()[0],
    "costs": _costs,
    "strangers": strangers.measure,
    "webhook_costs": webhook_costs.measure,
    "webhooks": webhooks.measure,
    "usage_costs": usage_costs.measure,
    "usage_load": usage_load.measure,
    "usage_calls": usage_calls.measure,
    "usage_crm": usage_crm.measure,
    "dashboards": dashboards.measure,
    "creators_costs": creators_costs.measure,
}


def main() -> None:
    """Measure, print each part when it is done, and write its sections to the page."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures, and writes docs/performance.md.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; without any, all")
    names = parser.parse_args().parts
    if unknown := set(names) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    measured: list[Section] = []
    for name in names or PARTS:
        found = PARTS[name]()
        sections = [found] if isinstance(found, Section) else list(found)
        for section in sections:
            print(f"\n{page.as_markdown(section)}", flush=True)
        measured += sections
    page.write(measured, keep_others=bool(names))
    print(f"written to {page.PAGE}")


if __name__ == "__main__":
    main()
