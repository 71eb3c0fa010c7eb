"""RealMLP against a literal version, its start from data, its rates, and its size."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from methodic.models.inputs import Inputs
from methodic.models.parts.initialization import initial_parameters
from methodic.models.parts.numeric import PBLD
from methodic.models.realmlp import RealMLP, ScaledLinear
from tests.models.passes import (
    MEMBERS,
    gradients_are_right,
    pass_of,
    same_rows,
    scattered,
    started,
    table,
)
from tests.reference import networks as reference

SIZES = (3, 6, 21)
INPUTS = Inputs(numeric=5, categorical=3, codes=30, sizes=SIZES)
ACTIVATIONS = {"selu": nn.SELU(), "mish": nn.Mish()}


def net(width: int = 7, depth: int = 2, **more: object) -> RealMLP:
    return RealMLP(INPUTS, 3, width=width, depth=depth, numeric=PBLD("numeric", 5), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_like_a_literal_version(activation: str, training: bool) -> None:
    model, x = net(activation=activation), table(9, 5, SIZES)
    _, buffers = model.adapted(scattered(model), started(model), same_rows(x))
    parameters = scattered(model)
    run = pass_of(model, parameters, 9, training=training, buffers=buffers)
    got, entered = model(run, x), model.front(run, x)
    for m in range(MEMBERS):
        w = reference.member(parameters, m)
        torch.testing.assert_close(entered[m, :, :20], reference.pbld(w, x["numeric"][m]))
        due = reference.realmlp(w, entered[m], 2, ACTIVATIONS[activation])
        torch.testing.assert_close(got[m], due)


def test_the_comparison_notices_another_activation() -> None:
    model, x = net(activation="selu"), table(9, 5, SIZES)
    parameters = scattered(model)
    run = pass_of(model, parameters, training=False)
    w = reference.member(parameters, 0)
    other = reference.realmlp(w, model.front(run, x)[0], 2, nn.Mish())
    assert not torch.allclose(model(run, x)[0], other, atol=1e-3)


def test_dropout_comes_behind_each_activation() -> None:
    model, x = net(dropout="model.dropout"), table(9, 5, SIZES)
    assert set(model.noise(9)) == {"dropout/0", "dropout/1"}
    parameters = scattered(model)
    dropped = model(pass_of(model, parameters, 9, dropout=0.5), x)
    still = model(pass_of(model, parameters, 9, training=False, dropout=0.5), x)
    assert not torch.allclose(dropped, still)
    torch.testing.assert_close(still, net()(pass_of(net(), parameters, training=False), x))


def test_gradients() -> None:
    model = RealMLP(
        Inputs(numeric=2, categorical=2, codes=9, sizes=(3, 6)),
        2,
        width=3,
        depth=2,
        activation="mish",
        dropout="model.dropout",
        numeric=PBLD("numeric", 2, 3, 2, 0.5),
        embedding=2,
        one_hot=2,
    )
    x = table(5, 2, (3, 6), torch.float64)
    assert gradients_are_right(model, x, dropout=0.3)


def test_units_start_with_variance_one_and_kinks_among_the_data() -> None:
    layer, x = ScaledLinear("a", 6, 400), table(300, 6)["numeric"]
    drawn = initial_parameters(layer.parameters(), range(MEMBERS))
    run = pass_of(layer, drawn)
    x = same_rows({"x": x * 3 + 1})["x"]
    fitted = {**drawn, **layer.fitted(run, x)}
    weight, bias = fitted["a.weight"], fitted["a.bias"]
    products = x @ weight / math.sqrt(6)
    torch.testing.assert_close(products.std(1, correction=0), torch.ones(MEMBERS, 400))
    # −bias is a convex combination of values of the unit.
    assert bool((-bias <= products.amax(1) + 1e-5).all())
    assert bool((-bias >= products.amin(1) - 1e-5).all())
    # Of five, with shares uniform on the simplex: their squares sum to 1/3 on average, so that a
    # combination of independent values with variance 1 has variance 1/3.
    centred = -bias - products.mean(1)
    assert float(centred.var()) == pytest.approx(1 / 3, rel=0.2)
    assert not torch.equal(bias[0], bias[1])


def test_a_start_is_a_members_own() -> None:
    model, rows = net(width=5), same_rows(table(50, 5, SIZES))
    drawn = initial_parameters(model.parameters(), [4, 9])
    both, buffers = model.adapted(drawn, started(model), rows)
    alone, _ = model.adapted(
        initial_parameters(model.parameters(), [9]),
        {name: value[:1] for name, value in started(model).items()},
        {name: value[:1] for name, value in rows.items()},
    )
    assert all(torch.equal(both[name][1:], alone[name]) for name in alone)
    assert not torch.equal(both["hidden.1.bias"][0], both["hidden.1.bias"][1])
    assert all(torch.equal(value[0], value[1]) for value in buffers.values())


def test_size_and_rates() -> None:
    """The counts of its authors' own code for such columns, and its factors of rates."""
    model = RealMLP(INPUTS, 3, numeric=PBLD("numeric", 5))
    specs = model.parameters()
    assert sum(math.prod(spec.shape) for spec in specs.values()) == 142_700
    numbers = RealMLP(INPUTS, 1, activation="mish", numeric=PBLD("numeric", 5)).parameters()
    assert sum(math.prod(spec.shape) for spec in numbers.values()) == 142_186
    rates = {name: spec.lr_scale for name, spec in specs.items()}
    assert rates.pop("scale") == 6.0
    for name, rate in rates.items():
        slow = name.startswith("numeric.") or name.endswith((".bias", ".mix"))
        assert rate == (0.1 if slow else 1.0), name
    assert [name for name, spec in specs.items() if spec.role == "head"] == [
        "head.weight",
        "head.bias",
    ]
    assert not [name for name, spec in specs.items() if spec.first]
    assert not [name for name, spec in RealMLP(INPUTS, 3).parameters().items() if spec.first]
    plain = RealMLP(Inputs(numeric=5), 3).parameters()
    assert [name for name, spec in plain.items() if spec.first] == ["hidden.0.weight"]
    assert {n for n, spec in specs.items() if not spec.decays} == {
        "hidden.0.bias",
        "hidden.1.bias",
        "hidden.2.bias",
        "head.bias",
    }


def test_parts_can_be_left_out() -> None:
    model = RealMLP(INPUTS, 3, width=4, depth=1, scale=False, parametric=False)
    assert not {"scale", "hidden.0.mix"} & set(model.parameters())
    x = table(6, 5, SIZES)
    assert model(pass_of(model, scattered(model), training=False), x).shape == (MEMBERS, 6, 3)


def test_a_rate_scales_all_updates() -> None:
    plain, quick = (RealMLP(Inputs(numeric=4), 1, width=8, depth=1, rate=r) for r in (1.0, 3.5))
    found = {k: v.lr_scale / plain.parameters()[k].lr_scale for k, v in quick.parameters().items()}
    assert set(found.values()) == {3.5}
