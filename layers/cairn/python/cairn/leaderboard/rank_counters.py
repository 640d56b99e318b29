"""How many scores are higher, from a tree of counters: as many reads for ten reps as for a million.

A score in cents is written as its number of digits and then its digits in pairs: $54,321.00 is 7, 5, 43, 21, 00. Each
of these is a branch of the node that those before it lead to, and a node counts the scores behind each of its branches.
The scores higher than a given one are those behind the higher branches along its path, which has eight nodes at most.
When a score changes, only the counters below the point where its old and new paths part are updated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from cairn.model import Number

BranchCounts = Mapping[str, Mapping[str, int]]
"""By node name: how many scores are behind each of the node's branches."""

ROOT = ""
SCORE_LIMIT = 10**12
"""Exclusive, in dollars: from there on, a JSON number would not be exact in every client."""


def path(score: Number) -> list[tuple[str, str]]:
    """The nodes and branches of a score. ValueError for one that is below zero, too high, or finer than cents."""
    cents = Decimal(score) * 100
    if not 0 <= cents < SCORE_LIMIT * 100 or cents != cents.to_integral_value():
        raise ValueError(f"a score must be from 0 to below {SCORE_LIMIT:,}, in whole cents, not {score}")
    digits = str(int(cents))
    first = len(digits) % 2 or 2
    pairs = [digits[:first].zfill(2), *(digits[at : at + 2] for at in range(first, len(digits), 2))]
    branches = [f"{len(digits):02d}", *pairs]
    return [(".".join(branches[:depth]), branch) for depth, branch in enumerate(branches)]


def changes(old: Number | None, new: Number | None) -> dict[str, dict[str, int]]:
    """By how much each counter changes when a score changes; None stands for no score."""
    changes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for score, by in ((old, -1), (new, 1)):
        for node, branch in path(score) if score is not None else ():
            changes[node][branch] += by
    nonzero = {node: {branch: by for branch, by in branches.items() if by} for node, branches in changes.items()}
    return {node: branches for node, branches in nonzero.items() if branches}


def nodes(scores: Iterable[Number]) -> list[str]:
    """The nodes from which the ranks of these scores are computed."""
    return sorted({node for score in scores for node, _ in path(score)})


def higher(score: Number, counts: BranchCounts) -> int:
    """How many scores are higher than this one."""
    return sum(count for node, branch in path(score) for other, count in counts.get(node, {}).items() if other > branch)


def total(counts: BranchCounts) -> int:
    """How many scores there are, from the root."""
    return sum(counts.get(ROOT, {}).values())
