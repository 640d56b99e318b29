"""docs/performance.md: the sections of all measurements, in one order; a part of them can be measured again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.figures import Section

ROOT = Path(__file__).parents[1]
PAGE, README = ROOT / "docs" / "performance.md", ROOT / "README.md"
BEGIN, END = "<!-- python -m bench costs writes this table -->\n", "<!-- up to here -->"
HEAD = """# Performance

Written by `make bench` (`python -m bench`), which takes about ten minutes and needs no AWS account; `python -m bench
imports costs` measures these parts only, and replaces their sections.

Nothing here was measured in AWS.

- **Counts** (calls, capacity units, bytes, and the dollars that follow from them) are the same there, because the
  functions' own code makes the calls, against an account in this process. A meter in botocore's event hooks
  ([testing/meter.py](../testing/meter.py)) computes DynamoDB's units by AWS's published rules, since emulators report
  them wrongly.
- **Ratios** compare two things on this machine in one run, so that a slow or busy machine slows both.
- **Times** of a laptop say nothing about AWS: how long a call to DynamoDB, a cold start, or the way through a stream
  and a queue takes there, and how many requests a second AWS accepts, cannot be measured here.

Only counts and ratios have budgets.
"""


def write(measured: Iterable[Section], *, keep_others: bool) -> None:
    """Put these sections into the page: in the place of those with the same titles, or at the end."""
    texts = _sections(PAGE.read_text()) if keep_others and PAGE.exists() else {}
    sections = list(measured)
    texts |= {section.title: as_markdown(section) for section in sections}
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join([HEAD, *texts.values()]))
    for section in sections:
        if section.in_readme:
            before, _, rest = README.read_text().partition(BEGIN)
            README.write_text(f"{before}{BEGIN}\n{section.in_readme}\n\n{END}{rest.partition(END)[2]}")


def as_markdown(section: Section) -> str:
    """A section of the page, which ends with a line break."""
    rows = [f"| {figure.name} | {figure.budget} | {figure.measured} | {figure.verdict} |" for figure in section.figures]
    table = ["| figure | budget | measured | |", "|---|---|---|---|", *rows] if rows else []
    details = ["", section.details] if section.details else []
    return "\n".join([f"## {section.title}\n", section.prose, *([""] if table else []), *table, *details, ""])


def _sections(page: str) -> dict[str, str]:
    """The text of each section, by title."""
    _, *parts = ("\n" + page).split("\n## ")
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}
