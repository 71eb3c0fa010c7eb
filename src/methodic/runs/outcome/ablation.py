"""Ablating a method of a finished run: `methodic ablate`.

The run's data are read again, its split is made again, and whatever its confirmation has trained
already is not trained again. Results are RUN/ablation.json and the report; units leave their
records, so that an ablation which was stopped goes on where it stood.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from methodic.asking import check_machine
from methodic.data.dataset import DataSet
from methodic.durations import parse_budget
from methodic.engine.keeper import INTERVAL
from methodic.engine.workers import Pool
from methodic.errors import InputError, Interrupted, unknown
from methodic.evidence import design
from methodic.evidence.ablation import Ablation, assess
from methodic.files import make_folder, read_json, write_text
from methodic.metrics import get_metric
from methodic.plan import ConfirmPlan, Plan, Unit, UnitRecord
from methodic.report import page
from methodic.report.folder import Folder
from methodic.report.folder import load as read_folder
from methodic.report.terminal import Quiet
from methodic.runs import paths, tasks
from methodic.runs.given import Given, Objects, again
from methodic.runs.networks import Source
from methodic.runs.outcome.ablating import name_of, units
from methodic.runs.outcome.reproduction import threads_of
from methodic.runs.outcome.results import Run
from methodic.runs.plans.sizing import BLOCK, CONFIRM_SEEDS
from methodic.runs.plans.units import EVALUATIONS, confirm_units
from methodic.runs.resuming import check_device
from methodic.runs.rows import origin, preparation

NAME = "ablation.json"


def ablate(
    run: Run | Path | str,
    *,
    recipe: str | None = None,
    data: DataSet | Path | str | None = None,
    test: Path | str | None = None,
    model: Source | None = None,
    own: Objects | None = None,
    seeds: int | None = None,
    budget: str | float | None = None,
    workers: int | None = None,
    progress: Quiet | None = None,
) -> Ablation:
    """What mattered in a method of a finished run: each ingredient off in turn, on the same seeds.

    Scores are those of validation rows; test rows are left alone. The numbers of the method stay
    as the run chose them. The result is written to RUN/ablation.json, and the report again.

    Args:
        run: a finished run, or its folder.
        recipe: one of its methods; default the one that it shipped.
        data: the same data: a data set, or where to read them; default where the run read them.
            Their fingerprint has to be the run's.
        test: where to read the user's own test rows, if they lie elsewhere by now.
        model: of a run that trains a network of your own: the same one again.
        own: of a run with parts of your own: the same ones again.
        seeds: models with and without each ingredient, ≥ 2; default those of the confirmation, or
            10.
        budget: seconds or "60s", "2m": blocks of seeds for which no time is left are left out. The
            first block is done at any rate.
        workers: processes; default as many as the plan says; 0 trains in this process.
        progress: told what happens.

    Raises:
        InputError: no run, one that isn't finished, other data, or a method with nothing to switch
            off.
        Interrupted: Ctrl-C; what is finished is used by the next call.

    Example:
        >>> mt.ablate("runs/digits-001").text                               # doctest: +SKIP
        ('cosine schedule +0.9 ± 0.3 points', 'dropout: no detectable effect (±0.2)')
    """
    path = run.folder if isinstance(run, Run) else Path(run)
    progress = progress or Quiet()
    started = time.monotonic()
    seconds = None if budget is None else parse_budget(budget)
    check_machine(None, workers)
    if seeds is not None and seeds < 2:
        raise InputError("--seeds must be at least 2: one pair says nothing", found=seeds)
    done = _finished(path)
    plan, complete = _complete(done, _named(path, done, recipe), seeds)
    todo = units(plan, complete)
    if not todo:
        raise InputError(
            f"{path}: {complete[0].members[0].recipe} has nothing that can be switched off",
            accepted="a method with momentum, a schedule, a regularizer or the like",
        )
    if not isinstance(data, DataSet):
        data = origin.read_data(plan.data, data, test)
    origin.check_data(path, plan.data, data)
    machine = plan.machine.model_copy(
        update={
            "workers": plan.machine.workers if workers is None else workers,
            "threads": threads_of(done),
        }
    )
    given = again(model, own, plan.model_copy(update={"machine": machine}), path)
    # Models of another machine differ in more than the ingredient.
    same = not origin.other_stack(path, plan.machine)
    known = done.confirmed if same else ()
    work = _Work(
        path, plan.model_copy(update={"machine": origin.here(machine)}), data, given, progress
    )
    records = work.done(_lacking(complete, known) + todo, started, seconds)
    result = assess(plan, known, records)
    assert result is not None
    write_text(path / NAME, result.model_dump_json(indent=1))
    page.write(path)
    return result


# --- what is to be done -----------------------------------------------------------------------


def _finished(path: Path) -> Folder:
    done = read_folder(path)
    if done.state.status != "finished":
        raise InputError(
            f"{path}: this run isn't finished",
            found=done.state.status,
            advice=f"Go on with it first: methodic resume {path}",
        )
    check_device(done.plan.machine.device, "Ablate on a machine that has it.")
    return done


def _named(path: Path, done: Folder, recipe: str | None) -> str:
    names = [contender.recipe.name for contender in done.plan.contenders]
    shipped = done.leaderboard.shipped if done.leaderboard is not None else ""
    chosen = recipe or shipped
    if not chosen:
        raise InputError(
            f"{path}: no network of this run trained to the end, so there is none to ablate",
            accepted=f"--recipe with one of {', '.join(names)}",
        )
    if chosen not in names:
        raise unknown("recipe", chosen, names, str(path))
    return chosen


def _complete(done: Folder, name: str, seeds: int | None) -> tuple[Plan, tuple[Unit, ...]]:
    """The units of the complete method, and a plan that says how they train."""
    plan, setting = done.plan, _setting(done, name)
    mine = [r.unit for r in done.confirmed if r.unit.members[0].recipe == name]
    if plan.confirm is None:  # one method was trained once: its steps, on seeds of their own
        confirm = ConfirmPlan(
            finalists=1, simplest=name, seeds=(), block=BLOCK, evaluations=EVALUATIONS
        )
        plan = plan.model_copy(
            update={
                "confirm": confirm,
                "contenders": tuple(
                    c.model_copy(update={"confirm_steps": c.steps}) for c in plan.contenders
                ),
            }
        )
    assert plan.confirm is not None
    confirmed = sum(len(unit.members) for unit in mine)
    count = seeds or confirmed or len(plan.confirm.seeds) or CONFIRM_SEEDS
    listed = design.seeds(plan.data.split_seed, "confirm", max(count, len(plan.confirm.seeds)))
    confirm = plan.confirm.model_copy(update={"seeds": listed[:count]})
    plan = plan.model_copy(update={"confirm": confirm})
    return plan, tuple(confirm_units(plan, [(name, setting)], done.state.found))


def _setting(done: Folder, name: str) -> int:
    """Index of the setting that the run chose for a method."""
    for finalist in done.state.finalists:
        recipe, _, setting = finalist.rpartition("@")
        if recipe == name:
            return int(setting)
    metric = get_metric(done.plan.metric, done.plan.data.task)
    found = {s.recipe: s.setting for s in design.standings(done.screened or done.trained, metric)}
    return found.get(name, 0)


def _lacking(complete: Sequence[Unit], confirmed: Sequence[UnitRecord]) -> list[Unit]:
    """Units of the complete method for members that the run hasn't confirmed."""
    there = {each.member for record in confirmed for each in record.members}
    found = []
    for unit in complete:
        members = tuple(member for member in unit.members if member not in there)
        if members:
            changes = {"members": members, "phase": "ablate", "predict_test": False}
            found.append(unit.model_copy(update={"id": f"{name_of(unit)}-full", **changes}))
    return found


