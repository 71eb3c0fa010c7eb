"""A network of which only the first outputs are predictions."""

from __future__ import annotations

import torch

from methodic.models.mlp import MLP, Inputs
from methodic.models.outputs import FirstOutputs
from methodic.models.parts.initialization import initial_buffers, initial_parameters
from methodic.types import Model, Pass

INNER = MLP(Inputs(numeric=4), outputs=2, width=3, depth=1, normalization="batch", dropout="p")


def passed(model: Model, training: bool) -> torch.Tensor:
    run = Pass(
        initial_parameters(INNER.parameters(), [0, 1]),
        initial_buffers(INNER.buffers(), 2),
        {name: torch.zeros(2, *site.shape) for name, site in INNER.noise(5).items()},
        {"p": torch.full((2,), 0.5)},
        training,
    )
    x = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    return model(run, {"numeric": x})


def test_training_sees_all_outputs_and_evaluation_the_first() -> None:
    model = FirstOutputs(INNER, 1)
    assert isinstance(model, Model)
    assert torch.equal(passed(model, True), passed(INNER, True))
    assert torch.equal(passed(model, False), passed(INNER, False)[..., :1])
