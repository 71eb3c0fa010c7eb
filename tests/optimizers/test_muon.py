from __future__ import annotations

import pytest
import torch
from reference.goldens import entry, parting, random

from methodic.optimizers import muon

MUON = {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.2}


def torch_muon(adjust, nesterov=True):
    def make(params):
        return torch.optim.Muon(
            params,
            lr=MUON["lr"],
            weight_decay=MUON["weight_decay"],
            momentum=MUON["momentum"],
            nesterov=nesterov,
            ns_coefficients=(3.4445, -4.7750, 2.0315),
            adjust_lr_fn=adjust,
        )

    return make


@pytest.fixture
def exact(monkeypatch):
    """torch's Muon in float64: it would round to bfloat16."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5), (1, 3), (3, 1)])
@pytest.mark.parametrize("adjust", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.usefixtures("exact")
def test_muon_is_torchs(shape, adjust, nesterov):
    rule = muon.Muon(nesterov=nesterov, adjust=adjust, outputs_first=True)
    slots = [("momentum", entry("momentum_buffer"))]
    assert parting(rule, MUON, torch_muon(adjust, nesterov), shape, slots) < 1e-9


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        (muon.Muon(nesterov=False, adjust="original", outputs_first=True), {}),
        (muon.Muon(adjust="match_rms_adamw", outputs_first=True), {}),
        (muon.Muon(adjust="original", outputs_first=False), {}),
        (muon.Muon(adjust="original", iterations=4, outputs_first=True), {}),
        (muon.Muon(adjust="original", decay=False, outputs_first=True), {}),
        (muon.Muon(adjust="original", outputs_first=True), {"momentum": 0.81}),
    ],
)
@pytest.mark.usefixtures("exact")
def test_another_muon_is_told_apart(rule, changed):
    assert not parting(rule, MUON | changed, torch_muon("original"), (6, 4)) < 1e-5


def test_singular_values_get_near_1_and_vectors_stay():
    matrix = random(2, 8, 5, seed=3)
    found = muon.orthogonal(matrix, 5)
    values = torch.linalg.svdvals(found)
    assert 0.6 < float(values.min()) < float(values.max()) < 1.3
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    off = u.mT @ found @ v.mT
    off = off - torch.diag_embed(torch.diagonal(off, dim1=1, dim2=2))
    assert float(off.abs().max()) < 1e-10
    coarse = muon.orthogonal(matrix.bfloat16(), 5).double()
    assert 0 < float((coarse - found).abs().max()) < 0.1
