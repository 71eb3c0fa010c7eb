"""Every method of the library trains: on classes and on numbers, and better than not at all."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace as replaced
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from methodic import build
from methodic.data.batches import Rows
from methodic.data.loading import load
from methodic.engine import loop
from methodic.evidence import design
from methodic.metrics import default_metric
from methodic.models.inputs import Inputs
from methodic.plan import Machine
from methodic.recipes import catalogue
from methodic.recipes.numbers import replace
from methodic.recipes.types import Recipe
from methodic.runs import cohorts
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared

MACHINE = Machine(device="cpu", capability="", torch="", workers=0, threads=1)
SLOW = {"tabm", "realmlp", "cocktail"}  # their steps take some hundredths of a second
DATA = ("digits", "diabetes")
CLASSES_ALONE = {"fixmatch", "pseudo_labels", "supervised_contrastive"}


@cache
def prepared(name: str) -> Prepared:
    return preparation.prepare(load(name), 0)


def trained(name: str, data: str, steps: int) -> tuple[float, float]:
    """The middle of the recipe's range: validation losses before and after ``steps`` steps."""
    rows = prepared(data)
    task = rows.encoders.schema.task
    recipe = build.resolve(catalogue.get(name), task, rows.counts[0], rows.inputs)
    chosen = replace(recipe, design.grid(recipe, 3)[1 if name != "gradient_descent" else 0])
    parts = [max(1, round(steps * stage.share)) for stage in chosen.stages]
    cohort = cohorts.cohort_of(rows, [chosen], [5], parts, MACHINE)
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


IMAGES = tuple(n for n in catalogue.names() if catalogue.takes_images(catalogue.get(n)))
WITHOUT = tuple(n for n in catalogue.names() if catalogue.reads_unlabelled(catalogue.get(n)))
TABLES = tuple(name for name in catalogue.names() if name not in (*IMAGES, *WITHOUT))


def pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Methods, with the data that they can train on."""
    return [(n, d) for n in names for d in DATA if d == "digits" or n not in CLASSES_ALONE]


@pytest.mark.parametrize(("name", "data"), pairs(name for name in TABLES if name not in SLOW))
def test_it_trains(name: str, data: str) -> None:
    before, after = trained(name, data, 3 if name == "lbfgs" else 25)
    assert math.isfinite(after)
    assert after < before or (name == "lbfgs" and after == before)  # best after its first step


@cache
def stripes() -> Rows:
    """Noisy images [3, 16, 16] with stripes that run down, across or aslant: the class."""
    draw = np.random.default_rng(0)
    target = draw.integers(0, 3, 128)
    place = np.arange(16)
    waves = np.stack(np.broadcast_arrays(place, place[:, None], place + place[:, None]))
    phase = draw.uniform(0, 2 * np.pi, (128, 1, 1))
    grey = 128 + 60 * np.sin(2 * np.pi * waves[target] / 5 + phase)
    pixels = grey[:, None] + draw.normal(0, 25, (128, 3, 16, 16))
    images = torch.from_numpy(pixels.clip(0, 255).astype(np.uint8))
    return Rows({"array": images}, torch.from_numpy(target))


@pytest.mark.parametrize("name", IMAGES)
def test_it_learns_images(name: str) -> None:
    """Smaller batches and networks than its own; better than knowing nothing."""
    raw = catalogue.get(name).model_dump()
    raw["stages"][0]["batch"] = 32
    small: dict[str, dict[str, Any]] = {
        "cnn": {"channels": (8, 8, 8), "width": 16},
        "resnet": {"channels": (8, 8), "blocks": 1},
        "quicknet": {"channels": (8, 16)},
        "vit": {"width": 24, "depth": 2, "heads": 2},
    }
    raw["model"] |= small[raw["model"]["kind"]]
    train = stripes()
    inputs = Inputs(array=768, shape=(3, 16, 16), scaling=((0.5, 0.2),) * 3)
    recipe = build.resolve(Recipe.model_validate(raw), "multiclass", 128, inputs)
    chosen = replace(recipe, design.grid(recipe, 3)[1])
    steps = 60 if name == "vit" else 30
    cohort = build.cohort([chosen], [1], steps=[steps], inputs=inputs, outputs=3, rows=128)
    state = loop.adapted(cohort, loop.initial_state(cohort), train)
    state = loop.begin(cohort.stages[0], state)
    seen: list[Tensor] = []
    loop.advance(cohort, cohort.stages[0], state, train, steps, lambda s: seen.append(s.loss))
    assert bool(state.alive.all())
    first, last = torch.cat(seen[:5]).mean(), torch.cat(seen[-5:]).mean()
    assert float(last) < float(first) - 0.05


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "data"), pairs(TABLES))
def test_it_learns(name: str, data: str) -> None:
    """Better than a constant: log 10 for ten classes, a variance of 1 for numbers."""
    _, after = trained(name, data, {"tabm": 30, "lbfgs": 10}.get(name, 300))
    assert after < 0.9 * (math.log(10) if data == "digits" else 1.0)


LABELS = {"digits": "150", "diabetes": "150"}


@cache
def few(name: str) -> Prepared:
    """Few labels, a teacher that knows all, and everything else without a target."""
    made = preparation.prepare(load(name, labels=LABELS[name]), 0)
    rows = made.rows["train"]
    draw = torch.Generator().manual_seed(0)
    soft = torch.softmax(torch.randn(rows.every, made.outputs, generator=draw), -1)
    return replaced(made, rows={**made.rows, "train": replaced(rows, soft=soft)})


@pytest.mark.parametrize(("name", "data"), pairs(WITHOUT))
def test_it_trains_with_few_labels(name: str, data: str) -> None:
    """In all of its stages, and better than at first; nothing of the objectives' own is judged."""
    rows = few(data)
    assert rows.rows["train"].every > 2 * len(rows.rows["train"])
    task = rows.encoders.schema.task
    recipe = build.resolve(catalogue.get(name), task, rows.counts[0], rows.inputs)
    chosen = replace(recipe, design.grid(recipe, 3)[1])
    parts = [25 for _ in chosen.stages]
    cohort = cohorts.cohort_of(rows, [chosen], [5], parts, MACHINE)
    judge = rows.judge(default_metric(task).name, cohort.device)
    total = sum(parts)
    done = loop.train(cohort, rows.rows["train"], judge, [1, total - 20, total - 15, total])
    assert done.fates[0].status == "finished"
    first = done.curves[0][0].validation_loss
    assert first is not None
    # Not the last: so few rows are soon known by heart. The reverse order is there to be measured.
    assert done.fates[0].kept_loss < first or name == "autoencoder_last"
