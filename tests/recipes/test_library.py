"""Every method of the library trains: on classes and on numbers, and better than not at all."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch

from methodic import build
from methodic.data.dataset import load
from methodic.engine import loop
from methodic.evidence import design
from methodic.metrics import default_metric
from methodic.plan import Machine
from methodic.recipes import catalogue
from methodic.recipes.numbers import replace
from methodic.runs import preparation, tasks
from methodic.runs.preparation import Prepared

MACHINE = Machine(device="cpu", capability="", torch="", workers=0, threads=1)
SLOW = {"tabm", "realmlp", "cocktail"}  # their steps take some hundredths of a second
DATA = ("digits", "diabetes")


@cache
def prepared(name: str) -> Prepared:
    return preparation.prepare(load(name), 0)


def trained(name: str, data: str, steps: int) -> tuple[float, float]:
    """The middle of the recipe's range: validation losses before and after ``steps`` steps."""
    rows = prepared(data)
    task = rows.encoders.schema.task
    recipe = build.resolve(catalogue.get(name), task, rows.counts[0])
    chosen = replace(recipe, design.grid(recipe, 3)[1 if name != "gradient_descent" else 0])
    cohort = tasks.cohort_of(rows, [chosen], [5], [steps], MACHINE)
    judge = rows.judge(default_metric(task).name, cohort.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        looks = sorted({1, *(steps * i // 5 for i in range(1, 6))} - {0})
        done = loop.train(cohort, rows.rows["train"], judge, looks)
    finally:
        torch.set_num_threads(threads)
    assert done.fates[0].status != "diverged"
    first = done.curves[0][0].validation_loss
    assert first is not None
    assert bool(torch.isfinite(done.flat).all())
    return first, done.fates[0].kept_loss


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", [name for name in catalogue.names() if name not in SLOW])
def test_it_trains(name: str, data: str) -> None:
    before, after = trained(name, data, 3 if name == "lbfgs" else 25)
    assert math.isfinite(after)
    assert after < before or (name == "lbfgs" and after == before)  # best after its first step


@pytest.mark.heavy
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", catalogue.names())
def test_it_learns(name: str, data: str) -> None:
    """Better than a constant: log 10 for ten classes, a variance of 1 for numbers."""
    _, after = trained(name, data, {"tabm": 30, "lbfgs": 10}.get(name, 300))
    assert after < 0.9 * (math.log(10) if data == "digits" else 1.0)
