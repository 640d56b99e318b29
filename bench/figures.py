"""The results of a measurement: ratios and counts with their budgets. Absolute times have none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a table; `met` is None when there is no budget and the figure is only for information."""

    name: str
    measured: str
    budget: str = "–"
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "**missed**", None: ""}[self.met]


@dataclass(frozen=True, slots=True)
class Section:
    """Figures, and the explanation that a reader needs."""

    title: str
    prose: str
    figures: tuple[Figure, ...]
    details: str = ""
    """Markdown below the table."""
    in_readme: str = ""
    """Markdown for the place in README.md that the page writes, too."""


def at_most(name: str, measured: float, budget: float, *, unit: str = "", shown: str = "") -> Figure:
    """A figure that is better when lower."""
    return Figure(name, shown or _formatted(measured, unit), f"≤ {_formatted(budget, unit)}", measured <= budget)


def at_least(name: str, measured: float, budget: float, *, unit: str = "", shown: str = "") -> Figure:
    """A figure that is better when higher."""
    return Figure(name, shown or _formatted(measured, unit), f"≥ {_formatted(budget, unit)}", measured >= budget)


def _formatted(value: float, unit: str) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return f"{text} {unit}".rstrip()
