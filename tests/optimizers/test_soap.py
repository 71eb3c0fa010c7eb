from __future__ import annotations

import pytest
import pytorch_optimizer
import torch
from reference.goldens import MOMENTS, entry, parting

from methodic.optimizers import soap

SOAP = {"lr": 0.05, "beta1": 0.8, "beta2": 0.9, "shampoo_beta": 0.7, "epsilon": 1e-3}
SOAP |= {"weight_decay": 0.2}


def their_soap(params, largest=10_000):
    return pytorch_optimizer.SOAP(
        params,
        lr=SOAP["lr"],
        betas=(SOAP["beta1"], SOAP["beta2"]),
        shampoo_beta=SOAP["shampoo_beta"],
        weight_decay=SOAP["weight_decay"],
        precondition_frequency=3,
        eps=SOAP["epsilon"],
        max_precondition_dim=largest,
    )


SOAPS = [*MOMENTS, ("left", entry("GG", 0)), ("right", entry("GG", 1))]


@pytest.fixture
def precise(monkeypatch):
    """Their SOAP turns its basis in float32."""
    monkeypatch.setattr(pytorch_optimizer.optimizer.soap.torch, "float32", torch.float64)


# Of a square: where a side has more rows than the gradient has rank, eigenvectors are undetermined.
@pytest.mark.parametrize("shape", [(2, 2), (4, 4), (5, 5)])
@pytest.mark.usefixtures("precise")
def test_soap_is_that_of_pytorch_optimizer(shape):
    assert parting(soap.SOAP(frequency=3), SOAP, their_soap, shape, SOAPS) < 1e-8


@pytest.mark.parametrize("shape", [(5, 5), (4, 5)])
@pytest.mark.usefixtures("precise")
def test_the_first_step_only_looks_without_bases_too(shape):
    def theirs(params):
        return their_soap(params, 3)

    assert parting(soap.SOAP(frequency=3, largest=3), SOAP, theirs, shape, MOMENTS) < 1e-8


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        (soap.SOAP(frequency=4), {}),
        (soap.SOAP(frequency=3, decay=False), {}),
        (soap.SOAP(frequency=3, largest=4), {}),
        (soap.SOAP(frequency=3), {"beta1": 0.81}),
        (soap.SOAP(frequency=3), {"shampoo_beta": 0.71}),
    ],
)
@pytest.mark.usefixtures("precise")
def test_another_soap_is_told_apart(rule, changed):
    slots = MOMENTS if rule.largest == 4 else SOAPS
    assert not parting(rule, SOAP | changed, their_soap, (5, 5), slots) < 1e-5
