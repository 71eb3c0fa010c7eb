from __future__ import annotations

import pytest
import torch
from reference.goldens import entry, parting

from methodic.optimizers import adafactor

SHAPES = [(4, 6), (5,)]
FACTOR = {"lr": 0.07, "decay_power": 0.7, "epsilon": 1e-4, "scale_floor": 1e-2}
FACTOR |= {"threshold": 1.0, "weight_decay": 0.2}


def torch_adafactor(params):
    return torch.optim.Adafactor(
        params,
        lr=FACTOR["lr"],
        beta2_decay=-FACTOR["decay_power"],
        eps=(FACTOR["epsilon"], FACTOR["scale_floor"]),
        d=FACTOR["threshold"],
        weight_decay=FACTOR["weight_decay"],
        foreach=False,
    )


FACTORS = [("rows", entry("row_var")), ("columns", entry("col_var"))]


@pytest.mark.parametrize("shape", SHAPES)
def test_adafactor_is_torchs(shape):
    slots = FACTORS if len(shape) > 1 else [("mean_square", entry("variance"))]
    rule = adafactor.Adafactor(decay=True)
    assert parting(rule, FACTOR, torch_adafactor, shape, slots) < 1e-10


class Unfactored(adafactor.Adafactor):
    def update(self, gradient, parameter, state, c):
        change, following = super().update(gradient, parameter, state, c)
        root = torch.maximum(gradient.abs(), c["epsilon"])
        return change.abs().mean() * gradient / root, following


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        (adafactor.Adafactor(decay=False), {}),
        (Unfactored(decay=True), {}),
        (adafactor.Adafactor(decay=True), {"decay_power": 0.8}),
        (adafactor.Adafactor(decay=True), {"threshold": 1.2}),
        (adafactor.Adafactor(decay=True), {"scale_floor": 10.0}),
    ],
)
def test_another_adafactor_is_told_apart(rule, changed):
    assert not parting(rule, FACTOR | changed, torch_adafactor, (4, 6), FACTORS) < 1e-5
