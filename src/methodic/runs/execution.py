"""Running a frozen plan: screening, confirmation, ablation, verdict; going on where it stopped."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from methodic.engine.workers import Pool
from methodic.errors import InputError, Interrupted
from methodic.evidence import design
from methodic.evidence.ablation import assess
from methodic.evidence.ensemble import Ensemble
from methodic.evidence.leaderboard import Leaderboard, assemble
from methodic.evidence.numbers.statistics import Interval
from methodic.evidence.whole import whole
from methodic.evidence.worth import kinds
from methodic.files import make_folder, read_json, write_text
from methodic.plan import Plan, RunState, Unit, UnitRecord, settled
from methodic.report.progress import Quiet
from methodic.runs import paths, tasks
from methodic.runs.crew import Crew
from methodic.runs.given import NOTHING, Given
from methodic.runs.outcome import ablating
from methodic.runs.outcome.analysing import analyse
from methodic.runs.outcome.bundling import ship
from methodic.runs.outcome.representing import gather
from methodic.runs.outcome.scoring import Scores, Scoring, write_scores
from methodic.runs.plans.candidates import buildable, price
from methodic.runs.plans.sizing import CONFIRM_SEEDS
from methodic.runs.plans.units import confirm_units
from methodic.runs.rows.preparation import Prepared
from methodic.runs.searching import Searching
from methodic.tuning import NAME, SearchRecord

LEAST_PAIRS = 5  # seeds of an ablation; fewer say nothing


class Execution:
    """One execution of a plan in a run's folder.

    Args:
        folder: the run's; work/ holds the prepared data.
        plan: frozen.
        prepared: the data.
        pool: started workers.
        progress: told what happens.
        started: `time.monotonic()` at which the budget began to run.
        given: what the user brought.
        study: URL of a shared search's storage, as the user typed it.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        prepared: Prepared,
        pool: Pool,
        progress: Quiet,
        started: float,
        given: Given = NOTHING,
        study: str | None = None,
    ) -> None:
        self.folder = folder
        self.plan = plan
        self.prepared = prepared
        self.pool = pool
        self.progress = progress
        self.study = study
        self.crew = Crew(folder, plan, pool, progress, started, given)
        self.scoring = Scoring(folder, plan, prepared)

    @property
    def state(self) -> RunState:
        """How far the run has come."""
        return self.crew.state

    def note(self, notes: Sequence[str]) -> None:
        """Add what a reader of the results has to know."""
        known = dict.fromkeys((*self.state.notes, *notes))
        self.crew.state = self.state.model_copy(update={"notes": tuple(known)})

    def run(self) -> Leaderboard:
        """Do whatever of the plan isn't done yet, up to the verdict.

        Raises:
            Interrupted: Ctrl-C; what is finished and what was under way is kept.
            InputError: another process works on this run.
        """
        lock = FileLock(self.folder / paths.WORK / "lock", blocking=False)
        try:
            # The system lets go of it when the process ends, however it ends.
            with lock:
                board = self._locked()
        except Timeout:
            raise InputError(
                f"{self.folder}: another process is working on this run",
                advice="Wait for it, or stop it first.",
            ) from None
        shutil.rmtree(self.folder / paths.WORK, ignore_errors=True)
        return board

    def _locked(self) -> Leaderboard:
        self.crew.save(status="running")
        make_folder(self.folder / "records")
        try:
            return self._phases()
        except (KeyboardInterrupt, Interrupted):
            with contextlib.suppress(KeyboardInterrupt):  # a second one, from who won't wait
                self._stop()
            raise Interrupted(str(self.folder)) from None
        except InputError:
            with contextlib.suppress(InputError):  # if the disk is full, this fails as well
                self.crew.save(status="interrupted")
            raise

    def _stop(self) -> None:
        """Let the workers save where they stand, and write down how far the run has come."""
        if self.pool.workers:
            self.progress.say("stopping: what is under way is being saved (Ctrl-C: don't wait)")
        try:
            self.pool.stop()
        finally:
            self.crew.save(status="interrupted")
        self._write_leaderboard(self._tested())

    def _phases(self) -> Leaderboard:
        plan = self.plan
        most = len(plan.screen) + len(plan.train)
        some = [(c.recipe.name, 0) for c in plan.contenders[: self.crew.finalists]]
        most += len(confirm_units(plan, some, blocks=self._pilot())) if some else 0
        self.progress.start(most, plan.budget)
        self.crew.pace.begin()
        rivals = self._rivals() if plan.search is None else []
        if plan.train:
            self.progress.phase("training")
            self.crew.units("train", plan.train)
        else:
            self._screen()
            # A search waits for the slowest of a rung; beside it a baseline would be in the way.
            rivals = rivals or self._rivals()
            self._confirm()
            self._ablate()
        for rival in rivals:
            rival.result()
        return self._verdict()

    def _screen(self) -> None:
        """Try every method at some settings: those of a grid, or those that a search asks for."""
        if self.plan.search is None:
            self.progress.phase("screening")
            self.crew.units("screen", self.plan.screen)
            return
        self.progress.phase("searching")
        if self.state.found:  # it was over before this execution
            document = read_json(self.folder / NAME, "search")
            tried = SearchRecord.model_validate(document)
        else:
            rows = self.prepared.rows["train"]
            given = self.crew.given
            fits = None if given.network else buildable(self.prepared, given.own)
            worth = None if given.network else partial(price, prepared=self.prepared)
            counts = len(rows), rows.every
            tried, found = Searching(self.crew, counts, self.study, fits, worth).run()
            self.crew.save(found=found)
        self.plan = settled(self.plan, tried, self.state.found)
        self.crew.follow(self.plan)
        self.scoring = Scoring(self.folder, self.plan, self.prepared)

    def _screened(self) -> list[UnitRecord]:
        """What chooses: of a search only whole trainings."""
        records = self.crew.records("screen")
        return records if self.plan.search is None else whole(records)

    def _rivals(self) -> list[Future[str]]:
        """Fit the baselines: on the run's own split, and where seeds have their own, on those."""
        confirm = self.plan.confirm
        crossed = confirm is not None and confirm.splits == "cv"
        splits = len(confirm.seeds) if confirm is not None and crossed else 0
        fits = [
            (baseline, split, paths.baseline_name(baseline.kind, split))
            for split in range(splits + 1)
            for baseline in self.plan.baselines
        ]
        return [
            self.pool.submit(
                tasks.fit_baseline,
                self.folder,
                self.crew.plan_json,
                baseline.model_dump_json(),
                split,
                name=name,
            )
            for baseline, split, name in fits
            if not paths.record_path(self.folder, name).exists()
        ]

    def _confirm(self) -> None:
        assert self.plan.confirm is not None
        if not self.state.finalists:
            standings = design.standings(self._screened(), self.crew.metric)
            chosen = design.finalists(standings, self.plan.confirm, kinds(self.plan))
            self.crew.save(finalists=tuple(f"{name}@{setting}" for name, setting in chosen))
        pairs = [(name, int(at)) for name, at in (f.rsplit("@", 1) for f in self.state.finalists)]
        self.progress.phase("confirmation")
        units, pilot = confirm_units(self.plan, pairs, self.state.found), self._pilot()
        if pilot is not None:
            self.crew.units("confirm", [unit for unit in units if unit.block < pilot])
            self._enough(units, len(pairs))
        self.crew.units("confirm", [unit for unit in units if unit.block >= (pilot or 0)])

    def _pilot(self) -> int | None:
        """Blocks of the confirmation that say how many more are needed; None where none asks."""
        confirm = self.plan.confirm
        if confirm is None or confirm.detect is None:
            return None
        return math.ceil(CONFIRM_SEEDS / confirm.block)

    def _enough(self, units: Sequence[Unit], finalists: int) -> None:
        """Leave out the seeds that finding the planned difference doesn't need."""
        confirm = self.plan.confirm
        assert confirm is not None
        if any(each.phase == "confirm" for each in self.state.amendments):
            return  # decided before this execution
        tests = finalists * (finalists - 1) // 2 + finalists * len(self.plan.baselines)
        found = design.seeds_to_detect(
            confirm, self.crew.records("confirm"), self.crew.metric, tests
        )
        needed = math.ceil(max(found or 0, CONFIRM_SEEDS) / confirm.block)
        rest = tuple(sorted({unit.block for unit in units if unit.block >= needed}))
        if rest:
            shown = self.crew.metric.format_difference(confirm.detect or 0.0)
            told = f"say that {needed * confirm.block} seeds are enough to find {shown}"
            if found is None:
                told = f"can't say how many find {shown}: too few of their models are sound"
            self.crew.drop("confirm", rest, f"the first {CONFIRM_SEEDS} seeds {told}")

    def _ablate(self) -> None:
        """Train the best network without each of its ingredients, if time is left for that."""
        confirmed = self.crew.records("confirm")
        name = self._board(confirmed).shipped
        complete = [r for r in confirmed if r.unit.members[0].recipe == name]
        units = ablating.units(self.plan, [record.unit for record in complete])
        if not units:
            return
        left = self.crew.left
        if left is not None:
            todo = [u for u in units if not paths.record_path(self.folder, u.id).exists()]
            done = sorted({u.block for u in units} - {u.block for u in todo})
            blocks = sorted({unit.block for unit in todo})
            kept = {*done, *blocks[: ablating.affordable(self.plan, todo, complete, left)]}
            seeds = {m.seed for u in units if u.block in kept for m in u.members}
            if len(seeds) < LEAST_PAIRS:
                kept = set(done)
            known = {b for a in self.state.amendments if a.phase == "ablate" for b in a.blocks}
            rest = tuple(block for block in blocks if block not in kept | known)
            if rest:
                self.crew.drop("ablate", rest, "no time was left for all of it")
        gone = {b for a in self.state.amendments if a.phase == "ablate" for b in a.blocks}
        units = [unit for unit in units if unit.block not in gone]
        if not units:
            return
        self.progress.start(self.crew.done + len(units), self.plan.budget)
        self.progress.phase("ablation")
        self.crew.units("ablate", units)

    def _verdict(self) -> Leaderboard:
        self.progress.phase("verdict")
        self.crew.state = self.state.model_copy(update={"status": "finished"})
        plan, records = self.plan, self._tested()
        board = self._board(records)
        shipped = ship(self.folder, plan, self.prepared, board, records)
        if shipped is not None:
            analyse(
                self.folder, plan, shipped.prepared, shipped.name, shipped.test, shipped.validation
            )
        networks = () if shipped is None else shipped.networks
        gather(self.folder, self.folder / paths.WORK, plan, records, networks)
        mattered = assess(plan, self.crew.records("confirm"), self.crew.records("ablate"))
        if mattered is not None:
            write_text(self.folder / "ablation.json", mattered.model_dump_json(indent=1))
        board = self._write_leaderboard(records, None if shipped is None else shipped.ensemble)
        self.crew.save(status="finished", winner=board.winner)
        return board

    def _tested(self) -> list[UnitRecord]:
        return self.crew.records("confirm") + self.crew.records("train")

    def _board(self, records: Sequence[UnitRecord]) -> Leaderboard:
        """The ranking of what is measured so far, in short."""
        return self._assembled(records, self.scoring.test_scores(records), {}, None)

    def _write_leaderboard(
        self, records: Sequence[UnitRecord], ensemble: Ensemble | None = None
    ) -> Leaderboard:
        """Write the ranking, and the test scores behind it."""
        scores = self.scoring.test_scores(records)
        board = self._assembled(records, scores, self.scoring.over_rows(records), ensemble)
        write_scores(self.folder, scores)
        write_text(self.folder / "leaderboard.json", board.model_dump_json(indent=1))
        return board

    def _assembled(
        self,
        records: Sequence[UnitRecord],
        scores: Scores,
        over_rows: Mapping[str, Interval],
        ensemble: Ensemble | None,
    ) -> Leaderboard:
        screened, rivals = self._screened(), self.scoring.baselines()
        return assemble(
            self.plan, self.state, screened, records, rivals, scores, over_rows, ensemble
        )
