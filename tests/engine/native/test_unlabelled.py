"""Machine code of steps that read rows without targets: like torch's, and alike in company."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.native.library import missing_compiler
from methodic.engine.parts import Cohort, State
from methodic.models.inputs import Inputs
from methodic.recipes.types import Recipe

pytestmark = pytest.mark.skipif(missing_compiler() is not None, reason="no C++ compiler")

EMA = {"kind": "ema", "decay": 0.9}
SGD = {"kind": "sgd", "lr": 0.05}
LOSS = {"kind": "cross_entropy"}
BACK = {"kind": "reconstruction", "decoder": [6], "views": [{"kind": "swap", "share": 0.3}]}
VIEWS = [{"kind": "swap", "share": 0.2}]

STAGES: dict[str, dict[str, Any]] = {
    "all rows": {"rows": "all", "objectives": [{**BACK, "latent": 3}], "rates": "head"},
    "rows beside": {"unlabelled": 9, "objectives": [LOSS, BACK]},
    "rows beside all labelled ones": {"unlabelled": 9, "batch": "full", "objectives": [LOSS, BACK]},
    "an average that teaches": {
        "unlabelled": 9,
        "objectives": [LOSS, {"kind": "mean_teacher", "views": VIEWS}],
        "regularizers": [EMA],
    },
    "a bundle that taught": {"unlabelled": 9, "objectives": [LOSS, {"kind": "distillation"}]},
    "two views": {
        "unlabelled": 9,
        "objectives": [
            LOSS,
            {"kind": "simclr", "projection": [5, 4], "views": VIEWS},
            {"kind": "vicreg", "projection": [5, 4], "views": VIEWS},
        ],
    },
    "own labels": {
        "unlabelled": 9,
        "objectives": [
            LOSS,
            {"kind": "fixmatch", "threshold": 0.4, "weak": [], "strong": VIEWS},
        ],
    },
    "turns": {
        "rows": "all",
        "alternate": "epoch",
        "turns": [
            {"objectives": [{"kind": "discriminator", "latent": 3, "generator": [4]}]},
            {"objectives": [{"kind": "generator", "latent": 3, "generator": [4]}], "repeat": 2},
        ],
        "rates": "head",
    },
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows(images: bool = False) -> tuple[Rows, Inputs]:
    draw = torch.Generator().manual_seed(0)
    target = torch.randint(0, 3, (17,), generator=draw)
    soft = torch.softmax(torch.randn(40, 3, generator=draw), -1)
    if images:
        x = torch.randint(0, 256, (40, 1, 4, 4), generator=draw, dtype=torch.uint8)
        inputs = Inputs(array=16, shape=(1, 4, 4), scaling=((0.4, 0.3),))
        return Rows({"array": x}, target, soft=soft), inputs
    return Rows({"numeric": torch.randn(40, 5, generator=draw)}, target, soft=soft), Inputs(5)


def cohort(stage: dict[str, Any], seeds: list[int], compiled: bool, images: bool = False) -> Cohort:
    stage = {"batch": 11, "optimizer": SGD, **stage}
    if "turns" in stage:
        stage["turns"] = [{"optimizer": stage["optimizer"], **turn} for turn in stage["turns"]]
        del stage["optimizer"]
    if stage.pop("rates", None):
        frozen = [{"parameters": ["head"], "factor": 0.0}]
        holder = stage["turns"][0] if "turns" in stage else stage
        holder["rates"] = frozen
    model = {"kind": "mlp", "width": 7, "depth": 1}
    recipe = Recipe.model_validate({"name": "a", "model": model, "stages": [stage]})
    having, inputs = rows(images)
    return build.cohort(
        [build.resolve(recipe, "multiclass", len(having), inputs)] * len(seeds),
        seeds,
        steps=[20],
        inputs=inputs,
        outputs=3,
        rows=len(having),
        every=having.every,
        compiled=compiled,
    )


def trained(made: Cohort, images: bool = False) -> tuple[State, list[Tensor]]:
    stage, seen = made.stages[0], list[Tensor]()
    state = loop.begin(stage, loop.initial_state(made))
    while state.steps_taken < 8:
        state = loop.advance(
            made, stage, state, rows(images)[0], 8 - state.steps_taken, _note(seen)
        )
    return state, seen


def _note(seen: list[Tensor]) -> Any:
    return lambda step: seen.append(step.loss)


@pytest.mark.parametrize("name", STAGES)
def test_like_torch_and_alike_in_company(name: str) -> None:
    due, losses = trained(cohort(STAGES[name], [3, 4], compiled=False))
    ours, found = trained(cohort(STAGES[name], [3, 4], compiled=True))
    torch.testing.assert_close(torch.stack(found), torch.stack(losses), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.flat, due.flat, rtol=1e-3, atol=1e-4)
    alone, _ = trained(cohort(STAGES[name], [4], compiled=True))
    assert torch.equal(ours.flat[1:], alone.flat)


def test_bytes_become_numbers() -> None:
    stage = {"unlabelled": 9, "objectives": [LOSS, {**BACK, "views": []}]}
    due, _ = trained(cohort(stage, [3], compiled=False, images=True), images=True)
    ours, _ = trained(cohort(stage, [3], compiled=True, images=True), images=True)
    torch.testing.assert_close(ours.flat, due.flat, rtol=1e-3, atol=1e-5)
