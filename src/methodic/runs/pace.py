"""How fast a run goes and how long it will take, for whoever watches it; nothing depends on it.

About once a second workers write how many steps their units' members have taken.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from methodic.plan import Plan, Unit
from methodic.runs.machine.speed import WIDTH

WINDOW = 10.0  # seconds over which the rate is taken


class Pace:
    """What is done, what is under way and what lies ahead of one execution of a plan.

    Args:
        plan: says what was measured.
        counts: the folder in which units under way count their steps, a file for each.
        workers: processes; 0 counts as 1.
        finalists: methods that will be confirmed, at most.
    """

    def __init__(self, plan: Plan, counts: Path, workers: int, finalists: int) -> None:
        self._counts = counts
        self._workers = max(workers, 1)
        self._milliseconds = {c.recipe.name: c.milliseconds for c in plan.contenders}
        screen = [self._measured(unit) for unit in (*plan.screen, *plan.train)]
        self._ahead = {u.id: s for u, s in zip((*plan.screen, *plan.train), screen, strict=True)}
        self._searching = 0.0 if plan.search is None else plan.search.seconds
        if plan.search is not None:  # its units aren't known yet
            screen = [sum(c.steps) * c.milliseconds / 1000 for c in plan.contenders]
        confirm, self._confirmed, self._later = plan.confirm, 0.0, 0.0
        if confirm is not None and screen:
            self._confirmed = confirm.scale * sum(screen) / len(screen)
            blocks = -(-len(confirm.seeds) // confirm.block)
            self._later = self._confirmed * finalists * blocks
        self._planned = self._spent = 0.0  # seconds of the units that are done
        self._steps = 0  # of their members
        self._lengths: dict[str, int] = {}  # member-steps of a unit
        self._known: dict[str, int] = {}
        self._seen: deque[tuple[float, int]] = deque()

    def begin(self) -> None:
        """Forget what an execution before this one left; nobody else works on the run now."""
        for path in self._files():
            with contextlib.suppress(OSError):
                path.unlink()
        self._seen.append((time.monotonic(), 0))

    def announce(self, units: Sequence[Unit]) -> None:
        """All units of a phase are known now."""
        for unit in units:
            if unit.phase == "screen" and unit.segments:
                self._ahead[unit.id] = self._measured(unit)
                self._searching = max(0.0, self._searching - self._ahead[unit.id])
        if any(unit.phase == "confirm" for unit in units):
            self._later = self._searching = 0.0
            self._ahead |= {unit.id: self._confirmed for unit in units}
        if any(unit.phase == "ablate" for unit in units):  # as long as the method's own units
            self._ahead |= {unit.id: self._confirmed for unit in units}
        self._lengths |= {unit.id: unit.until * len(unit.members) for unit in units}

    def skip(self, units: Iterable[Unit]) -> None:
        """Units that won't be done, or were before this execution."""
        for unit in units:
            self._ahead.pop(unit.id, None)

    def done(self, unit: Unit, seconds: float, steps: int) -> None:
        """A unit is finished.

        Args:
            unit: which.
            seconds: that it took.
            steps: of all its members.
        """
        self._planned += self._ahead.pop(unit.id, 0.0)
        self._spent += seconds
        self._steps += steps

    def rate(self) -> float:
        """Steps of single models per second, over the last seconds."""
        now = time.monotonic()
        steps = self._steps + sum(self._under_way().values())
        if self._seen:  # a unit's record may come a moment after its file went
            steps = max(steps, self._seen[-1][1])
        self._seen.append((now, steps))
        while len(self._seen) > 2 and self._seen[1][0] < now - WINDOW:
            self._seen.popleft()
        before, first = self._seen[0]
        return (steps - first) / max(now - before, 1e-9) if now > before else 0.0

    def left(self) -> float | None:
        """Seconds until all units are done, as far as can be told; None if nothing was measured."""
        ahead = sum(self._ahead.values()) + self._searching + self._later
        for name, steps in self._under_way().items():
            share = steps / max(self._lengths.get(name, 0), 1)
            ahead -= self._ahead.get(name, 0.0) * min(share, 1.0)
        if not ahead and self._ahead:
            return None
        slower = self._spent / self._planned if self._planned else 1.0
        return ahead * slower / self._workers

    def confirmation(self) -> float:
        """Seconds that the confirmation should take, judged by what took longer until now."""
        slower = self._spent / self._planned if self._planned else 1.0
        return self._later * max(slower, 1.0) / self._workers

    def _measured(self, unit: Unit) -> float:
        """Seconds that a cohort of the screening should take."""
        step = self._milliseconds[unit.members[0].recipe] / 1000
        if not unit.segments:
            return sum(unit.steps) * step
        # Of a search's cohorts one of `WIDTH` members was measured, and all get as many rows.
        return unit.until * step * len(unit.members) / WIDTH

    def _under_way(self) -> dict[str, int]:
        """Unit → steps of its members that are taken."""
        found: dict[str, int] = {}
        for path in self._files():
            with contextlib.suppress(OSError, ValueError):  # gone, or being written just now
                self._known[path.name] = int(path.read_text(encoding="utf-8"))
            found[path.name] = self._known.get(path.name, 0)
        return {unit: steps for unit, steps in found.items() if unit in self._ahead}

    def _files(self) -> list[Path]:
        return list(self._counts.iterdir()) if self._counts.is_dir() else []
