"""Doing units of work with a pool, block by block, and keeping how far a run has come.

What is finished lies in records/; a unit that has its record is never done again, so a run goes on
after Ctrl-C, a kill or a power cut with the same results. A unit goes on from its last checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path

from methodic.engine.keeper import INTERVAL
from methodic.engine.workers import Pool
from methodic.evidence import design
from methodic.files import read_json, write_text
from methodic.metrics import get_metric
from methodic.plan import Amendment, Phase, Plan, RunState, Unit, UnitRecord
from methodic.report.progress import Quiet
from methodic.runs import paths, tasks
from methodic.runs.given import NOTHING, Given
from methodic.runs.pace import Pace
from methodic.runs.plans.planning import TAIL, TAIL_SECONDS
from methodic.runs.plans.units import block_of

CHECKPOINTS = INTERVAL  # seconds between those of a unit


class Crew:
    """The workers of one execution, what they have done, and what is left of the time.

    Args:
        folder: the run's; work/ holds the prepared data.
        plan: frozen.
        pool: started workers.
        progress: told what happens.
        started: `time.monotonic()` at which the budget began to run.
        given: what the user brought.

    Attributes:
        state: how far the run has come; RUN/run.json.
        finalists: at most so many methods are confirmed.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        pool: Pool,
        progress: Quiet,
        started: float,
        given: Given = NOTHING,
    ) -> None:
        self.folder = folder
        self.plan = plan
        self.pool = pool
        self.progress = progress
        self.started = started
        self.given = given
        self.metric = get_metric(plan.metric, plan.data.task)
        self.state = _read_state(folder)
        self.plan_json = plan.model_dump_json()
        self.done = 0
        confirm = plan.confirm
        most = 0 if confirm is None else min(len(plan.contenders), confirm.finalists + 1)
        self.finalists = most
        self.pace = Pace(plan, paths.counts_path(folder), pool.workers, most)
        self.leader: str | None = None
        self._deaths = pool.deaths  # of workers, as the user knows
        self._folder = folder / "records"
        self._read: dict[str, UnitRecord] = {}

    def units(self, phase: Phase, units: Sequence[Unit]) -> None:
        """Do all units of a phase, block by block; later blocks only if time is left for them."""
        dropped = {b for a in self.state.amendments if a.phase == phase for b in a.blocks}
        waiting: set[Future[str]] = set()
        spent: list[float] = []
        self.pace.announce(units)
        for block in sorted({unit.block for unit in units}):
            todo = [unit for unit in units if unit.block == block]
            if block in dropped:
                self.pace.skip(todo)
                continue
            if self._finished(todo):
                self._advance(todo)
                continue
            waiting, seconds = self._wait(waiting, max(self.pool.workers - 1, 0))
            spent += seconds
            if block > 0 and not self._fits(phase, len(waiting), todo, spent):
                rest = tuple(sorted({unit.block for unit in units if unit.block >= block}))
                self.drop(phase, rest, "the machine turned out slower than measured")
                self.pace.skip(unit for unit in units if unit.block >= block)
                break
            for unit in todo:
                if paths.record_path(self.folder, unit.id).exists():
                    self._advance([unit])
                else:
                    waiting.add(self.begin(unit))
        self._wait(waiting, 0)

    def begin(self, unit: Unit) -> Future[str]:
        """Give a unit to the workers; what it leaves are files, its future has its id."""
        return self.pool.submit(
            tasks.train_unit,
            self.folder,
            self.plan_json,
            unit.model_dump_json(),
            CHECKPOINTS,
            self.given,
            name=unit.id,
        )

    def follow(self, plan: Plan) -> None:
        """From now on units are of this plan: a search has found its settings."""
        self.plan, self.plan_json = plan, plan.model_dump_json()

    def _wait(self, waiting: set[Future[str]], until: int) -> tuple[set[Future[str]], list[float]]:
        """Wait until at most ``until`` units are under way; seconds of those that finished."""
        seconds = []
        while len(waiting) > until:
            finished, waiting = self.soon(waiting)
            seconds += [record.seconds for record in finished]
            if finished and self.plan.screen:
                self._lead()
        return waiting, seconds

    def soon(self, waiting: set[Future[str]]) -> tuple[list[UnitRecord], set[Future[str]]]:
        """The units that are done within half a second, and those that aren't yet."""
        finished, rest = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
        if self.pool.deaths > self._deaths:
            if not self._deaths:
                self.progress.say("a worker process died; its work goes on in another one")
            self._deaths = self.pool.deaths
        records = [self.record(future.result()) for future in finished]
        for record in records:
            for note in record.notes:
                self.progress.say(note)
            steps = sum(m.steps_taken for m in record.members)
            self.pace.done(record.unit, record.seconds, steps)
            self._advance([record.unit])
        self._tell()
        return records, rest

    def record(self, unit: str) -> UnitRecord:
        """What a finished unit measured."""
        return self._record(paths.record_path(self.folder, unit))

    def _fits(
        self, phase: Phase, under_way: int, units: Sequence[Unit], spent: Sequence[float]
    ) -> bool:
        if self.plan.budget is None or not spent:
            return True
        workers = max(self.pool.workers, 1)
        mean = sum(spent) / len(spent)
        ahead: float = len(units) + under_way
        if phase == "screen" and self.plan.confirm is not None:
            # Nothing may be claimed without a block of confirmation.
            units_of_block = block_of(self.plan.confirm) / self.plan.confirm.block
            ahead += self.finalists * self.plan.confirm.scale * units_of_block
        left = self.left
        return left is None or mean * ahead / workers <= left

    def drop(self, phase: Phase, blocks: tuple[int, ...], reason: str) -> None:
        """Leave blocks of seeds out, for all methods alike, and write down why."""
        amendment = Amendment(phase=phase, blocks=blocks, reason=reason)
        self.save(amendments=(*self.state.amendments, amendment))
        if phase == "ablate":
            what = f"ablation: {reason}; methodic ablate {self.folder} does it later"
        else:
            what = f"{phase}: {len(blocks)} block(s) of seeds dropped, since {reason}"
        self.progress.say(what)

    def cut(self, settings: tuple[int, ...]) -> None:
        """End a search after so many settings of each study, and write down why."""
        reason = "the machine turned out slower than measured"
        amendment = Amendment(phase="search", blocks=settings, reason=reason)
        self.save(amendments=(*self.state.amendments, amendment))
        self.progress.say(f"search: ends after {max(settings)} settings, since {reason}")

    def _finished(self, units: Sequence[Unit]) -> bool:
        return all(paths.record_path(self.folder, unit.id).exists() for unit in units)

    def _lead(self) -> None:
        standings = design.standings(self.records("screen"), self.metric)
        if standings:
            self.leader = standings[0].recipe

    def _advance(self, units: Sequence[Unit]) -> None:
        self.done += len(units)
        self.pace.skip(units)

    def _tell(self) -> None:
        left, budget = self.pace.left(), self.plan.budget
        if budget is not None:
            # What can't be done within the budget is dropped.
            most = max(0.0, budget - self.elapsed())
            tail = max(TAIL * budget, TAIL_SECONDS)
            left = most if left is None else min(most, left + tail)
        self.progress.update(self.done, self.pace.rate(), self.leader, left, self.pool.memory())

    def elapsed(self) -> float:
        """Seconds of the budget that are gone."""
        return time.monotonic() - self.started

    def save(self, **changes: object) -> None:
        """Change the state, and write it to RUN/run.json."""
        self.state = self.state.model_copy(update={**changes, "seconds": self.elapsed()})
        write_text(self.folder / "run.json", self.state.model_dump_json(indent=1))

    def records(self, phase: Phase) -> list[UnitRecord]:
        """Records of a phase's finished units, in the order of their ids."""
        return [self._record(path) for path in sorted(self._folder.glob(f"{phase}-*.json"))]

    def _record(self, path: Path) -> UnitRecord:
        # A record never changes once it is there.
        if path.name not in self._read:
            self._read[path.name] = UnitRecord.model_validate(read_json(path, "record"))
        return self._read[path.name]

    @property
    def left(self) -> float | None:
        """Seconds until the budget's tail begins, which is for the verdict; None without one."""
        budget = self.plan.budget
        if budget is None:
            return None
        return budget - self.elapsed() - max(TAIL * budget, TAIL_SECONDS)


def _read_state(folder: Path) -> RunState:
    path = folder / "run.json"
    if not path.exists():
        return RunState(status="running")
    return RunState.model_validate(read_json(path, "run state"))
