"""Comparisons of known answer: plans made by hand, executed by the real thing in this process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from methodic import build
from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.data.splits import FOLDS
from methodic.engine.native.library import missing_compiler
from methodic.engine.workers import Pool
from methodic.evidence import design
from methodic.evidence.leaderboard import Leaderboard, assemble
from methodic.plan import BaselinePlan, ConfirmPlan, Contender, Plan
from methodic.recipes.types import Recipe
from methodic.report.terminal import Quiet
from methodic.runs import paths
from methodic.runs.crew import Crew
from methodic.runs.execution import Execution
from methodic.runs.outcome.scoring import Scores, Scoring
from methodic.runs.plans import planning
from methodic.runs.plans.units import confirm_units, screen_units
from methodic.runs.plans.wishes import Wishes
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared

STEPS = 150
BATCH = 64
LOOKS = 5


def alone() -> None:
    """One thread: each core has a process of its own."""
    torch.set_num_threads(1)


def recipe(name: str) -> Recipe:
    """A small network by Adam: always the same method, whatever its name."""
    return Recipe.model_validate(
        {
            "name": name,
            "model": {"kind": "mlp", "width": 32, "depth": 1, "dropout": 0.1},
            "stages": [{"batch": BATCH, "optimizer": {"kind": "adam", "lr": 0.003}}],
        }
    )


@lru_cache(maxsize=8)
def data_set(name: str) -> DataSet:
    """A built-in data set."""
    return load(name)


def plan_of(
    data: DataSet,
    prepared: Prepared,
    names: Sequence[str],
    seed: int,
    seeds: int,
    *,
    finalists: int,
    block: int = 5,
    splits: str = "one",
) -> Plan:
    """The same method under several names, each screened and confirmed."""
    rows, crossed = prepared.counts[0], splits == "cv"
    contenders = tuple(
        Contender(
            recipe=build.resolve(recipe(name), data.schema.task, rows),
            settings=({},),
            batch=(BATCH,),
            steps=(STEPS,),
            confirm_steps=(STEPS,),
            milliseconds=0.1,
        )
        for name in names
    )
    metric = "rmse" if data.schema.task == "regression" else "accuracy"
    wishes = Wishes(recipes=(), metric=metric, budget=0.0, workers=0)
    return Plan(
        command="",
        data=planning.facts(data, prepared, seed),
        metric=metric,
        budget=None,
        machine=planning.machine(wishes).model_copy(
            update={"compiled": missing_compiler() is None}
        ),
        contenders=contenders,
        baselines=(BaselinePlan(kind="constant"),),
        screen=screen_units(contenders, seed, LOOKS),
        confirm=ConfirmPlan(
            finalists=finalists,
            simplest=names[0],
            seeds=design.seeds(seed, "confirm", seeds),
            block=1 if crossed else block,
            evaluations=LOOKS,
            splits="cv" if crossed else "one",
            folds=FOLDS if crossed else 0,
        ),
    )


def ready(data: DataSet, plan: Plan, prepared: Prepared, folder: Path) -> None:
    """Lay out the folder of a run."""
    work = folder / paths.WORK
    work.mkdir(parents=True)
    (folder / "records").mkdir()
    preparation.save(prepared, work)
    preparation.save_folds(data, plan, work)
    (folder / "plan.json").write_text(plan.model_dump_json())


def ranked(
    data: DataSet, plan: Plan, prepared: Prepared, folder: Path
) -> tuple[Leaderboard, Scores]:
    """Screening, confirmation, ranking: a run without what a ranking doesn't need."""
    ready(data, plan, prepared, folder)
    with Pool(0, 1) as pool:
        crew = Crew(folder, plan, pool, Quiet(), time.monotonic())
        crew.units("screen", plan.screen)
        assert plan.confirm is not None
        screened = crew.records("screen")
        finalists = design.finalists(design.standings(screened, crew.metric), plan.confirm)
        crew.units("confirm", confirm_units(plan, finalists))
        confirmed, scoring = crew.records("confirm"), Scoring(folder, plan, prepared)
        scores = scoring.test_scores(confirmed)
        return assemble(plan, crew.state, screened, confirmed, [], scores), scores


def alike(job: tuple[str, int, int, str]) -> dict[str, Any]:
    """One comparison of identical methods: was any difference between two of them claimed?

    Args:
        job: data set, methods, seed of the run, "one" or "cv".
    """
    name, methods, seed, splits = job
    data = data_set(name)
    prepared = preparation.prepare(data, seed)
    names = [f"method_{i}" for i in range(methods)]
    plan = plan_of(data, prepared, names, seed, 10, finalists=3, splits=splits)
    with tempfile.TemporaryDirectory() as scratch:
        board, _ = ranked(data, plan, prepared, Path(scratch) / "run")
    pairs = [c for c in board.comparisons if {c.first, c.second} <= set(names)]
    return {
        "pairs": len(pairs),
        "claimed": sum(c.adjusted <= 0.05 for c in pairs),
        "without_holm": sum(c.p <= 0.05 for c in pairs),
        "recommended_alone": board.winner in names
        and not any(set(r.groups) & set(board.rows[0].groups) for r in board.rows[1:]),
    }


def scores(job: tuple[str, int, int]) -> list[float]:
    """Test scores of one method over many seeds on one split.

    Args:
        job: data set, seed of the run, how many seeds.
    """
    name, seed, count = job
    data = data_set(name)
    prepared = preparation.prepare(data, seed)
    plan = plan_of(data, prepared, ["method"], seed, count, finalists=1, block=50)
    with tempfile.TemporaryDirectory() as scratch:
        _, found = ranked(data, plan, prepared, Path(scratch) / "run")
    return [score for _, score in found["method"]]


def large_run(folder: Path, methods: int) -> None:
    """A finished run of so many methods with ten seeds each."""
    data = data_set("digits")
    prepared = preparation.prepare(data, 0)
    names = [f"method_{i:02d}" for i in range(methods)]
    plan = plan_of(data, prepared, names, 0, 10, finalists=methods)
    ready(data, plan, prepared, folder)
    with Pool(0, 1) as pool:
        Execution(folder, plan, prepared, pool, Quiet(), time.monotonic()).run()
