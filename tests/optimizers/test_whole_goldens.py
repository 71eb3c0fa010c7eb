"""LAMB, Adafactor, Muon, SOAP and Prodigy against public implementations, inner state included."""

from __future__ import annotations

import math

import numpy as np
import pytest
import pytorch_optimizer
import torch
from contract.test_whole_rules import coefficients

from methodic.optimizers import adafactor, lamb, muon, prodigy, soap

STEPS = 25
SHAPES = [(4, 6), (5,)]
LAMB = {"lr": 0.1, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3, "norm_limit": 10.0}
LAMB |= {"weight_decay": 0.1}
FACTOR = {"lr": 0.07, "decay_power": 0.7, "epsilon": 1e-4, "scale_floor": 1e-2}
FACTOR |= {"threshold": 1.0, "weight_decay": 0.2}
MUON = {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.2}
SOAP = {"lr": 0.05, "beta1": 0.8, "beta2": 0.9, "shampoo_beta": 0.7, "epsilon": 1e-3}
SOAP |= {"weight_decay": 0.2}
PRODIGY = {"lr": 0.9, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-6, "d0": 1e-2, "d_coef": 1.5}
PRODIGY |= {"weight_decay": 0.1}


def random(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def slope(w, t):
    return torch.sin(2 * w) + 0.3 * w + 0.5 * random(*w.shape, seed=100 + t)


def parting(rule, numbers, make, shape, slots=()):
    """Largest difference of weights, and of slots: pairs of our name and a reader of theirs."""
    start = random(*shape, seed=1)
    theirs = torch.nn.Parameter(start.clone())
    optimizer = make([theirs])
    w = start.unsqueeze(0)
    state, largest = rule.initial(w), 0.0
    for t in range(1, STEPS + 1):
        lr = numbers["lr"] * (0.4 + 0.2 * (t % 5))
        for group in optimizer.param_groups:
            group["lr"] = lr
        theirs.grad = slope(theirs.detach(), t)
        optimizer.step()
        c = coefficients(rule, t, numbers | {"lr": lr}, len(shape), torch.float64)
        change, state = rule.update(slope(w[0], t).unsqueeze(0), w, state, c)
        w = w + change
        pairs = [(w[0], theirs.detach())]
        pairs += [(state[ours].squeeze(), read(optimizer, theirs)) for ours, read in slots]
        for a, b in pairs:
            apart = float((a - torch.as_tensor(b).squeeze()).abs().max())
            largest = max(largest, math.inf if math.isnan(apart) else apart)
    assert float((w[0] - start).abs().max()) > 0.1, "the test must go somewhere"
    return largest


def entry(*path):
    def read(optimizer, parameter):
        found = optimizer.state[parameter]
        for key in path:
            found = found[key]
        return found

    return read


MOMENTS = [("mean", entry("exp_avg")), ("mean_square", entry("exp_avg_sq"))]


def torch_lamb(params):
    return pytorch_optimizer.Lamb(
        params,
        lr=LAMB["lr"],
        betas=(LAMB["beta1"], LAMB["beta2"]),
        eps=LAMB["epsilon"],
        weight_decay=LAMB["weight_decay"],
        weight_decouple=False,
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
    if 1 in shape:
        slots = []  # squeezed
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


def their_soap(params):
    return pytorch_optimizer.SOAP(
        params,
        lr=SOAP["lr"],
        betas=(SOAP["beta1"], SOAP["beta2"]),
        shampoo_beta=SOAP["shampoo_beta"],
        weight_decay=SOAP["weight_decay"],
        precondition_frequency=3,
        eps=SOAP["epsilon"],
    )


SOAPS = [*MOMENTS, ("left", entry("GG", 0)), ("right", entry("GG", 1))]


@pytest.fixture
def precise(monkeypatch):
    """Their SOAP turns its basis in float32."""
    monkeypatch.setattr(pytorch_optimizer.optimizer.soap.torch, "float32", torch.float64)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5)])
@pytest.mark.usefixtures("precise")
def test_soap_is_that_of_pytorch_optimizer(shape):
    assert parting(soap.SOAP(frequency=3), SOAP, their_soap, shape, SOAPS) < 1e-8


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        (soap.SOAP(frequency=4), {}),
        (soap.SOAP(frequency=3, decay=False), {}),
        (soap.SOAP(frequency=3, largest=5), {}),
        (soap.SOAP(frequency=3), {"beta1": 0.81}),
        (soap.SOAP(frequency=3), {"shampoo_beta": 0.71}),
    ],
)
@pytest.mark.usefixtures("precise")
def test_another_soap_is_told_apart(rule, changed):
    slots = MOMENTS if rule.largest == 5 else SOAPS
    assert not parting(rule, SOAP | changed, their_soap, (4, 6), slots) < 1e-5


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
