"""What the sections of cohorts.py share: how long to measure, and which claims hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import _hosts as hosts
import _shared as shared

SAME = 0.01  # of the reference's way: whoever is farther off does another job
# The same for other libraries: scikit-learn and Keras add Adam's epsilon to another root, which is
# 1.2% on the second network and 4.2% on the third, with its smaller gradients.
NEARLY = 0.1
ROUNDED = 0.1  # the same for bfloat16, whose numbers have two to three digits


@dataclass(frozen=True)
class Goal:
    """A claim, what it wants and what was measured."""

    claim: str
    wanted: float
    measured: float
    void: bool
    at_most: bool = False
    percent: bool = False

    def row(self) -> list[str]:
        """Of the table of claims."""
        holds = self.measured <= self.wanted if self.at_most else self.measured >= self.wanted
        sign = "≤" if self.at_most else "≥"
        wanted, measured = (
            f"{x:.1%}" if self.percent else f"{x:.2f}×" for x in (self.wanted, self.measured)
        )
        verdict = "void" if self.void else "yes" if holds else "**no**"
        return [self.claim, f"{sign} {wanted}", measured, verdict]


@dataclass
class Bench:
    """A run of the benchmark.

    Args:
        report: where to print.
        quick: does it run?
        scratch: a folder for compiled code.
        compiled: the engine can compile on this machine.
        seconds: of one measurement.
        count, extra: quiet rounds that are wanted, and how many may be done again.
        goals: what was claimed so far.
    """

    report: shared.Report
    quick: bool
    scratch: Path
    compiled: bool
    seconds: float
    count: int
    extra: int
    goals: list[Goal] = field(default_factory=list)

    def rounds(
        self, what: str, cases: Mapping[str, Callable[[], float]], count: int | None = None
    ) -> hosts.Rates:
        """Let the cases take turns; see `_hosts.rounds`."""
        wanted = self.count if count is None or self.quick else count
        rates = hosts.rounds(self.report, what, cases, wanted, 0 if self.quick else self.extra)
        self.report.raw.setdefault("rounds", {})[what] = {"void": rates.void, "rates": rates.each}
        return rates

    def check(self, team: hosts.Team, key: str, name: str, same: float = SAME) -> None:
        """Let the first host take a few steps and compare them with the reference.

        Raises:
            RuntimeError: it does something else.
        """
        found = team.deviation(key)
        if found is None:
            return
        self.report.raw.setdefault("deviations", {})[name] = found
        if not found < same:
            raise RuntimeError(f"{name} trains something else: {found:.2%} off the reference")

    def cache(self, name: str) -> dict[str, str]:
        """A fresh place for compiled code."""
        folder = self.scratch / name
        folder.mkdir(parents=True)
        return {"XDG_CACHE_HOME": str(folder)}

    def shared_cache(self) -> dict[str, str]:
        """A place for compiled code where it doesn't matter who compiles."""
        folder = self.scratch / "shared"
        folder.mkdir(exist_ok=True)
        return {"XDG_CACHE_HOME": str(folder)}

    def print_goals(self) -> None:
        """The table of claims."""
        self.report.say("\n### Claims")
        self.report.table(
            ["claim", "wanted", "measured", "holds"], [goal.row() for goal in self.goals]
        )
        self.report.raw["goals"] = [goal.row() for goal in self.goals]
