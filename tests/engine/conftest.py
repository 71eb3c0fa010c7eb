"""A small cohort for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from methodic import build
from methodic.data.batches import Rows
from methodic.engine.evaluation import Judge
from methodic.engine.parts import Cohort
from methodic.metrics import get_metric
from methodic.models.mlp import Inputs
from methodic.recipes.types import Recipe

ROWS = 90

MakeCohort = Callable[..., Cohort]


def make_rows(seed: int = 0) -> Rows:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(ROWS, 4, generator=generator)
    return Rows({"numeric": x}, (x[:, 0] + 0.5 * x[:, 1] > 0).long())


@pytest.fixture
def rows() -> Rows:
    return make_rows()


@pytest.fixture
def judge() -> Judge:
    held_out = make_rows(1)
    return Judge(
        held_out,
        get_metric("accuracy", "binary"),
        lambda out: torch.softmax(out, -1),
        np.asarray(held_out.target.numpy()),
    )


@pytest.fixture
def make_cohort() -> MakeCohort:
    def make(
        lrs: Sequence[float] = (0.1,),
        steps: Sequence[int] = (40,),
        stop: dict[str, Any] | None = None,
        stages: Sequence[dict[str, Any]] | None = None,
        model: dict[str, Any] | None = None,
        seeds: Sequence[int] | None = None,
        module: nn.Module | None = None,
        **stage: Any,
    ) -> Cohort:
        recipes = []
        for lr in lrs:
            one = {
                "batch": 16,
                "objectives": [{"kind": "cross_entropy"}],
                "optimizer": {"kind": "sgd", "lr": lr},
                **stage,
            }
            recipes.append(
                Recipe.model_validate(
                    {
                        "name": "a",
                        "model": model or {"kind": "mlp", "width": 8, "depth": 1},
                        "stages": stages or [one],
                        "stop": stop or {},
                    }
                )
            )
        return build.cohort(
            recipes,
            seeds or list(range(len(recipes))),
            steps=list(steps),
            inputs=Inputs(numeric=4),
            outputs=2,
            rows=ROWS,
            module=module,
        )

    return make
