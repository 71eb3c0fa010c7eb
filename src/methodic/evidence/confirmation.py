"""Test scores of the confirmation, and who has none because it diverged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from methodic.plan import UnitRecord


@dataclass(frozen=True)
class Confirmed:
    """Finite test scores by name and seed, and the seeds that diverged.

    A seed is in one of the two: what a diverged member scored at its last finite state is left out,
    since half-trained weights are no result of the method.
    """

    scores: Mapping[str, Mapping[int, float]]
    lost: Mapping[str, frozenset[int]]

    def unreliable(self, name: str) -> bool:
        """Whether half or more of the confirmed members diverged."""
        lost = len(self.lost.get(name, ()))
        return lost > 0 and lost >= len(self.scores.get(name, ()))


def collect(
    confirmed: Sequence[UnitRecord], tests: Mapping[str, Sequence[tuple[int, float]]]
) -> Confirmed:
    """Sort the test scores (name → (seed, score)) into those that count and those that don't.

    Args:
        confirmed: records of the confirmation; they say which members diverged.
        tests: scores; one that isn't finite counts as diverged.
    """
    diverged: dict[str, set[int]] = {}
    for record in confirmed:
        for each in record.members:
            if each.status == "diverged":
                diverged.setdefault(each.member.recipe, set()).add(each.member.seed)
    scores: dict[str, dict[int, float]] = {}
    for name, pairs in tests.items():
        scores[name] = {}
        for seed, score in pairs:
            if not math.isfinite(score):
                diverged.setdefault(name, set()).add(seed)
            elif seed not in diverged.get(name, ()):
                scores[name][seed] = score
    return Confirmed(scores, {name: frozenset(seeds) for name, seeds in diverged.items()})
