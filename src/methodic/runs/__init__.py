"""The main job: data and a budget in; a ranking of training methods and a trained model out."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from methodic.asking import asked
from methodic.data.dataset import DataSet
from methodic.engine.workers import Pool, using
from methodic.errors import InputError
from methodic.files import write_text
from methodic.plan import Plan
from methodic.recipes.types import Recipe
from methodic.report.terminal import Quiet
from methodic.runs import networks, paths
from methodic.runs.again import reproduce, resume
from methodic.runs.execution import Execution
from methodic.runs.folders import new_run
from methodic.runs.given import Given, Objects, owned
from methodic.runs.outcome.results import Run, finish, load_run
from methodic.runs.plans import admission, fixed, planning, single
from methodic.runs.plans.wishes import DEFAULT_BUDGET, Wishes, wish
from methodic.runs.rows import diagnosing, origin, preparation, teaching
from methodic.tuning import Search

__all__ = [
    "DEFAULT_BUDGET",
    "Run",
    "load_run",
    "make_plan",
    "reproduce",
    "resume",
    "run",
    "train_method",
]


def run(
    data: DataSet,
    *,
    budget: str | float | None = None,
    recipes: Sequence[str | Path | Recipe] | Literal["all"] | None = None,
    model: networks.Source | None = None,
    own: Objects | None = None,
    metric: str | None = None,
    seed: int = 0,
    seeds: int | None = None,
    finalists: int | str | None = None,
    search: Search | None = None,
    device: str = "cpu",
    threads: int | None = None,
    workers: int | None = None,
    compile: bool | None = None,
    precision: str = "auto",
    memory_format: str = "auto",
    width: int | None = None,
    shared_batches: bool = False,
    equal: str = "seconds",
    splits: str = "auto",
    detect: str | float | None = None,
    teacher: Path | str | None = None,
    out: Path | str | None = None,
    progress: Quiet | None = None,
    command: str = "",
    started: float | None = None,
) -> Run:
    """Compare training methods on ``data`` within a budget, and ship the best network.

    Args:
        data: from `methodic.load`.
        budget: wall time up to the verdict, as seconds or "60s", "2m", "1h"; default 60 s.
        recipes: names, YAML files or values, or "all" for the whole library; default those of it
            that fit the data and the budget (the plan's notes say why).
        model: a network of your own in place of the recipes': a function that returns a
            torch.nn.Module (called for each member, under its seed), or a module (every member
            starts from its weights), as for `train`. A run keeps weights but no code, so `resume`
            and `load_run` need it again.
        own: name → object, for parts of kind "own" in the recipes: an update rule
            (`methodic.optimizers.Rule`), or a function for a schedule, a loss or a penalty; see
            `methodic.recipes.kinds.own`. Like ``model``, `resume` needs them again.
        metric: see `methodic.metrics`; default accuracy (balanced accuracy where classes are very
            unequal), or RMSE for numbers.
        seed: of the split and of all members' seeds.
        seeds: of the confirmation, ≥ 1; default 10 or more. One gives no interval.
        search: how settings are searched for, in place of a small grid: see `Search`.
        finalists: how many of the best methods are confirmed on fresh seeds, beside the simplest
            one, or "all"; default 2 or 3, as the budget pays.
        device: a torch device.
        threads: of each worker; default 1.
        workers: processes; default one for each core; 0 trains in this process.
        compile: turn the steps into machine code; default where that is predicted to pay.
        precision: of the gradients, "float32" or "bfloat16"; by default the faster one here, if it
            trains as well.
        memory_format: "contiguous" or "channels_last", for a ``model`` on arrays [channels,
            height, width]; by default the faster one here.
        width: members that train at once; default what is fastest here.
        shared_batches: one order of rows for all members (common random numbers), instead of each
            seed's own.
        equal: what every method gets the same of: "seconds" of training, optimizer "steps",
            "samples" (rows seen) or estimated "flops".
        splits: "one" split of the rows, or "cv": each seed trains on another split of repeated
            5-fold cross-validation; by default where there are fewer than 200 test rows.
        detect: choose as many seeds as find this difference with a power of 80%: "0.5%" (points),
            or a number in the metric's units.
        teacher: a run or a saved model, whose predictions for the training rows are soft targets
            for the objective distillation.
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
    data = teaching.named(data, teacher)
    wishes = wish(
        data,
        recipes,
        metric,
        budget,
        seed=seed,
        seeds=seeds,
        device=device,
        threads=threads,
        workers=workers,
        compile=compile,
        command=command,
        asked=asked(precision, memory_format, width),
        shared_batches=shared_batches,
        equal=equal,
        splits=splits,
        detect=detect,
        finalists=finalists,
        search=search,
        module=model is not None,
    )
    progress = progress or Quiet()
    networks.check_repeatable(model, seed)
    chosen = planning.machine(wishes)
    with Pool(chosen.workers, chosen.threads) as pool, new_run(data.name, out) as folder:
        work = folder / paths.WORK
        prepared = preparation.prepare(data, wishes.seed, folder=work)
        preparation.save(prepared, work, (data.source, data.reading.test))
        progress.phase("planning")
        splitting = planning.splitting(data, wishes, prepared)
        diagnosing.look(folder, data, wishes.seed, splitting, progress)
        parts = owned(own, wishes.recipes, pool.workers)
        network = admission.admit(model, prepared, data.schema.task, work, pool, wishes, parts)
        given = Given(network, parts)
        gone = time.monotonic() - started
        plan = _planned(data, prepared, work, pool, wishes, gone, given)
        preparation.save_folds(data, plan, work)
        write_text(folder / "plan.json", plan.model_dump_json(indent=1))
        origin.write(folder, data)
        url = None if search is None else search.study
        Execution(folder, plan, prepared, pool, progress, started, given, url).run()
    return finish(folder, model)


def make_plan(
    data: DataSet,
    *,
    budget: str | float | None = None,
    recipes: Sequence[str | Path | Recipe] | Literal["all"] | None = None,
    model: networks.Source | None = None,
    own: Objects | None = None,
    metric: str | None = None,
    seed: int = 0,
    seeds: int | None = None,
    finalists: int | str | None = None,
    search: Search | None = None,
    device: str = "cpu",
    threads: int | None = None,
    workers: int | None = None,
    compile: bool | None = None,
    precision: str = "auto",
    memory_format: str = "auto",
    width: int | None = None,
    shared_batches: bool = False,
    equal: str = "seconds",
    splits: str = "auto",
    detect: str | float | None = None,
    teacher: Path | str | None = None,
    command: str = "",
) -> Plan:
    """What `run` would do with the same arguments, without doing it."""
    started = time.monotonic()
    data = teaching.named(data, teacher)
    wishes = wish(
        data,
        recipes,
        metric,
        budget,
        seed=seed,
        seeds=seeds,
        device=device,
        threads=threads,
        workers=workers,
        compile=compile,
        command=command,
        asked=asked(precision, memory_format, width),
        shared_batches=shared_batches,
        equal=equal,
        splits=splits,
        detect=detect,
        finalists=finalists,
        search=search,
        module=model is not None,
    )
    chosen = planning.machine(wishes)
    with tempfile.TemporaryDirectory() as temporary, Pool(chosen.workers, chosen.threads) as pool:
        work = Path(temporary)
        prepared = preparation.prepare(data, wishes.seed, folder=work)
        preparation.save(prepared, work)
        parts = owned(own, wishes.recipes, pool.workers)
        network = admission.admit(model, prepared, data.schema.task, work, pool, wishes, parts)
        given = Given(network, parts)
        gone = time.monotonic() - started
        return _planned(data, prepared, work, pool, wishes, gone, given)


def _planned(
    data: DataSet,
    prepared: preparation.Prepared,
    work: Path,
    pool: Pool,
    wishes: Wishes,
    gone: float,
    given: Given,
) -> Plan:
    """The plan for a budget, or one without."""
    make = fixed.make if math.isinf(wishes.budget) else planning.make
    return make(data, prepared, work, pool, wishes, gone, given)


def train_method(
    data: DataSet,
    recipe: str | Path | Recipe,
    *,
    own: Objects | None = None,
    steps: int | None = None,
    budget: str | float | None = None,
    seed: int = 0,
    metric: str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    compile: bool | None = None,
    precision: str = "auto",
    teacher: Path | str | None = None,
    out: Path | str | None = None,
    progress: Quiet | None = None,
    command: str = "",
    started: float | None = None,
) -> Run:
    """Train one method once: one member, beside the constant baseline.

    Args:
        data: from `methodic.load`.
        recipe: a name, a YAML file or a value; of a range the middle is taken.
        own: as for `run`.
        steps: optimizer steps; default as many as the budget pays.
        budget: as for `run`.
        seed, metric, device, threads, compile, precision, teacher, out, progress, command,
            started: as for `run`.
    """
    started = time.monotonic() if started is None else started
    data = teaching.named(data, teacher)
    wishes = wish(
        data,
        [recipe],
        metric,
        budget,
        seed=seed,
        device=device,
        threads=threads,
        workers=0,
        command=command,
        compile=compile,
        asked=asked(precision, "auto", None),
    )
    if steps is not None and steps < 1:
        raise InputError("--steps must be at least 1", found=steps)
    given = Given(own=owned(own, wishes.recipes, 0))
    progress = progress or Quiet()
    with Pool(0, 1) as pool, new_run(data.name, out) as folder:
        work = folder / paths.WORK
        prepared = preparation.prepare(data, wishes.seed, folder=work)
        preparation.save(prepared, work, (data.source, data.reading.test))
        diagnosing.look(folder, data, wishes.seed, progress=progress)
        plan = single.make(data, prepared, work, wishes, steps, given, started)
        write_text(folder / "plan.json", plan.model_dump_json(indent=1))
        origin.write(folder, data)
        with using(plan.machine.threads):
            Execution(folder, plan, prepared, pool, progress, started, given).run()
    return finish(folder)
