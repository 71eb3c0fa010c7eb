"""Small data, small methods, and clocks that can be set: runs that take a second."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.engine.workers import Pool
from methodic.errors import Interrupted
from methodic.evidence.leaderboard import Leaderboard
from methodic.files import make_folder, write_text
from methodic.plan import BaselinePlan, Machine, Plan
from methodic.recipes.types import Recipe
from methodic.report.terminal import Quiet
from methodic.runs import paths, tasks
from methodic.runs.execution import Execution
from methodic.runs.machine import compiling, speed
from methodic.runs.plans import planning, single
from methodic.runs.plans.wishes import Wishes
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared

LR = "stages.0.turns.0.optimizer.lr"


def recipe(name: str, *, stop: dict[str, Any] | None = None, **stage: Any) -> Recipe:
    """A small network; SGD with a grid of rates unless told otherwise."""
    one = {
        "batch": 32,
        "optimizer": {"kind": "sgd", "lr": {"log_uniform": [0.01, 1.0]}},
        **stage,
    }
    return Recipe.model_validate(
        {
            "name": name,
            "model": {"kind": "mlp", "width": 8, "depth": 1, "dropout": 0.1},
            "stages": [one],
            "stop": stop or {},
        }
    )


MACHINE = Machine(device="cpu", capability="", torch="", workers=0, threads=1)
PLAIN = recipe("plain")
MOMENTUM = recipe(
    "momentum",
    optimizer={"kind": "sgd", "lr": {"log_uniform": [0.01, 1.0]}, "momentum": 0.9},
    schedule={"kind": "cosine"},
    regularizers=[{"kind": "ema", "decay": 0.9}],
)
FULL = recipe("full", batch="full")


@pytest.fixture(scope="session")
def iris() -> DataSet:
    return load("iris")


@pytest.fixture(scope="session")
def prepared(iris: DataSet) -> Prepared:
    return preparation.prepare(iris, 0)


Speeds = Mapping[str, tuple[float, float] | Callable[[int], tuple[float, float]]]
SetSpeeds = Callable[[Speeds], None]
MakePlan = Callable[..., Plan]


CLOCK = time.monotonic
COMPILED = 2.0
"""How much faster compiled steps are on an imaginary machine."""


def pretend(
    patch: pytest.MonkeyPatch,
    speeds: Speeds,
    cold: bool = True,
    precisions: Mapping[str, float] | None = None,
) -> None:
    """A step and an evaluation of the named recipes take so many seconds, by width if callable.

    Args:
        patch: puts the pretended functions in their places.
        speeds: see above.
        cold: nothing was compiled before.
        precisions: how much faster a step is in them.
    """

    def measure(
        work: Path, recipes: list[str], metric: str, machine: Machine, *given: Any
    ) -> tuple[float, float]:
        found = speeds[json.loads(recipes[0])["name"]]
        step, looking = found(len(recipes)) if callable(found) else found
        if precisions and machine.precision in precisions:
            step /= precisions[machine.precision]
        return (step / COMPILED if machine.compiled else step), looking

    def uncompiled(work: Path, recipes: list[str], machine: Machine, *given: Any) -> set[str]:
        return {json.loads(recipes[0])["name"]} if cold else set()

    patch.setattr(speed, "measure", measure)
    patch.setattr(speed, "uncompiled", uncompiled)
    patch.setattr(compiling, "anything_known", lambda: True)
    patch.setattr(single, "measure", measure)


@pytest.fixture
def set_speeds(monkeypatch: pytest.MonkeyPatch) -> SetSpeeds:
    return lambda speeds: pretend(monkeypatch, speeds)


@pytest.fixture(scope="session")
def make_plan(
    iris: DataSet, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> MakePlan:
    """A plan for ``recipes`` whose steps take ``step`` seconds, on an imaginary machine."""
    work = tmp_path_factory.mktemp("work")

    def make(
        *recipes: Recipe,
        step: float | Speeds = 0.1,
        budget: float = 60.0,
        workers: int = 0,
        elapsed: float = 0.0,
        cheap: bool = True,
        cold: bool = True,
        precisions: Mapping[str, float] | None = None,
        **wishes: Any,
    ) -> Plan:
        speeds = step if isinstance(step, Mapping) else {r.name: (step, 0.0) for r in recipes}
        asked = Wishes(
            **{
                "recipes": recipes,
                "metric": "accuracy",
                "budget": budget,
                "workers": workers,
                "named": True,
                "splits": "one",
                "compile": False,  # None would let the plan decide; see test_compiling.py
                **wishes,
            }
        )
        with pytest.MonkeyPatch.context() as patch, Pool(0, 1) as pool:
            pretend(patch, speeds, cold, precisions)
            if time.monotonic is CLOCK:  # a busy machine would leave an imaginary one less time
                patch.setattr(planning.time, "monotonic", lambda: 0.0)
            plan = planning.make(iris, prepared, work, pool, asked, elapsed)
        rivals = (BaselinePlan(kind="constant"), BaselinePlan(kind="linear"))
        return plan.model_copy(update={"baselines": rivals}) if cheap else plan

    return make


@contextlib.contextmanager
def stopping(units: int) -> Iterator[None]:
    """Ctrl-C after so many units of work, in this process."""
    train, seen = tasks.train_unit, []

    def stopped(*arguments: Any) -> str:
        if len(seen) == units:
            raise KeyboardInterrupt
        seen.append(1)
        return train(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "train_unit", stopped)
        with pytest.raises(Interrupted):
            yield


def execute(
    plan: Plan,
    folder: Path,
    prepared: Prepared,
    started: float | None = None,
    data: DataSet | None = None,
) -> Leaderboard:
    """Run a frozen plan in ``folder``, in this process; ``data`` are for cross-validation."""
    make_folder(folder / paths.WORK)
    preparation.save(prepared, folder / paths.WORK)
    if data is not None:
        preparation.save_folds(data, plan, folder / paths.WORK)
    write_text(folder / "plan.json", plan.model_dump_json(indent=1))
    with Pool(0, 1) as pool:
        begun = time.monotonic() if started is None else started
        return Execution(folder, plan, prepared, pool, Quiet(), begun).run()
