from __future__ import annotations

import numpy as np
import pytest
import pytorch_optimizer
import torch
from reference.goldens import MOMENTS, coefficients, entry, parting

from methodic.optimizers import prodigy

PRODIGY = {"lr": 0.9, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-6, "d0": 1e-2, "d_coef": 1.5}
PRODIGY |= {"weight_decay": 0.1}


def their_prodigy(corrected, safeguarded):
    def make(params):
        return pytorch_optimizer.Prodigy(
            params,
            lr=PRODIGY["lr"],
            betas=(PRODIGY["beta1"], PRODIGY["beta2"]),
            d0=PRODIGY["d0"],
            d_coef=PRODIGY["d_coef"],
            weight_decay=PRODIGY["weight_decay"],
            bias_correction=corrected,
            safeguard_warmup=safeguarded,
            eps=PRODIGY["epsilon"],
            foreach=False,
        )

    return make


def distance(optimizer, _):
    return optimizer.param_groups[0]["d"] / PRODIGY["d0"]


def numerator(optimizer, _):
    return optimizer.param_groups[0]["d_numerator"].double()


# Their sums over all parameters are float32, whatever the parameters are.
PRODIGIES = [*MOMENTS, ("sum", entry("s")), ("start", entry("p0")), ("growth", distance)]
PRODIGIES += [("numerator", numerator)]


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("safeguarded", [False, True])
def test_prodigy_is_that_of_pytorch_optimizer(corrected, safeguarded):
    rule = prodigy.Prodigy(True, corrected, safeguarded)
    make = their_prodigy(corrected, safeguarded)
    assert parting(rule, PRODIGY, make, (9,), PRODIGIES) < 2e-4


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        (prodigy.Prodigy(True, True, False), {}),
        (prodigy.Prodigy(True, False, True), {}),
        (prodigy.Prodigy(False, False, False), {}),
        (prodigy.Prodigy(True, False, False), {"d_coef": 1.4}),
        (prodigy.Prodigy(True, False, False), {"beta2": 0.91}),
    ],
)
def test_another_prodigy_is_told_apart(rule, changed):
    make = their_prodigy(False, False)
    assert not parting(rule, PRODIGY | changed, make, (9,), PRODIGIES) < 1e-2


def test_prodigys_estimate_grows_and_never_falls():
    rule, w = prodigy.Prodigy(), torch.full((1, 3), 2.0, dtype=torch.float64)
    state, seen = rule.initial(w), [1.0]
    numbers = PRODIGY | {"d0": 1e-6, "lr": 1.0, "weight_decay": 0.0}
    for t in range(1, 120):
        c = coefficients(rule, t, numbers, 1, torch.float64)
        change, state = rule.update(w - 0.5, w, state, c)
        w = w + change
        seen.append(state["growth"].item())
    assert np.all(np.diff(seen) >= 0)
    assert 0.05 < seen[-1] * 1e-6 < 10, "the distance was 1.5 in each direction"
