"""Spaces that the tests of searches share, and a stand-in for training."""

from __future__ import annotations

import math
import random
import time

from methodic.recipes.ranges import Integer, LogUniform, Options, Uniform
from methodic.recipes.spaces import Dimension
from methodic.recipes.types import Recipe
from methodic.search.jobs import Job, Outcome
from methodic.search.study import Study
from methodic.tuning import SearchPlan

STEPS = 900

LR = Dimension("lr", LogUniform(log_uniform=(1e-4, 1e-1)))
DROPOUT = Dimension("dropout", Uniform(uniform=(0.05, 0.5)))
DEPTH = Dimension("depth", Integer(integer=(1, 4)))
BATCH = Dimension("batch", Options(choice=(32, 64, 128)))
ACTIVATION = Dimension("activation", Options(choice=("relu", "gelu")))
OPTIMIZER = Dimension("optimizer", Options(choice=("adam", "sgd")))
BETA = Dimension("optimizer[adam].beta", Options(choice=(0.8, 0.9)), (("optimizer", "adam"),))
MOMENTUM = Dimension(
    "optimizer[sgd].momentum", Uniform(uniform=(0.5, 0.99)), (("optimizer", "sgd"),)
)
FLAT = (LR, DROPOUT, DEPTH, BATCH, ACTIVATION)
TREE = (LR, OPTIMIZER, BETA, MOMENTUM, DEPTH)
FINITE = (DEPTH, OPTIMIZER, BETA)  # 4 × (2 + 1) points


def recipe(name: str = "adamw", **optimizer: object) -> Recipe:
    fields = {"kind": "adamw", "lr": {"log_uniform": [1e-4, 1e-1]}, **optimizer}
    return Recipe.model_validate({"name": name, "stages": [{"optimizer": fields}]})


def wide(name: str = "wide") -> Recipe:
    """Numbers only."""
    return recipe(
        name,
        weight_decay={"log_uniform": [1e-6, 1e-1]},
        beta1={"choice": [0.8, 0.9, 0.95]},
    )


def quality(setting: dict[str, object]) -> float:
    """Best at a learning rate of 0.003; higher is better."""
    return -sum(
        (math.log10(float(str(v))) + 2.5) ** 2 for k, v in setting.items() if k.endswith("lr")
    )


def trained(job: Job) -> Outcome:
    """As if it had been trained; too large learning rates diverge."""
    score = quality(job.setting)
    diverged = any(v > 0.05 for k, v in job.setting.items() if k.endswith("lr"))
    return Outcome(
        score=None if diverged else score * (2 - job.until),
        loss=None if diverged else -score,
        step=round(job.until * STEPS),
        seconds=0.1,
        status="diverged" if diverged else "trained",
    )


def study(plan: SearchPlan, *recipes: Recipe) -> Study:
    chosen = recipes or (wide(),)
    steps = {each.name: STEPS for each in chosen}
    name = chosen[0].name if len(chosen) == 1 else "methods"
    return Study(name, chosen, plan, steps=steps, greater_is_better=True)


def run(each: Study, free: int = 2, order: int | None = None) -> list[Job]:
    """Drive a study to its end; with ``order``, outcomes come in a random order."""
    shuffle = random.Random(order).shuffle
    done: list[Job] = []
    while not each.over:
        jobs = each.ask(free)
        if not jobs and each.waiting:
            time.sleep(0.1)
            continue
        assert jobs or each.over, "neither over nor anything to do"
        if order is not None:
            shuffle(jobs)
        for job in jobs:
            each.tell(job, trained(job))
        done += jobs
    assert each.ask(free) == []
    return done
