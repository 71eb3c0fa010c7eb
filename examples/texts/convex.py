"""A convex problem has one lowest point, and every update rule of the library gets there.

Least squares with 12 weights in a matrix of 4 × 3 (some rules are made for matrices) and a bias,
all rows in each batch. The targets are linear in the inputs, so the lowest point is known: no
error at all. Rules whose steps have the size of the learning rate however small the gradient is
(signs, and gradients divided by their own size) circle the lowest point at that distance; their
rate falls to 0 along half a cosine. The others keep theirs.

Run: python examples/texts/convex.py
"""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

import _draw
import numpy as np
import torch
from torch import Tensor, nn

import methodic as mt
from methodic import build
from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.models.mlp import Inputs
from methodic.recipes.kinds import optimizers

STEPS = 300
CLOSE = 1e-3  # of the targets' deviation
CONSTANT: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.1, "momentum": 0.8},
    "adam": {"lr": 0.03},
    "adamw": {"lr": 0.03, "weight_decay": 0.0},
    "adagrad": {"lr": 0.2},
    "adamax": {"lr": 0.1},
    "nadam": {"lr": 0.01},
    "radam": {"lr": 0.05},
    "adan": {"lr": 0.02, "beta1": 0.9},
    "schedule_free_sgd": {"lr": 5.0},
    "schedule_free_adamw": {"lr": 0.1},
    "adafactor": {"lr": 0.05},
    "ivon": {"lr": 0.02, "ess": 1e8, "weight_decay": 0.0},
    "prodigy": {"lr": 1.0},
    "lbfgs": {"lr": 1.0},
}
FALLING: dict[str, dict[str, Any]] = {
    "rmsprop": {"lr": 0.1},
    "adadelta": {"lr": 10.0},
    "lion": {"lr": 0.01},
    "lamb": {"lr": 0.1, "weight_decay": 0.0},
    "muon": {"lr": 0.1, "weight_decay": 0.0},
    "soap": {"lr": 0.1, "weight_decay": 0.0},
}


class Plane(nn.Module):
    """Linear in 12 inputs; the weights stand in a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(4, 3)), nn.Parameter(torch.zeros(1))

    def forward(self, rows: Tensor) -> Tensor:
        """[rows, 12] → [rows, 1]."""
        return (rows.unflatten(1, (4, 3)) * self.weight).sum((1, 2))[:, None] + self.bias


@cache
def problem() -> tuple[Tensor, Tensor]:
    """200 rows of ±1, [200, 12], and targets that are linear in them, [200, 1]."""
    random = np.random.default_rng(0)
    inputs = np.sign(random.normal(size=(200, 12)))
    targets = inputs @ random.normal(size=12)
    scaled = (targets / targets.std() + 0.5)[:, None]
    return torch.tensor(inputs, dtype=torch.float32), torch.tensor(scaled, dtype=torch.float32)


def kinds() -> list[str]:
    """Every kind of optimizer that a recipe can name, but for the user's own."""
    union = get_args(optimizers.Optimizer)[0]
    return [k for each in get_args(union) if (k := each.model_fields["kind"].default) != "own"]


def method(kind: str) -> mt.Recipe:
    """Full batches, at a constant or a falling rate."""
    falling = kind not in CONSTANT
    options = CONSTANT.get(kind, FALLING.get(kind, {"lr": 0.1}))
    stage = {
        "batch": "full",
        "objectives": [{"kind": "mean_squared_error"}],
        "optimizer": {"kind": kind, **options},
        "schedule": {"kind": "cosine" if falling else "constant"},
    }
    return mt.Recipe.model_validate(
        {"name": kind.replace("_", "-"), "stages": [stage], "stop": {"keep": "last"}}
    )


@cache
def error(kind: str) -> float:
    """Root mean squared error ÷ the targets' deviation, which is 1."""
    x, y = problem()
    rows = Rows({"numeric": x}, y)
    cohort = build.cohort(
        [method(kind)],
        [0],
        steps=[STEPS],
        inputs=Inputs(numeric=12),
        outputs=1,
        rows=len(rows),
        module=Plane(),
    )
    (stage,) = cohort.stages
    state = loop.begin(stage, loop.initial_state(cohort))
    state = loop.advance(cohort, stage, state, rows, STEPS, lambda _: None)
    weights, _ = loop.evaluated(cohort, stage, state, rows)
    views = cohort.layout.views(weights)
    predicted = (x.unflatten(1, (4, 3)) * views["weight"]).sum((1, 2)) + views["bias"]
    return (predicted - y[:, 0]).square().mean().sqrt().item()


def numbers() -> dict[str, float]:
    """How many of how many."""
    errors = {kind: error(kind) for kind in kinds()}
    return {
        "kinds of update rules": len(errors),
        "that reach the lowest point": sum(each < CLOSE for each in errors.values()),
        "of these at a constant rate": sum(
            each < CLOSE for kind, each in errors.items() if kind in CONSTANT
        ),
    }


def picture() -> str:
    """The error left by each."""
    rows = [
        (kind.replace("_", " ") + ("" if kind in CONSTANT else " (falling)"), error(kind))
        for kind in kinds()
    ]
    return _draw.ranking("Errors left", rows, x=f"error ÷ deviation after {STEPS} steps")


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
