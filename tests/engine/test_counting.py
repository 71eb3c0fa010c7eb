"""Operations of a step: products of matrices, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from methodic import build
from methodic.engine.counting import operations, rows_like
from methodic.models.mlp import Inputs
from methodic.recipes.types import Recipe

INPUTS = Inputs(numeric=10)
PLAIN: dict[str, Any] = {"batch": 32, "optimizer": {"kind": "sgd", "lr": 0.1}}


def counted(model: dict[str, Any], **stage: Any) -> float:
    recipe = Recipe.model_validate(
        {
            "name": "a",
            "model": model,
            "stages": [{**PLAIN, "objectives": [{"kind": "cross_entropy"}], **stage}],
        }
    )
    cohort = build.cohort([recipe], [0], steps=[1], inputs=INPUTS, outputs=3, rows=64)
    return operations(cohort, rows_like(INPUTS, 64, torch.zeros(1, dtype=torch.int64)))


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
