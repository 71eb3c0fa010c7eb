"""The main job: data and a budget in; a ranking of training methods and a trained model out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from methodic.data.dataset import DataSet
from methodic.durations import parse_budget
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.evidence.leaderboard import Leaderboard
from methodic.files import write_text
from methodic.metrics import default_metric, get_metric
from methodic.plan import Plan, RunState
from methodic.recipes import catalogue
from methodic.recipes.types import Recipe
from methodic.report import page
from methodic.report.terminal import Quiet
from methodic.runs import planning, preparation, tasks
from methodic.runs.execution import Execution
from methodic.runs.folders import new_run
from methodic.runs.planning import Wishes

if TYPE_CHECKING:
    import polars as pl

    from methodic.bundle import Bundle

DEFAULT_BUDGET = 60.0  # seconds


@dataclass(frozen=True)
class Run:
    """A run's folder, read.

    Args:
        folder: where everything lies.
        plan: what was to run.
        state: how far it came.
        leaderboard: the ranking; None before the first cohort is done.
    """

    folder: Path
    plan: Plan
    state: RunState
    leaderboard: Leaderboard | None

    @property
    def bundle_path(self) -> Path:
        """Folder of the trained model."""
        return self.folder / "model"

    @property
    def report_path(self) -> Path:
        """The report, one HTML file."""
        return self.folder / "report.html"

    @property
    def bundle(self) -> Bundle:
        """The trained model."""
        from methodic.bundle import load

        return load(self.folder)

    def predict(self, source: Any) -> pl.DataFrame:
        """Predictions of the shipped model for raw rows; see `Bundle.predict_frame`."""
        return self.bundle.predict_frame(source)

    def report(self, out: Path | str | None = None) -> Path:
        """Write the report as one HTML file; returns where."""
        return page.write(self.folder, None if out is None else Path(out))


def run(
    data: DataSet,
    *,
    budget: str | float | None = None,
    recipes: Sequence[str | Path | Recipe] | None = None,
    metric: str | None = None,
    seed: int = 0,
    seeds: int | None = None,
    device: str = "cpu",
    threads: int | None = None,
    workers: int | None = None,
    out: Path | str | None = None,
    progress: Quiet | None = None,
    command: str = "",
    started: float | None = None,
) -> Run:
    """Compare training methods on ``data`` within a budget, and ship the best network.

    Args:
        data: from `methodic.load`.
        budget: wall time up to the verdict, as seconds or "60s", "2m", "1h"; default 60 s.
        recipes: names, YAML files or values; default the whole library.
        metric: see `methodic.metrics`; default accuracy, or RMSE for numbers.
        seed: of the split and of all members' seeds.
        seeds: of the confirmation, ≥ 2; default 10 or more.
        device: a torch device.
        threads: of each worker; default 1.
        workers: processes; default one for each core; 0 trains in this process.
        out: folder of the run; default a new one in runs/.
        progress: told what happens; default silence.
        command: what to type to repeat the run; stands in the plan.
        started: `time.monotonic()` from which the budget counts; default now.

    Raises:
        InputError: something about the arguments or the data.
        Interrupted: Ctrl-C; finished cohorts are kept, `resume` goes on.

    Example:
        >>> import methodic as mt
        >>> result = mt.run(mt.load("digits"), budget="30s")    # doctest: +SKIP
        >>> result.leaderboard.winner                           # doctest: +SKIP
        'adamw_cosine'
    """
    started = time.monotonic() if started is None else started
    wishes = _wishes(data, budget, recipes, metric, seed, seeds, device, threads, workers, command)
    progress = progress or Quiet()
    chosen = planning.machine(wishes)
    with Pool(chosen.workers, chosen.threads) as pool, new_run(data.name, out) as folder:
        prepared = preparation.prepare(data, wishes.seed)
        work = folder / tasks.WORK
        preparation.save(prepared, work)
        progress.phase("planning")
        plan = planning.make(data, prepared, work, pool, wishes, time.monotonic() - started)
        write_text(folder / "plan.json", plan.model_dump_json(indent=1))
        Execution(folder, plan, prepared, pool, progress, started).run()
    page.write(folder)
    return load_run(folder)


def make_plan(
    data: DataSet,
    *,
    budget: str | float | None = None,
    recipes: Sequence[str | Path | Recipe] | None = None,
    metric: str | None = None,
    seed: int = 0,
    seeds: int | None = None,
    device: str = "cpu",
    threads: int | None = None,
    workers: int | None = None,
    command: str = "",
) -> Plan:
    """What `run` would do with the same arguments, without doing it."""
    started = time.monotonic()
    wishes = _wishes(data, budget, recipes, metric, seed, seeds, device, threads, workers, command)
    chosen = planning.machine(wishes)
    with tempfile.TemporaryDirectory() as temporary, Pool(chosen.workers, chosen.threads) as pool:
        prepared = preparation.prepare(data, wishes.seed)
        preparation.save(prepared, Path(temporary))
        return planning.make(
            data, prepared, Path(temporary), pool, wishes, time.monotonic() - started
        )


def train_method(
    data: DataSet,
    recipe: str | Path | Recipe,
    *,
    steps: int | None = None,
    budget: str | float | None = None,
    seed: int = 0,
    metric: str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    out: Path | str | None = None,
    progress: Quiet | None = None,
    command: str = "",
) -> Run:
    """Train one method once: one member, beside the constant baseline.

    Args:
        data: from `methodic.load`.
        recipe: a name, a YAML file or a value; of a range the middle is taken.
        steps: optimizer steps; default as many as the budget pays.
        budget: as for `run`.
        seed, metric, device, threads, out, progress, command: as for `run`.
    """
    started = time.monotonic()
    wishes = _wishes(data, budget, [recipe], metric, seed, None, device, threads, 0, command)
    if steps is not None and steps < 1:
        raise InputError("--steps must be at least 1", found=steps)
    progress = progress or Quiet()
    with Pool(0, 1) as pool, new_run(data.name, out) as folder:
        prepared = preparation.prepare(data, wishes.seed)
        work = folder / tasks.WORK
        preparation.save(prepared, work)
        plan = planning.make_single(data, prepared, work, wishes, steps)
        write_text(folder / "plan.json", plan.model_dump_json(indent=1))
        Execution(folder, plan, prepared, pool, progress, started).run()
    page.write(folder)
    return load_run(folder)


def resume(folder: Path | str, progress: Quiet | None = None, data: DataSet | None = None) -> Run:
    """Go on with a run that was stopped; its frozen plan is not measured again.

    Args:
        folder: the run's.
        progress: told what happens.
        data: the same data again; needed only for data that came from memory.

    Raises:
        InputError: no run there, a finished one, or data that changed.
    """
    path = Path(folder)
    stopped = load_run(path)
    if stopped.state.status == "finished":
        raise InputError(f"{path}: this run is finished", advice=f"Read {stopped.report_path}.")
    work = path / tasks.WORK
    if not (work / "encoders.json").exists():
        raise InputError(
            f"{path}: the prepared data are gone ({work})",
            advice="Start a new run.",
        )
    if data is not None and data.fingerprint != stopped.plan.data.fingerprint:
        raise InputError(f"{path}: these are not the data that this run began with")
    prepared = preparation.load(work)
    started = time.monotonic() - stopped.state.seconds
    machine = stopped.plan.machine
    with Pool(machine.workers, machine.threads) as pool:
        Execution(path, stopped.plan, prepared, pool, progress or Quiet(), started).run()
    page.write(path)
    return load_run(path)


def load_run(folder: Path | str) -> Run:
    """Read a run's folder; see `report.folder.load` for the errors."""
    read = page.load(Path(folder))
    return Run(Path(folder), read.plan, read.state, read.leaderboard)


