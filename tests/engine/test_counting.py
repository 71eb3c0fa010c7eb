"""Operations of a step: products of matrices, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from methodic import build
from methodic.data.batches import Rows
from methodic.engine.counting import operations
from methodic.models.mlp import Inputs
from methodic.recipes.types import Recipe

INPUTS = Inputs(numeric=10)
PLAIN: dict[str, Any] = {"batch": 32, "optimizer": {"kind": "sgd", "lr": 0.1}}


SUPERVISED: dict[str, Any] = {"objectives": [{"kind": "cross_entropy"}]}
RECONSTRUCTION: dict[str, Any] = {"objectives": [{"kind": "reconstruction", "views": []}]}


def counted_stages(model: dict[str, Any], *stages: dict[str, Any]) -> list[float]:
    named = [
        {"name": f"s{i}", "share": 1 / len(stages), "batch": 32, **stage}
        for i, stage in enumerate(stages)
    ]
    recipe = Recipe.model_validate({"name": "a", "model": model, "stages": named})
    steps = [1000] * len(stages)
    cohort = build.cohort([recipe], [0], steps=steps, inputs=INPUTS, outputs=3, rows=64)
    rows = Rows({"numeric": torch.zeros(64, 10)}, torch.zeros(64, dtype=torch.int64))
    return operations(cohort, rows)


def counted(model: dict[str, Any], **stage: Any) -> float:
    (found,) = counted_stages(model, {**PLAIN, **SUPERVISED, **stage})
    return found


def test_a_network_by_hand() -> None:
    """Forward and for the weights 2 each; for the inputs 2, but not those of the first layer."""
    mlp = {"kind": "mlp", "width": 20, "depth": 1}
    assert counted(mlp) == 4 * 10 * 20 + 6 * 20 * 3


def test_a_second_gradient_is_counted() -> None:
    mlp = {"kind": "mlp", "width": 20, "depth": 1}
    sam = counted(mlp, regularizers=[{"kind": "sam", "rho": 0.05}])
    assert sam == pytest.approx(2 * counted(mlp))


def test_submodels_count_each() -> None:
    """TabM's submodels share weights and not work: 6 × parameters would miss it."""
    one, many = ({"kind": "tabm", "width": 16, "depth": 2, "submodels": k} for k in (1, 8))
    assert counted(many) > 6 * counted(one)


MLP = {"kind": "mlp", "width": 20, "depth": 1}


def test_each_stage_is_counted_for_the_rows_it_reads() -> None:
    turn = {"optimizer": PLAIN["optimizer"]}
    plain, back = {**turn, **SUPERVISED}, {**turn, **RECONSTRUCTION}
    both = {**turn, "objectives": [*SUPERVISED["objectives"], *RECONSTRUCTION["objectives"]]}
    supervised, alone = counted_stages(MLP, plain, {**back, "rows": "all"})
    assert supervised == 4 * 10 * 20 + 6 * 20 * 3
    decoder = 6 * 20 * 128 + 6 * 128 * 10
    assert alone == 4 * 10 * 20 + decoder
    (joint,) = counted_stages(MLP, {**both, "unlabelled": 32})
    assert joint == (supervised + alone) / 2  # of 64 rows, half go through each


@pytest.mark.parametrize("alternate", ["step", "epoch"])
def test_turns_are_counted_by_how_often_they_are_taken(alternate: str) -> None:
    turn = {"optimizer": PLAIN["optimizer"]}
    plain, back = {**turn, **SUPERVISED}, {**turn, **RECONSTRUCTION}
    one, other = counted_stages(MLP, plain, back)
    turns = [{**plain, "repeat": 3}, back]
    (found,) = counted_stages(MLP, {"turns": turns, "alternate": alternate})
    assert found == (3 * one + other) / 4
    assert one != other