# --- doing it ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Work:
    """The folder of a finished run, in which units are done once more."""

    path: Path
    plan: Plan
    data: DataSet
    given: Given
    progress: Quiet

    def done(self, todo: Sequence[Unit], started: float, budget: float | None) -> list[UnitRecord]:
        """Do the units, block after block, as long as there is time; their records."""
        work = self.path / paths.WORK
        make_folder(work)
        lock = FileLock(work / "lock", blocking=False)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(
                f"{self.path}: another process is working on this run",
                advice="Wait for it, or stop it first.",
            ) from None
        try:
            return self._locked(work, todo, started, budget)
        finally:
            lock.release()
            shutil.rmtree(work, ignore_errors=True)

    def _locked(
        self, work: Path, todo: Sequence[Unit], started: float, budget: float | None
    ) -> list[UnitRecord]:
        machine = self.plan.machine
        with Pool(machine.workers, machine.threads) as pool:
            prepared = preparation.prepare(self.data, self.plan.data.split_seed)
            preparation.save(prepared, work, (self.data.source, self.data.reading.test))
            preparation.save_folds(self.data, self.plan, work)
            self.progress.start(len(todo), budget)
            self.progress.phase("ablation")
            try:
                return self._blocks(pool, todo, started, budget)
            except (KeyboardInterrupt, Interrupted):
                pool.stop()
                raise Interrupted(str(self.path)) from None

    def _blocks(
        self, pool: Pool, todo: Sequence[Unit], started: float, budget: float | None
    ) -> list[UnitRecord]:
        records: list[UnitRecord] = []
        last = 0.0
        for block in sorted({unit.block for unit in todo}):
            begun = time.monotonic()
            if records and budget is not None and begun + last - started > budget:
                self.progress.say("ablation: no time is left for more blocks of seeds")
                break
            mine = [unit for unit in todo if unit.block == block]
            records += self._block(pool, mine, len(records))
            last = time.monotonic() - begun
        return records

    def _block(self, pool: Pool, todo: Sequence[Unit], done: int) -> list[UnitRecord]:
        plan_json = self.plan.model_dump_json()
        waiting: set[Future[str]] = {
            pool.submit(
                tasks.train_unit,
                self.path,
                plan_json,
                unit.model_dump_json(),
                INTERVAL,
                self.given,
                name=unit.id,
            )
            for unit in todo
            if self._record(unit) is None
        }
        while waiting:
            finished, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
            self.progress.update(done + len(todo) - len(waiting), 0.0, None, None, pool.memory())
        found = [self._record(unit) for unit in todo]
        return [record for record in found if record is not None]

    def _record(self, unit: Unit) -> UnitRecord | None:
        """The record of this very unit, if it was done before."""
        path = paths.record_path(self.path, unit.id)
        if not path.exists():
            return None
        record = UnitRecord.model_validate(read_json(path, "record"))
        return record if record.unit == unit else None
