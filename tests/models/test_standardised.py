"""Images standardised in front of a network."""

from __future__ import annotations

import torch

from methodic.build import networks
from methodic.models.inputs import Inputs
from methodic.models.mlp import MLP
from methodic.models.quicknet import QuickNet
from methodic.models.standardised import Standardised
from methodic.recipes.kinds import models as recipe
from tests.models.passes import images, pass_of, scattered, started

SCALING = ((0.5, 0.25), (0.1, 2.0))
MEANS, DEVIATIONS = torch.tensor(SCALING).T.view(2, 1, 1, 2, 1, 1)


def test_by_channel() -> None:
    inputs = Inputs(array=2 * 12, shape=(2, 3, 4), scaling=SCALING)
    model = networks.network(recipe.MLP(width=5, depth=1), inputs, 3)
    assert isinstance(model, Standardised)
    plain = MLP(inputs, 3, width=5, depth=1)
    parameters, x = scattered(plain), images(4, 2, 3, 4)
    assert model.parameters() == plain.parameters()
    run = pass_of(plain, parameters, 4)
    torch.testing.assert_close(
        model(run, x), plain(run, {"array": (x["array"] - MEANS) / DEVIATIONS})
    )
    assert not torch.allclose(model(run, x), plain(run, x), atol=1e-3)
    assert isinstance(networks.network(recipe.MLP(), Inputs(array=24, shape=(2, 3, 4)), 3), MLP)


def test_what_is_learnt_before_the_first_step_is_learnt_behind_it() -> None:
    shape = Inputs(array=2 * 81, shape=(2, 9, 9))
    plain = QuickNet(shape, 3, channels=(2,))
    model = Standardised(plain, SCALING)
    x, parameters, buffers = images(6, 2, 9, 9), scattered(plain), started(plain)
    _, found = model.adapted(parameters, buffers, x)
    scaled = {"array": (x["array"] - MEANS) / DEVIATIONS}
    _, want = plain.adapted(parameters, buffers, scaled)
    name = "whitening.weight"
    torch.testing.assert_close(found[name], want[name], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(found[name], plain.adapted(parameters, buffers, x)[1][name])
