from __future__ import annotations

import pytest
import pytorch_optimizer
from reference.goldens import MOMENTS, parting

from methodic.optimizers import lamb

SHAPES = [(4, 6), (5,)]
LAMB = {"lr": 0.1, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3, "norm_limit": 10.0}
LAMB |= {"weight_decay": 0.1}


def torch_lamb(params):
    return pytorch_optimizer.Lamb(
        params,
        lr=LAMB["lr"],
        betas=(LAMB["beta1"], LAMB["beta2"]),
        eps=LAMB["epsilon"],
        weight_decay=LAMB["weight_decay"],
        weight_decouple=False,
        adam_debias=True,  # else the rate is divided by 1 − beta1ᵗ, which their formula lacks
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_lamb_without_correction_is_that_of_pytorch_optimizer(shape):
    rule = lamb.LAMB(corrected=False)
    assert parting(rule, LAMB, torch_lamb, shape, MOMENTS) < 1e-10


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        (lamb.LAMB(), {}),
        (lamb.LAMB(decay=False, corrected=False), {}),
        (lamb.LAMB(corrected=False), {"norm_limit": 0.5}),
        (lamb.LAMB(corrected=False), {"beta1": 0.81}),
        (lamb.LAMB(corrected=False), {"epsilon": 1.1e-3}),
    ],
)
def test_another_lamb_is_told_apart(rule, changed):
    assert not parting(rule, LAMB | changed, torch_lamb, (4, 6), MOMENTS) < 1e-5
