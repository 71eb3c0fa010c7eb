"""Every rule as a torch.optim optimizer: states, copies, and errors."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from reference.torch_rules import MAKERS, every_rule, network, slope, train

from methodic import optimizers
from methodic.errors import InputError


def test_every_exported_optimizer_is_here():
    made = {type(make(network().parameters())).__name__ for make in MAKERS.values()}
    assert made | {"Adam", "LBFGS", "Rule", "TorchOptimizer"} >= set(optimizers.__all__)


@every_rule
def test_losses_fall(name):
    model = network()
    optimizer = MAKERS[name](model.parameters())
    before = slope(model, optimizer, 0)
    train(model, optimizer, range(60))
    assert slope(model, optimizer, 0) < before - 0.01


@every_rule
def test_a_saved_state_goes_on_to_the_bit(name):
    straight = network()
    expected = train(straight, MAKERS[name](straight.parameters()), range(9))
    model = network()
    optimizer = MAKERS[name](model.parameters())
    train(model, optimizer, range(5))
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed = network()
    resumed.load_state_dict(saved["model"])
    fresh = MAKERS[name](resumed.parameters())
    fresh.load_state_dict(saved["optimizer"])
    assert torch.equal(train(resumed, fresh, range(5, 9)), expected)
    forgetful = network()
    forgetful.load_state_dict(saved["model"])
    other = train(forgetful, MAKERS[name](forgetful.parameters()), range(5, 9))
    assert name == "plain" or not torch.equal(other, expected)


@every_rule
def test_a_copy_goes_on_by_itself(name):
    model = network()
    optimizer = MAKERS[name](model.parameters())
    train(model, optimizer, range(4))
    other, copied = copy.deepcopy((model, optimizer))
    ended = train(model, optimizer, range(4, 7))
    assert torch.equal(train(other, copied, range(4, 7)), ended)


@every_rule
def test_the_state_is_that_of_each_parameter(name):
    model = network()
    optimizer = MAKERS[name](model.parameters())
    train(model, optimizer, range(2))
    for state in optimizer.state_dict()["state"].values():
        assert state["step"] == 2
        assert all(isinstance(v, torch.Tensor) for k, v in state.items() if k != "step")


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda p: optimizers.SGD(p, momentum=1.5), "'momentum'"),
        (lambda p: optimizers.SGD(p, dampening=1.0), "'dampening'"),
        (lambda p: optimizers.Adadelta(p, rho=1.0), "'rho'"),
        (lambda p: optimizers.Adan(p, beta3=1.0), "'beta3'"),
        (lambda p: optimizers.IVON(p, ess=0.0), "'ess'"),
        (lambda p: optimizers.Muon(p, adamw_beta2=1.0), "'adamw_beta2'"),
        (lambda p: optimizers.Muon(p, iterations=0), "'iterations'"),
        (lambda p: optimizers.Muon(p, adjust="none"), "'adjust'"),
        (lambda p: optimizers.SOAP(p, frequency=0), "'frequency'"),
        (lambda p: optimizers.SOAP(p, largest=2.5), "'largest'"),
        (lambda p: optimizers.Adam(p, amsgrad="yes"), "'amsgrad'"),
        (lambda p: optimizers.Prodigy(p, d0=0.0), "'d0'"),
        (lambda p: optimizers.Adafactor(p, threshold=0.5), "'threshold'"),
        (lambda p: optimizers.AdamW([{"params": list(p), "momentum": 0.9}]), "momentum"),
    ],
)
def test_options_out_of_range_are_refused(make, named):
    with pytest.raises(InputError) as caught:
        make(network().parameters())
    assert named in str(caught.value)


def test_sparse_gradients_are_refused_later_too():
    embedding = torch.nn.Embedding(5, 2, sparse=True)
    optimizer = optimizers.AdamW(embedding.parameters())
    embedding.weight.grad = torch.ones(5, 2)
    optimizer.step()
    embedding.weight.grad = torch.ones(5, 2).to_sparse()
    with pytest.raises(InputError, match="dense"):
        optimizer.step()
