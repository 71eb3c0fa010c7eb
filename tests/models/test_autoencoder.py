"""Autoencoders against torch's own layers; tied and untied."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from methodic.errors import InputError
from methodic.models.autoencoder import Autoencoder, rows_of
from methodic.models.inputs import Inputs
from methodic.types import Encoder, ParameterSpec, Pass
from tests.models.passes import MEMBERS, gradients_are_right, images, pass_of, scattered

INPUTS = Inputs(array=6, shape=(2, 3))


class Back:
    """The way there and back, without the head."""

    def __init__(self, model: Autoencoder) -> None:
        self.model = model
        self.buffers, self.noise = model.buffers, model.noise

    def parameters(self) -> dict[str, ParameterSpec]:
        every = self.model.parameters()
        return {name: spec for name, spec in every.items() if self.model.half(name) != "head"}

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.model.decoded(run, self.model.encoded(run, inputs))


def literal(w: dict[str, Tensor], x: Tensor, tied: bool) -> tuple[Tensor, Tensor]:
    """6-4-3-4-6, and a head behind the 3."""
    x = torch.sigmoid(x @ w["encoder.0.weight"] + w["encoder.0.bias"])
    x = torch.sigmoid(x @ w["encoder.1.weight"] + w["encoder.1.bias"])
    answer = x @ w["head.weight"] + w["head.bias"]
    back = w["encoder.1.weight"].T if tied else w["decoder.0.weight"]
    x = torch.sigmoid(x @ back + w["decoder.0.bias"])
    back = w["encoder.0.weight"].T if tied else w["decoder.1.weight"]
    return answer, x @ back + w["decoder.1.bias"]


@pytest.mark.parametrize("tied", [True, False])
def test_like_a_literal_version(tied: bool) -> None:
    how = {"encoder": (4, 3), "tied": tied, "activation": "sigmoid"}
    model = Autoencoder(INPUTS, 2, **how, output_activation="sigmoid")  # type: ignore[arg-type]
    assert (model.outputs, model.features) == (2, 3)
    parameters, x = scattered(model), images(5, 2, 3)
    run = pass_of(model, parameters)
    answers, features = model(run, x), model.encoded(run, x)
    assert torch.equal(model.answered(run, features), answers)
    back, logits = model.decoded(run, features), model.decoded(run, features, activated=False)
    for m in range(MEMBERS):
        w = {name: value[m] for name, value in parameters.items()}
        answer, wanted = literal(w, x["array"][m].flatten(1), tied)
        torch.testing.assert_close(answers[m], answer)
        torch.testing.assert_close(logits[m], wanted)
        torch.testing.assert_close(back[m], torch.sigmoid(wanted))
        if tied:
            other = {**w, "encoder.1.weight": w["encoder.1.weight"].flip(0)}
            assert not torch.allclose(logits[m], literal(other, x["array"][m].flatten(1), True)[1])
    plain = Autoencoder(INPUTS, 2, **how)  # type: ignore[arg-type]
    assert torch.equal(plain.decoded(run, features), logits)


@pytest.mark.parametrize("tied", [True, False])
def test_gradients(tied: bool) -> None:
    model = Autoencoder(INPUTS, 2, encoder=(3, 2), tied=tied, activation="tanh")
    assert gradients_are_right(Back(model), images(4, 2, 3, dtype=torch.float64))


def test_halves() -> None:
    model = Autoencoder(INPUTS, 2, encoder=(4, 3))
    halves = {name: model.half(name) for name in model.parameters()}
    assert halves == {name: name.partition(".")[0] for name in halves}
    assert set(halves.values()) == {"encoder", "decoder", "head"}
    assert isinstance(model, Encoder)


def test_sizes_of_the_classic_one() -> None:
    """784-64-32-784, and tied with the hidden layer mirrored: 784-64-32-64-784."""
    digits = Inputs(array=784, shape=(28, 28))
    short = Autoencoder(digits, 10, encoder=(64, 32), decoder=())
    weights = [s.shape for n, s in short.parameters().items() if n.endswith("weight")]
    assert weights == [(784, 64), (64, 32), (32, 784), (32, 10)]
    tied = Autoencoder(digits, 10, encoder=(64, 32), tied=True)
    free = Autoencoder(digits, 10, encoder=(64, 32))
    counts = [sum(math.prod(s.shape) for s in m.parameters().values()) for m in (tied, free)]
    assert counts[1] - counts[0] == 784 * 64 + 64 * 32
    assert free.parameters()["encoder.0.weight"].first
    assert free.parameters()["decoder.1.weight"].role == "head"


def test_columns_and_arrays_together() -> None:
    model = Autoencoder(Inputs(numeric=2, array=6, shape=(2, 3)), 4, encoder=(3,))
    x = {**images(5, 2, 3), "numeric": torch.randn(MEMBERS, 5, 2)}
    assert model(pass_of(model, scattered(model)), x).shape == (MEMBERS, 5, 4)
    assert Back(model)(pass_of(model, scattered(model)), x).shape == (MEMBERS, 5, 8)
    assert torch.equal(rows_of(x)[..., :2], x["numeric"])
    assert model.encoded(pass_of(model, scattered(model)), x).shape == (MEMBERS, 5, 3)


def test_what_cannot_be() -> None:
    with pytest.raises(InputError, match="gives numbers back"):
        Autoencoder(Inputs(numeric=2, categorical=1, codes=3), 2)
    with pytest.raises(InputError, match="tied layers of different shapes") as caught:
        Autoencoder(INPUTS, 2, encoder=(4, 3), decoder=(), tied=True)
    assert "2 layers of the encoder, 1 of the decoder" in str(caught.value.found)
    with pytest.raises(InputError, match="tied layers of different shapes"):
        Autoencoder(INPUTS, 2, encoder=(4, 3), decoder=(5,), tied=True)
