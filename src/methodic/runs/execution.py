"""Running a frozen plan: screening, confirmation, verdict; and going on where a run was stopped.

What is finished lies in records/; a unit that has its record is never done again, so a run goes on
after Ctrl-C, a kill or a power cut with the same results. A unit goes on from its last checkpoint.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Protocol

import numpy as np
from filelock import FileLock, Timeout

from methodic.engine.keeper import INTERVAL
from methodic.engine.workers import Pool
from methodic.errors import InputError, Interrupted
from methodic.evidence import design, predictions
from methodic.evidence.leaderboard import Leaderboard, assemble
from methodic.files import make_folder, read_json, write_text
from methodic.metrics import Metric, get_metric
from methodic.plan import (
    Amendment,
    BaselineRecord,
    Phase,
    Plan,
    RunState,
    Unit,
    UnitRecord,
)
from methodic.runs import tasks
from methodic.runs.bundling import ship
from methodic.runs.networks import Network
from methodic.runs.pace import Pace
from methodic.runs.planning import TAIL, TAIL_SECONDS
from methodic.runs.preparation import Prepared
from methodic.runs.units import confirm_units

CHECKPOINTS = INTERVAL  # seconds between those of a unit


class Progress(Protocol):
    """What a run tells about itself while it runs."""

    def start(self, total_units: int, budget: float | None) -> None: ...
    def phase(self, name: str) -> None: ...
    def update(
        self,
        done_units: int,
        rate: float,
        leader: str | None,
        remaining: float | None,
        memory: int | None = None,
    ) -> None: ...
    def say(self, text: str) -> None: ...


class Execution:
    """One execution of a plan in a run's folder.

    Args:
        folder: the run's; work/ holds the prepared data.
        plan: frozen.
        prepared: the data.
        pool: started workers.
        progress: told what happens.
        started: `time.monotonic()` at which the budget began to run.
        network: the user's own, which every method trains; None: each recipe's.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        prepared: Prepared,
        pool: Pool,
        progress: Progress,
        started: float,
        network: Network | None = None,
    ) -> None:
        self.folder = folder
        self.plan = plan
        self.prepared = prepared
        self.pool = pool
        self.progress = progress
        self.started = started
        self.network = network
        self.state = _read_state(folder)
        self.plan_json = plan.model_dump_json()
        self.done = 0
        self.pace = Pace(plan, tasks.counts_path(folder), pool.workers, self._finalists())
        self.leader: str | None = None
        self._deaths = pool.deaths  # of workers, as the user knows
        self._folder = folder / "records"
        self._read: dict[str, UnitRecord] = {}

    def run(self) -> Leaderboard:
        """Do whatever of the plan isn't done yet, up to the verdict.

        Raises:
            Interrupted: Ctrl-C; what is finished and what was under way is kept.
            InputError: another process works on this run.
        """
        lock = FileLock(self.folder / tasks.WORK / "lock", blocking=False)
        try:
            # The system lets go of it when the process ends, however it ends.
            with lock:
                board = self._locked()
        except Timeout:
            raise InputError(
                f"{self.folder}: another process is working on this run",
                advice="Wait for it, or stop it first.",
            ) from None
        shutil.rmtree(self.folder / tasks.WORK, ignore_errors=True)
        return board

    def _locked(self) -> Leaderboard:
        self._save_state(status="running")
        make_folder(self._folder)
        try:
            return self._phases()
        except (KeyboardInterrupt, Interrupted):
            with contextlib.suppress(KeyboardInterrupt):  # a second one, from who won't wait
                self._stop()
            raise Interrupted(str(self.folder)) from None
        except InputError:
            with contextlib.suppress(InputError):  # if the disk is full, this fails as well
                self._save_state(status="interrupted")
            raise

    def _stop(self) -> None:
        """Let the workers save where they stand, and write down how far the run has come."""
        if self.pool.workers:
            self.progress.say("stopping: what is under way is being saved (Ctrl-C: don't wait)")
        try:
            self.pool.stop()
        finally:
            self._save_state(status="interrupted")
        self._write_leaderboard()

    def _phases(self) -> Leaderboard:
        plan = self.plan
        most = len(plan.screen) + len(plan.train)
        some = [(c.recipe.name, 0) for c in plan.contenders[: self._finalists()]]
        most += len(confirm_units(plan, some)) if some else 0
        self.progress.start(most, plan.budget)
        self.pace.begin()
        rivals = [
            self.pool.submit(
                tasks.fit_baseline,
                self.folder,
                self.plan_json,
                baseline.model_dump_json(),
                name=f"baseline-{baseline.kind}",
            )
            for baseline in plan.baselines
            if not tasks.record_path(self.folder, f"baseline-{baseline.kind}").exists()
        ]
        if plan.train:
            self.progress.phase("training")
            self._units("train", plan.train)
        else:
            self.progress.phase("screening")
            self._units("screen", plan.screen)
            self._confirm()
        for rival in rivals:
            rival.result()
        self.progress.phase("verdict")
        self.state = self.state.model_copy(update={"status": "finished"})
        board = self._write_leaderboard()
        ship(self.folder, plan, self.prepared, board, self._tested())
        self._save_state(status="finished", winner=board.winner)
        return board

    def _finalists(self) -> int:
        """At most so many methods are confirmed."""
        confirm = self.plan.confirm
        return 0 if confirm is None else min(len(self.plan.contenders), confirm.finalists + 1)

    def _confirm(self) -> None:
        assert self.plan.confirm is not None
        if not self.state.finalists:
            standings = design.standings(self.records("screen"), self._metric())
            chosen = design.finalists(standings, self.plan.confirm)
            self._save_state(finalists=tuple(f"{name}@{setting}" for name, setting in chosen))
        pairs = [(name, int(at)) for name, at in (f.rsplit("@", 1) for f in self.state.finalists)]
        self.progress.phase("confirmation")
        self._units("confirm", confirm_units(self.plan, pairs))

    def _units(self, phase: Phase, units: Sequence[Unit]) -> None:
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
                self._drop(phase, rest)
                self.pace.skip(unit for unit in units if unit.block >= block)
                break
            for unit in todo:
                if tasks.record_path(self.folder, unit.id).exists():
                    self._advance([unit])
                else:
                    waiting.add(
                        self.pool.submit(
                            tasks.train_unit,
                            self.folder,
                            self.plan_json,
                            unit.model_dump_json(),
                            CHECKPOINTS,
                            *([] if self.network is None else [self.network]),
                            name=unit.id,
                        )
                    )
        self._wait(waiting, 0)

    def _wait(self, waiting: set[Future[str]], until: int) -> tuple[set[Future[str]], list[float]]:
        """Wait until at most ``until`` units are under way; seconds of those that finished."""
        seconds = []
        while len(waiting) > until:
            finished, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            if self.pool.deaths > self._deaths:
                if not self._deaths:
                    self.progress.say("a worker process died; its work goes on in another one")
                self._deaths = self.pool.deaths
            for future in finished:
                record = self._record(tasks.record_path(self.folder, future.result()))
                for note in record.notes:
                    self.progress.say(note)
                seconds.append(record.seconds)
                steps = sum(m.steps_taken for m in record.members)
                self.pace.done(record.unit, record.seconds, steps)
                self._advance([record.unit])
            if finished and self.plan.screen:
                self._lead()
            self._tell()
        return waiting, seconds

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
            ahead += self._finalists() * self.plan.confirm.scale
        needed = mean * ahead / workers
        tail = max(TAIL * self.plan.budget, TAIL_SECONDS)
        return self._elapsed() + needed + tail <= self.plan.budget

    def _drop(self, phase: Phase, blocks: tuple[int, ...]) -> None:
        reason = "the machine turned out slower than measured"
        amendment = Amendment(phase=phase, blocks=blocks, reason=reason)
        self._save_state(amendments=(*self.state.amendments, amendment))
        self.progress.say(f"{phase}: {len(blocks)} block(s) of seeds dropped, since {reason}")

    def _finished(self, units: Sequence[Unit]) -> bool:
        return all(tasks.record_path(self.folder, unit.id).exists() for unit in units)

    def _lead(self) -> None:
        standings = design.standings(self.records("screen"), self._metric())
        if standings:
            self.leader = standings[0].recipe

    def _advance(self, units: Sequence[Unit]) -> None:
        self.done += len(units)
        self.pace.skip(units)

    def _tell(self) -> None:
        left, budget = self.pace.left(), self.plan.budget
        if budget is not None:
            # What can't be done within the budget is dropped.
            most = max(0.0, budget - self._elapsed())
            tail = max(TAIL * budget, TAIL_SECONDS)
            left = most if left is None else min(most, left + tail)
        self.progress.update(self.done, self.pace.rate(), self.leader, left, self.pool.memory())

    def _elapsed(self) -> float:
        return time.monotonic() - self.started

    def _metric(self) -> Metric:
        return get_metric(self.plan.metric, self.plan.data.task)

    def _save_state(self, **changes: object) -> None:
        self.state = self.state.model_copy(update={**changes, "seconds": self._elapsed()})
        write_text(self.folder / "run.json", self.state.model_dump_json(indent=1))

    def records(self, phase: Phase) -> list[UnitRecord]:
        """Records of a phase's finished units, in the order of their ids."""
        return [self._record(path) for path in sorted(self._folder.glob(f"{phase}-*.json"))]

    def _tested(self) -> list[UnitRecord]:
        return self.records("confirm") + self.records("train")

    def _record(self, path: Path) -> UnitRecord:
        # A record never changes once it is there.
        if path.name not in self._read:
            self._read[path.name] = UnitRecord.model_validate(read_json(path, "record"))
        return self._read[path.name]

    def _write_leaderboard(self) -> Leaderboard:
        board = assemble(
            self.plan,
            self.state,
            self.records("screen"),
            self._tested(),
            self.baselines(),
            self.test_scores(),
        )
        write_text(self.folder / "leaderboard.json", board.model_dump_json(indent=1))
        return board

    def baselines(self) -> list[BaselineRecord]:
        """Records of fitted baselines."""
        return [
            BaselineRecord.model_validate(read_json(path, "record"))
            for path in sorted(self._folder.glob("baseline-*.json"))
        ]

    def test_scores(self) -> dict[str, list[tuple[int, float]]]:
        """Finalist or baseline → (seed, score on test rows); predictions were made once."""
        metric = self._metric()
        truth = self.prepared.truth["test"]
        scores: dict[str, list[tuple[int, float]]] = {}

        def score(path: Path) -> list[float]:
            return [metric.score(truth, each) for each in predictions.read(path)]

        for record in self._tested():
            values = score(tasks.predictions_path(self.folder, record.unit.id))
            for member, value in zip(record.members, values, strict=True):
                broken = member.status == "diverged"
                pair = (member.member.seed, float(np.nan) if broken else value)
                scores.setdefault(member.member.recipe, []).append(pair)
        for baseline in self.baselines():
            path = tasks.predictions_path(self.folder, f"baseline-{baseline.kind}")
            scores[baseline.kind] = [(-1, score(path)[0])]
        return scores


def _read_state(folder: Path) -> RunState:
    path = folder / "run.json"
    if not path.exists():
        return RunState(status="running")
    return RunState.model_validate(read_json(path, "run state"))
