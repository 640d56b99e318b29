"""What a measurement has to show: a ratio or a count beside its budget. Absolute times are never judged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row; `kept` is None where there is no budget, and the figure is there for information."""

    what: str
    seen: str
    budget: str = "–"
    kept: bool | None = None

    @property
    def verdict(self) -> str:
        return {True: "kept", False: "**missed**", None: ""}[self.kept]


@dataclass(frozen=True, slots=True)
class Section:
    """Some figures, and what one must know to read them."""

    title: str
    prose: str
    figures: tuple[Figure, ...]


def at_most(what: str, seen: float, budget: float, *, unit: str = "", shown: str = "") -> Figure:
    """A figure that is better the lower it is."""
    return Figure(what, shown or _written(seen, unit), f"≤ {_written(budget, unit)}", seen <= budget)


def at_least(what: str, seen: float, budget: float, *, unit: str = "", shown: str = "") -> Figure:
    """A figure that is better the higher it is."""
    return Figure(what, shown or _written(seen, unit), f"≥ {_written(budget, unit)}", seen >= budget)


def _written(value: float, unit: str) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return f"{text} {unit}".rstrip()
