"""Embeddings of numeric columns against literal versions, and their start from training rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from methodic.models.parts.initialization import initial_parameters
from methodic.models.parts.numeric import PBLD, NumericEmbedding, Periodic, PiecewiseLinear
from tests.models.passes import MEMBERS, gradients_are_right, pass_of, same_rows, scattered, table
from tests.reference import networks as reference


class Alone:
    """A numeric embedding as a model, so that gradients can be checked."""

    def __init__(self, layer: NumericEmbedding) -> None:
        self.layer = layer
        self.parameters, self.buffers, self.noise = layer.parameters, layer.buffers, layer.noise

    def __call__(self, run: object, inputs: dict[str, Tensor]) -> Tensor:
        return self.layer(run, inputs["numeric"])  # type: ignore[arg-type]


def columns(rows: int) -> Tensor:
    """Continuous, few values, one value, two values: [N, 4]."""
    generator = torch.Generator().manual_seed(4)
    return torch.stack(
        [
            torch.randn(rows, generator=generator) * 3,
            torch.randint(0, 3, (rows,), generator=generator).float(),
            torch.full((rows,), 7.0),
            torch.randint(0, 2, (rows,), generator=generator).float(),
        ],
        1,
    )


def test_bins_are_those_of_quantiles() -> None:
    """Entry by entry as in the paper, for all kinds of columns, within and beyond the data."""
    layer, rows = PiecewiseLinear("numeric", 4, each=3, bins=6), columns(200)
    x = rows.expand(MEMBERS, -1, -1)
    run = pass_of(layer, scattered(layer))
    buffers = layer.fitted(run, x)
    run = pass_of(layer, scattered(layer), buffers=buffers)
    test = torch.cat([rows[:40], rows[:10] * 4 - 5])
    got = layer.encoded(run, test.expand(MEMBERS, -1, -1))
    for d in range(4):
        known = reference.edges(rows[:, d].double().numpy(), 6)
        known = known if len(known) > 1 else [known[0], known[0] + 1]
        for row, value in enumerate(test[:, d].tolist()):
            due = reference.piecewise_linear(value, known, 6)
            np.testing.assert_allclose(got[0, row, d].numpy(), due, rtol=2e-5, atol=2e-5)
    assert torch.equal(got[0], got[1])


def test_piecewise_linear_starts_linear_and_bends() -> None:
    layer, x = PiecewiseLinear("numeric", 3, each=4, bins=5), table(50)["numeric"]
    start = initial_parameters(layer.parameters(), range(MEMBERS))
    run = pass_of(layer, start)
    run = pass_of(layer, start, buffers=layer.fitted(run, same_rows({"x": x})["x"]))
    got = layer(run, x)
    for m in range(MEMBERS):
        w = reference.member(start, m)
        due = x[m].unsqueeze(-1) * w["numeric.weight"] + w["numeric.bias"]
        torch.testing.assert_close(got[m], due.flatten(1))
    moved = scattered(layer)
    run = pass_of(layer, moved, buffers=run.buffers)
    got, bins = layer(run, x), layer.encoded(run, x)
    for m in range(MEMBERS):
        w = reference.member(moved, m)
        due = x[m].unsqueeze(-1) * w["numeric.weight"] + w["numeric.bias"]
        due = due + torch.einsum("bdt,dte->bde", bins[m], w["numeric.bins.weight"])
        torch.testing.assert_close(got[m], due.flatten(1))


@pytest.mark.parametrize("kind", ["pbld", "periodic"])
def test_waves(kind: str) -> None:
    layer: NumericEmbedding
    layer = PBLD("numeric", 3, 4, 5, 0.7) if kind == "pbld" else Periodic("numeric", 3, 4, 5, 0.7)
    literal = reference.pbld if kind == "pbld" else reference.periodic
    parameters, x = scattered(layer), table(8)["numeric"]
    got = layer(pass_of(layer, parameters), x)
    assert got.shape == (MEMBERS, 8, 12)
    for m in range(MEMBERS):
        torch.testing.assert_close(got[m], literal(reference.member(parameters, m), x[m]))


@pytest.mark.parametrize(
    "layer",
    [
        PiecewiseLinear("numeric", 3, each=2, bins=4),
        Periodic("numeric", 3, each=2, frequencies=3, scale=0.5),
        PBLD("numeric", 3, each=3, frequencies=2, scale=0.5),
        PBLD("numeric", 1, each=2, frequencies=1),
    ],
    ids=["piecewise linear", "periodic", "pbld", "sizes of 1"],
)
def test_gradients(layer: NumericEmbedding) -> None:
    x = table(6, numeric=1 if layer.each == 2 and isinstance(layer, PBLD) else 3)
    x = {"numeric": x["numeric"].double()}
    run = pass_of(layer, scattered(layer, torch.float64))
    buffers = layer.fitted(run, same_rows(x)["numeric"]) or None
    assert gradients_are_right(Alone(layer), x, buffers)


def test_starts() -> None:
    """Sizes and rates of RealMLP's embedding and of the periodic one, from many draws."""
    start = initial_parameters(PBLD("n", 50, 4, 16, 0.1).parameters(), range(20))
    assert float(start["n.frequency"].std()) == pytest.approx(0.1, rel=0.03)
    assert float(start["n.phase"].abs().max()) == pytest.approx(torch.pi, rel=1e-3)
    assert float(start["n.weight"].abs().max()) == pytest.approx(0.25, rel=1e-3)
    assert all(spec.lr_scale == 0.1 for spec in PBLD("n", 3).parameters().values())
    waves = initial_parameters(Periodic("n", 50, 4, 16, 0.2).parameters(), range(20))
    assert float(waves["n.frequency"].abs().max()) <= 0.6 + 1e-6
    assert float(waves["n.frequency"].std()) == pytest.approx(0.2, rel=0.05)


def test_few_training_rows_and_many_bins() -> None:
    layer = PiecewiseLinear("numeric", 4, each=2, bins=30)
    rows = columns(3)
    run = pass_of(layer, scattered(layer))
    buffers = layer.fitted(run, rows.expand(MEMBERS, -1, -1))
    assert all(bool(torch.isfinite(each).all()) for each in buffers.values())
    run = pass_of(layer, scattered(layer), buffers=buffers)
    assert bool(torch.isfinite(layer(run, rows.expand(MEMBERS, -1, -1) * 100)).all())


def test_rules_for_matrices_leave_them_to_another() -> None:
    for layer in (PiecewiseLinear("n", 3), Periodic("n", 3), PBLD("n", 3)):
        assert {spec.role for spec in layer.parameters().values()} == {"embedding"}
