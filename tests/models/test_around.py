"""Networks around a network: what they leave to it."""

from __future__ import annotations

import pytest
import torch

from methodic.errors import InputError
from methodic.models.around import Around, encoder, inmost
from methodic.models.mlp import MLP, Inputs
from methodic.models.outputs import FirstOutputs
from methodic.models.own.module import ModuleModel
from methodic.models.precision import InBfloat16
from methodic.models.quicknet import QuickNet
from methodic.models.standardised import Standardised
from methodic.models.tabm import TabM
from methodic.types import Encoder, Model
from tests.models.passes import images, scattered, started

INNER = MLP(Inputs(array=4), outputs=2, width=3, depth=1, normalization="batch", dropout="p")
PICTURES = QuickNet(Inputs(array=2 * 81, shape=(2, 9, 9)), 2, channels=(2,))


def around(model: Model) -> list[Around]:
    return [FirstOutputs(model, 1), InBfloat16(model), Standardised(model, ((0.0, 1.0),) * 2)]


@pytest.mark.parametrize("which", range(3))
def test_everything_else_is_the_networks_own(which: int) -> None:
    made = around(INNER)[which]
    assert isinstance(made, Model)
    assert made.native
    assert made.outputs == (1 if isinstance(made, FirstOutputs) else 2)
    assert made.parameters() == INNER.parameters()
    assert made.buffers() == INNER.buffers()
    assert made.noise(7) == INNER.noise(7)
    assert made.noise(7)


@pytest.mark.parametrize("which", range(3))
def test_what_is_learnt_before_the_first_step(which: int) -> None:
    given = scattered(PICTURES), started(PICTURES), images(6, 2, 9, 9)
    name = "whitening.weight"
    _, found = around(PICTURES)[which].adapted(*given)
    _, want = PICTURES.adapted(*given)
    assert torch.equal(found[name], want[name])
    assert not torch.equal(found[name], given[1][name])


def test_a_module_of_the_users_learns_nothing_before_it() -> None:
    module = ModuleModel(torch.nn.Linear(4, 2), 2)
    assert not hasattr(module, "adapted")
    made = FirstOutputs(module, 1)
    assert not made.native
    state = {"a": torch.ones(1)}, {"b": torch.ones(1)}
    assert made.adapted(*state, {}) == state


def test_halves_are_the_networks_own() -> None:
    for made in around(INNER):
        assert encoder(made) is made
        assert isinstance(made, Encoder)
        assert inmost(made) is INNER
        assert made.features == INNER.features == 3
        assert {made.half(name) for name in INNER.parameters()} == {"encoder", "head"}
    nested = Standardised(FirstOutputs(INNER, 1), ((0.0, 1.0),))
    assert inmost(nested) is INNER


def test_a_network_without_halves() -> None:
    for model in (
        ModuleModel(torch.nn.Linear(4, 2), 2),
        TabM(Inputs(numeric=4), 2, width=3, depth=1, submodels=2),
    ):
        for given in (model, FirstOutputs(model, 1)):
            with pytest.raises(InputError, match="an encoder and a head") as caught:
                encoder(given)
            assert caught.value.found == f"the network {type(model).__name__}"
            assert caught.value.advice
