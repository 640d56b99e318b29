"""`make bench`: measures every budget of the design and writes docs/performance.md."""

from __future__ import annotations

from pathlib import Path

from bench import alert, costs, crowds, frames, imports, posts, ranks, units, viewers
from bench.figures import Section

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """# Performance

Written by `make bench` (`python -m bench`), which takes about eight minutes and needs no AWS account; run it again
to reproduce the figures. Budgets apply to ratios and counts only, because absolute times depend on the machine. A meter
in botocore's event hooks ([testing/meter.py](../testing/meter.py)) counts calls and capacity units. It computes
DynamoDB's units by AWS's published rules, because emulators report them wrongly.
"""


def main() -> None:
    """Measure, print each section when it is done, and write the page."""
    counted, spent = units.measure()
    for section in counted:
        show(section)
    floor, floor_costs = ranks.measure()
    show(floor)
    viewing, viewer_costs = viewers.measure()
    show(viewing)
    show(import_times := imports.measure())
    show(frame_times := frames.measure())
    show(post_rates := posts.measure())
    show(load := crowds.measure())
    sent, run = alert.measure()
    show(sent)
    bills = [costs.markdown(spent, run.busy / alert.CHATS), costs.floor_markdown(floor_costs)]
    bills.append(costs.viewers_markdown(viewer_costs))
    print("\nCosts\n", *bills, sep="\n")
    sections = [import_times, frame_times, *counted, floor, viewing, load, post_rates, sent]
    text = "\n".join([HEAD, *map(as_markdown, sections), "## Costs\n", "\n\n".join(bills), ""])
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text)
    print(f"\nwritten to {PAGE.relative_to(Path.cwd())}" if PAGE.is_relative_to(Path.cwd()) else f"\nwritten to {PAGE}")


def show(section: Section) -> None:
    """Print a section."""
    print(f"\n{section.title}")
    for figure in section.figures:
        print(
            f"  {figure.name:<70} {figure.measured:>24}  {figure.budget:>14}  {figure.verdict.strip('*')}", flush=True
        )


def as_markdown(section: Section) -> str:
    """A section of the page, as Markdown."""
    rows = [f"| {figure.name} | {figure.budget} | {figure.measured} | {figure.verdict} |" for figure in section.figures]
    table = ["| figure | budget | measured | |", "|---|---|---|---|", *rows]
    return "\n".join([f"## {section.title}\n", section.prose, "", *table, ""])


if __name__ == "__main__":
    main()
