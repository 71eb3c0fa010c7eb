"""TabM against a literal version, submodel by submodel; its averages, its start and its size."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from methodic.models import tabm
from methodic.models.inputs import Inputs
from methodic.models.parts.activations import activate
from methodic.models.parts.initialization import initial_parameters
from methodic.models.parts.numeric import PiecewiseLinear
from methodic.models.precision import InBfloat16
from methodic.models.tabm import TabM
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


def net(pwl: bool = False, **more: object) -> TabM:
    numeric = PiecewiseLinear("numeric", 5, 3, 4) if pwl else None
    return TabM(INPUTS, 3, width=7, depth=2, submodels=4, numeric=numeric, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("pwl", [False, True])
def test_like_a_literal_version(pwl: bool) -> None:
    model, x = net(pwl), table(9, 5, SIZES)
    _, buffers = model.adapted(scattered(model), started(model), same_rows(x))
    parameters = scattered(model)
    got = model(pass_of(model, parameters, 9, buffers=buffers), x)
    assert got.shape == (MEMBERS, 9, 4, 3)
    still = pass_of(model, parameters, training=False, buffers=buffers)
    predicted, entered = model(still, x), model.front(still, x)
    for m in range(MEMBERS):
        due = reference.tabm(reference.member(parameters, m), entered[m], 2)
        torch.testing.assert_close(got[m], due)
        mean = torch.stack([due[:, k].softmax(-1) for k in range(4)]).mean(0)
        torch.testing.assert_close(predicted[m].softmax(-1), mean)


def test_the_comparison_notices_a_submodel_in_anothers_place() -> None:
    model, x = net(), table(9, 5, SIZES)
    parameters = scattered(model)
    got = model(pass_of(model, parameters, 9), x)
    w = reference.member(parameters, 0)
    turned = {**w, "hidden.1.inward": w["hidden.1.inward"].flip(0)}
    entered = model.front(pass_of(model, parameters, training=False), x)[0]
    assert not torch.allclose(got[0], reference.tabm(turned, entered, 2), atol=1e-3)


@pytest.mark.parametrize("averages", ["probabilities", "outputs"])
def test_averages(averages: Literal["probabilities", "outputs"]) -> None:
    model, x = net(averages=averages), table(9, 5, SIZES)
    parameters = scattered(model)
    each = model(pass_of(model, parameters, 9), x)
    got = model(pass_of(model, parameters, training=False), x)
    due = each.mean(2) if averages == "outputs" else each.softmax(-1).mean(2).log()
    torch.testing.assert_close(got, due)
    assert torch.isfinite(got).all()


def test_rows_are_evaluated_some_at_a_time() -> None:
    model, x = net(averages="outputs"), table(600, 5, SIZES)
    parameters = scattered(model)
    each = model(pass_of(model, parameters, 600), x)
    torch.testing.assert_close(model(pass_of(model, parameters, training=False), x), each.mean(2))


def test_sure_submodels_have_finite_logarithms() -> None:
    model, x = net(), table(9, 5, SIZES)
    parameters = {name: value * 1000 for name, value in scattered(model).items()}
    assert torch.isfinite(model(pass_of(model, parameters, training=False), x)).all()


def test_each_submodel_drops_units_of_its_own() -> None:
    model, x = net(dropout="model.dropout"), table(9, 5, SIZES)
    assert model.noise(9)["dropout/0"].shape == (9, 4 * 7)
    start = initial_parameters(model.parameters(), range(MEMBERS))
    alike = {**start, "hidden.0.inward": torch.ones_like(start["hidden.0.inward"])}
    head = alike["head.weight"][:, :1].expand_as(alike["head.weight"])
    alike |= {"head.weight": head, "head.bias": torch.zeros_like(alike["head.bias"])}
    out = model(pass_of(model, alike, 9, dropout=0.0), x)
    torch.testing.assert_close(out[:, :, 0], out[:, :, 3])
    out = model(pass_of(model, alike, 9, dropout=0.5), x)
    assert not torch.allclose(out[:, :, 0], out[:, :, 3], atol=1e-3)


def test_in_bfloat16_all_between_the_products_is_of_16_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: set[torch.dtype] = set()

    def noted(name: str, x: Tensor) -> Tensor:
        seen.add(x.dtype)
        return activate(name, x)

    monkeypatch.setattr(tabm, "activate", noted)
    model, x = net(dropout="model.dropout"), table(9, 5, SIZES)
    run = pass_of(model, scattered(model), 9, dropout=0.5)
    exact = model(run, x)
    assert seen == {torch.float32}
    seen.clear()
    rough = InBfloat16(model)(run, x)
    assert seen == {torch.bfloat16}
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, rtol=0.1, atol=0.1)


def test_start() -> None:
    """Signs, or normal numbers with embeddings, alike for all entries of a column; else ones."""
    start = initial_parameters(net().parameters(), range(MEMBERS))
    signs = start["hidden.0.inward"]
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    wide = initial_parameters(net(pwl=True).parameters(), range(MEMBERS))["hidden.0.inward"]
    assert wide.shape == (MEMBERS, 4, 5 * 3 + 2 + 5 + 20)
    assert bool((wide[..., 0] == wide[..., 2]).all())
    assert not bool((wide[..., 2] == wide[..., 3]).any())
    # With one-hot columns, each entry is drawn by itself only between columns' own runs.
    for name in ("hidden.0.outward", "hidden.1.inward", "hidden.1.outward"):
        assert torch.equal(start[name], torch.ones_like(start[name]))
    for name in ("hidden.0.bias", "hidden.1.bias"):
        assert torch.equal(start[name], start[name][:, :1].expand_as(start[name]))
    assert not torch.equal(start["head.bias"][:, 0], start["head.bias"][:, 1])


def test_gradients() -> None:
    model = TabM(
        Inputs(numeric=2, categorical=2, codes=9, sizes=(3, 6)),
        2,
        width=3,
        depth=2,
        submodels=2,
        activation="tanh",
        dropout="model.dropout",
        numeric=PiecewiseLinear("numeric", 2, 2, 3),
        embedding=2,
        one_hot=2,
    )
    x = table(5, 2, (3, 6), torch.float64)
    drawn = scattered(model, torch.float64)
    _, buffers = model.adapted(drawn, started(model, torch.float64), same_rows(x))
    assert gradients_are_right(model, x, buffers, dropout=0.3)


def test_size() -> None:
    """The counts of its authors' own code for such columns."""
    model = TabM(INPUTS, 3, width=64, submodels=8)
    assert sum(math.prod(spec.shape) for spec in model.parameters().values()) == 16_152
    small = TabM(INPUTS, 3, width=64, depth=2, submodels=8, numeric=PiecewiseLinear("numeric", 5))
    assert sum(math.prod(spec.shape) for spec in small.parameters().values()) == 19_920
    assert not [n for n, spec in model.parameters().items() if spec.first]  # categories are one-hot
    numbers = TabM(Inputs(numeric=5), 3, width=64, depth=2, submodels=8).parameters()
    assert [n for n, spec in numbers.items() if spec.first] == ["hidden.0.weight"]
    assert not [n for n, spec in small.parameters().items() if spec.first]
    heads = [n for n, spec in model.parameters().items() if spec.role == "head"]
    assert heads == ["head.weight", "head.bias"]