def _wishes(
    data: DataSet,
    budget: str | float | None,
    recipes: Sequence[str | Path | Recipe] | None,
    metric: str | None,
    seed: int,
    seeds: int | None,
    device: str,
    threads: int | None,
    workers: int | None,
    command: str,
) -> Wishes:
    task = data.schema.task
    chosen = catalogue.all_recipes() if recipes is None else [_recipe(r) for r in recipes]
    names = [recipe.name for recipe in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not chosen:
        raise InputError("no recipe to compare", advice="Leave recipes out for the whole library.")
    if twice:
        raise InputError(f"two recipes have the same name: {', '.join(twice)}")
    if not 0 <= seed < 2**63:
        raise InputError("--seed must be a whole number from 0 to 2**63 - 1", found=seed)
    _check_device(device)
    if seeds is not None and seeds < 1:
        raise InputError("--seeds must be at least 1", found=seeds)
    return Wishes(
        recipes=tuple(chosen),
        metric=default_metric(task).name if metric is None else get_metric(metric, task).name,
        budget=DEFAULT_BUDGET if budget is None else parse_budget(budget),
        seed=seed,
        seeds=seeds,
        workers=workers,
        threads=threads,
        device=device,
        command=command,
        named=recipes is not None,
    )


def _check_device(device: str) -> None:
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"the device '{device}' can't be used on this machine",
            found=str(error).splitlines()[0],
            advice="Leave --device out to use the processor.",
        ) from None


def _recipe(chosen: str | Path | Recipe) -> Recipe:
    return chosen if isinstance(chosen, Recipe) else catalogue.get(str(chosen))
