"""`make bench`: every budget of the design that what is built so far can be held to, and docs/performance.md."""

from __future__ import annotations

from pathlib import Path

from bench import alert, costs, crowds, frames, imports, posts, ranks, units, viewers
from bench.figures import Section

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """# Performance

Written by `make bench` (`python -m bench`), which takes some eight minutes and needs no AWS account; run it again
to repeat the figures. They are ratios and counts; absolute times depend on the machine and are not judged. Calls and
capacity units come from a meter at botocore's edge ([testing/meter.py](../testing/meter.py)), which
works DynamoDB's units out by AWS's published rules: what emulators say of them is wrong.
"""


def main() -> None:
    """Measure, print as it goes, and write the page."""
    counted, spent = units.measure()
    for section in counted:
        show(section)
    floor, floor_spent = ranks.measure()
    show(floor)
    watched, viewers_spent = viewers.measure()
    show(watched)
    show(imported := imports.measure())
    show(framed := frames.measure())
    show(posted := posts.measure())
    show(crowded := crowds.measure())
    sent, run = alert.measure()
    show(sent)
    bills = [costs.markdown(spent, run.busy / alert.CHATS), costs.floor_markdown(floor_spent)]
    bills.append(costs.viewers_markdown(viewers_spent))
    print("\nCosts\n", *bills, sep="\n")
    sections = [imported, framed, *counted, floor, watched, crowded, posted, sent]
    text = "\n".join([HEAD, *map(written, sections), "## Costs\n", "\n\n".join(bills), ""])
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text)
    print(f"\nwritten to {PAGE.relative_to(Path.cwd())}" if PAGE.is_relative_to(Path.cwd()) else f"\nwritten to {PAGE}")


def show(section: Section) -> None:
    """A section on the terminal."""
    print(f"\n{section.title}")
    for figure in section.figures:
        print(f"  {figure.what:<70} {figure.seen:>24}  {figure.budget:>14}  {figure.verdict.strip('*')}", flush=True)


def written(section: Section) -> str:
    """A section of the page."""
    rows = [f"| {one.what} | {one.budget} | {one.seen} | {one.verdict} |" for one in section.figures]
    table = ["| what | budget | seen | |", "|---|---|---|---|", *rows]
    return "\n".join([f"## {section.title}\n", section.prose, "", *table, ""])


if __name__ == "__main__":
    main()
