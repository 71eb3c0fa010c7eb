from __future__ import annotations

import pytest
import torch
from reference.torch_rules import network, slope

from methodic import optimizers
from methodic.errors import InputError
from methodic.optimizers.as_torch import adapter


def test_muon_leaves_heads_and_vectors_to_adamw():
    model, twin = network(), network()
    groups = [
        {"params": model[0].parameters()},
        {"params": model[2].parameters(), "matrices": False},
    ]
    muon = optimizers.Muon(groups, lr=0.01, adamw_ratio=0.5, weight_decay=0.1)
    rest = [twin[0].bias, twin[2].weight, twin[2].bias]
    adamw = optimizers.AdamW(rest, lr=0.005, beta2=0.95, weight_decay=0.1)
    theirs = torch.optim.Muon(
        [twin[0].weight],
        lr=0.01,
        weight_decay=0.1,
        ns_coefficients=(3.4445, -4.775, 2.0315),
        adjust_lr_fn="match_rms_adamw",
    )
    for step in range(3):
        slope(model, muon, step)
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            q.grad = p.grad.clone()
        muon.step()
        adamw.step()
        theirs.step()
    for p, q in zip(rest, [model[0].bias, model[2].weight, model[2].bias], strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-6)
    torch.testing.assert_close(model[0].weight, twin[0].weight, rtol=0, atol=2e-3)  # bfloat16
    assert muon.state[model[0].weight].keys() == {"step", "momentum"}


def test_what_works_alone_has_an_optimizer_of_its_own():
    from methodic.optimizers.lbfgs import LBFGS

    with pytest.raises(InputError, match="LBFGS"):
        adapter.TorchOptimizer(network().parameters(), LBFGS(), {"lr": 1.0})
