"""FT-Transformer against torch's own attention, its gradients, its size."""

from __future__ import annotations

import math

import pytest
import torch

from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.models.transformer import FTTransformer
from tests.models.passes import MEMBERS, gradients_are_right, pass_of, scattered, table
from tests.reference import networks as reference

INPUTS = Inputs(numeric=3, categorical=2, codes=9, sizes=(4, 5))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("depth", "heads"), [(1, 1), (2, 2), (3, 4)])
def test_like_torchs_attention(depth: int, heads: int, training: bool) -> None:
    model = FTTransformer(INPUTS, 3, width=8, depth=depth, heads=heads)
    parameters, x = scattered(model), table(6, 3, (4, 5))
    got = model(pass_of(model, parameters, 6, training=training), x)
    for m in range(MEMBERS):
        w = reference.member(parameters, m)
        numeric, codes = x["numeric"][m], x["categorical"][m]
        due = reference.ft_transformer(w, numeric, codes, depth, heads)
        torch.testing.assert_close(got[m], due, rtol=1e-4, atol=1e-5)


def test_the_comparison_notices_another_count_of_heads() -> None:
    model = FTTransformer(INPUTS, 3, width=8, depth=2, heads=2)
    parameters, x = scattered(model), table(6, 3, (4, 5))
    got = model(pass_of(model, parameters, 6), x)[0]
    w = reference.member(parameters, 0)
    due = reference.ft_transformer(w, x["numeric"][0], x["categorical"][0], 2, 4)
    assert not torch.allclose(got, due, atol=1e-3)


def test_gradients() -> None:
    """A row token and width 4; the last block alone attends for it."""
    inputs = Inputs(numeric=1, categorical=1, codes=3)
    model = FTTransformer(
        inputs,
        2,
        width=4,
        depth=2,
        heads=2,
        dropout="model.dropout",
        attention_dropout="model.attention_dropout",
        residual_dropout="model.residual_dropout",
    )
    x = table(3, 1, (3,), torch.float64)
    rates = {"dropout": 0.2, "attention_dropout": 0.2, "residual_dropout": 0.2}
    assert gradients_are_right(model, x, **rates)


def test_each_rate_matters_in_training_alone() -> None:
    names = ("dropout", "attention_dropout", "residual_dropout")
    plain = FTTransformer(INPUTS, 3, width=8, depth=2, heads=2)
    parameters, x = scattered(plain), table(6, 3, (4, 5))
    due = plain(pass_of(plain, parameters, 6), x)
    for name in names:
        model = FTTransformer(INPUTS, 3, width=8, depth=2, heads=2, **{name: f"model.{name}"})  # type: ignore[arg-type]
        assert not torch.allclose(model(pass_of(model, parameters, 6, **{name: 0.5}), x), due)
        still = model(pass_of(model, parameters, training=False, **{name: 0.5}), x)
        torch.testing.assert_close(still, due)


def test_size() -> None:
    """The paper's default for 8 numeric columns: 3 blocks of width 192."""
    model = FTTransformer(Inputs(numeric=8), 1)
    count = sum(math.prod(spec.shape) for spec in model.parameters().values())
    attention, gated = 4 * (192 * 192 + 192), 192 * 512 + 512 + 256 * 192 + 192
    norms = 2 * 192 * (2 + 3)  # no norm in front of the first attention, one at the head
    assert count == 192 + 2 * 8 * 192 + 3 * (attention + gated) + norms + 2 * 192 + 193
    specs = model.parameters()
    assert specs["token.weight"].first
    assert not specs["token.weight"].decays


def test_arrays_are_no_columns() -> None:
    with pytest.raises(InputError, match="columns into tokens"):
        FTTransformer(Inputs(numeric=2, array=9, shape=(3, 3)), 2)
    with pytest.raises(InputError, match="columns into tokens"):
        FTTransformer(Inputs(), 2)
