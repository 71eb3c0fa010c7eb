"""A network with the parameters that objectives add to it."""

from __future__ import annotations

import torch

from methodic.models.around import encoder, inmost
from methodic.models.extended import Extended
from methodic.models.inputs import Inputs
from methodic.models.mlp import MLP
from methodic.models.outputs import FirstOutputs
from methodic.models.precision import InBfloat16
from methodic.models.quicknet import QuickNet
from methodic.models.standardised import Standardised
from methodic.types import Encoder, Model, ParameterSpec
from tests.models.passes import images, pass_of, scattered, started, table

INNER = MLP(Inputs(numeric=3), 2, width=4, depth=1, normalization="batch", dropout="model.dropout")
MORE = {
    "s.projector.0.weight": ParameterSpec((4, 3), "normal"),
    "s.w": ParameterSpec((1,), "zeros"),
}


def test_more_parameters_and_nothing_else() -> None:
    model = Extended(INNER, MORE)
    assert isinstance(model, Model)
    assert model.parameters() == {**INNER.parameters(), **MORE}
    assert list(model.parameters())[-2:] == list(MORE)
    assert (model.native, model.outputs, model.features) == (True, 2, 4)
    assert model.buffers() == INNER.buffers()
    assert model.noise(5) == INNER.noise(5)
    assert inmost(model) is INNER
    assert {n: model.half(n) for n in INNER.parameters()} == {
        n: INNER.half(n) for n in INNER.parameters()
    }


def test_it_answers_as_the_network_does() -> None:
    model, x = Extended(INNER, MORE), table(5)
    parameters = scattered(model)
    runs = [pass_of(each, parameters, 5, dropout=0.4) for each in (model, INNER)]
    assert torch.equal(model(runs[0], x), INNER(runs[1], x))
    assert runs[0].new_buffers.keys() == runs[1].new_buffers.keys() != set()
    features = model.encoded(runs[0], x)
    assert torch.equal(features, INNER.encoded(runs[1], x))
    assert torch.equal(model.answered(runs[0], features), INNER.answered(runs[1], features))


def test_what_is_learnt_before_the_first_step_leaves_the_others_alone() -> None:
    network = QuickNet(Inputs(array=2 * 81, shape=(2, 9, 9)), 2, channels=(2,))
    model = Extended(network, MORE)
    parameters, buffers, x = scattered(model), started(model), images(6, 2, 9, 9)
    found, seen = model.adapted(parameters, buffers, x)
    assert all(torch.equal(found[name], parameters[name]) for name in MORE)
    assert not torch.equal(seen["whitening.weight"], buffers["whitening.weight"])


def test_around_and_within_other_networks() -> None:
    """Halves are those of the network inside, whatever stands around it."""
    shape = Inputs(array=18, shape=(2, 3, 3))
    network = MLP(shape, 4, width=5, depth=1)
    inner = FirstOutputs(Standardised(network, ((0.5, 0.2), (0.1, 2.0))), 2)
    model = InBfloat16(Extended(inner, MORE))
    assert inmost(model) is network
    assert isinstance(encoder(model), Encoder)
    x, parameters = images(6, 2, 3, 3), scattered(model)
    run = pass_of(model, parameters)
    features = model.encoded(run, x)
    assert features.dtype == torch.float32
    means, deviations = torch.tensor([0.5, 0.1]), torch.tensor([0.2, 2.0])
    scaled = (x["array"] - means.view(2, 1, 1)) / deviations.view(2, 1, 1)
    exact = network.encoded(run, {"array": scaled})
    torch.testing.assert_close(features, exact, rtol=0.05, atol=0.05)
    assert not torch.equal(features, exact)
    assert model.answered(run, features).shape[-1] == 4, "in training all outputs"
    run.training = False
    assert model.answered(run, features).shape[-1] == 2
    assert model.answered(run, features).dtype == torch.float32
