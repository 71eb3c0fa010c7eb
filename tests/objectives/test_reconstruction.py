"""Giving a row back, against literal versions: damaged, from draws, from a part of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from objectives import looking
from objectives.given import rejected
from reference import unlabelled as literal

from methodic.models.autoencoder import Autoencoder
from methodic.models.inputs import Inputs
from methodic.models.standardised import Standardised
from methodic.objectives.cells import Cells
from methodic.objectives.reconstruction import MaskedCells, MaskedPatches, Reconstruction
from methodic.regularizers.corruption import InputNoise, exchanged

TABLE = looking.TABLE
SHAPE = (2, 5, 4)
IMAGES = Inputs(array=40, shape=SHAPE, scaling=((0.5, 0.2), (0.3, 0.4)))


def made(inputs: Inputs = TABLE, decoder: tuple[int, ...] = (4,), changes: Any = (), **how: Any):
    network = looking.mlp(inputs)
    objective = Reconstruction("o", "s.it", network, False, Cells(inputs), changes, decoder, **how)
    return objective, looking.extended(network, objective)


def plain_rows(rows: dict[str, torch.Tensor], m: int, inputs: Inputs):
    """Numbers and codes of a member's rows, for the literal version."""
    numbers, codes = rows["numeric"][m].tolist(), [[] for _ in range(looking.ROWS)]
    if inputs.sizes:
        firsts = torch.tensor([0, *inputs.sizes[:-1]]).cumsum(0)
        codes = (rows["categorical"][m] - firsts).tolist()
    return zip(numbers, codes, strict=True)


def cost_of(back: list[list[float]], rows: Any, m: int, inputs: Inputs) -> float:
    each = [
        literal.mean(literal.cells(found, numbers, codes, inputs.sizes))
        for found, (numbers, codes) in zip(back, plain_rows(rows, m, inputs), strict=True)
    ]
    return literal.mean(each)


@pytest.mark.parametrize("inputs", [TABLE, Inputs(numeric=3)])
@pytest.mark.parametrize("decoder", [(), (4,), (4, 3)])
def test_autoencoders_give_rows_back(inputs: Inputs, decoder: tuple[int, ...]) -> None:
    objective, model = made(inputs, decoder)
    assert objective.trains == ("encoder",)
    run, rows = looking.given(objective, model), looking.table(inputs)
    features = objective.sides[0].features(model, run, rows)
    wanted = []
    for m in range(2):
        layers = looking.layers(objective._back, run, m)
        back = literal.perceptron(features[m].tolist(), layers, False)
        torch.testing.assert_close(
            objective.decoded(run, features)[m], torch.tensor(back, dtype=torch.float64)
        )
        wanted.append(cost_of(back, rows, m, inputs))
    assert looking.close(looking.cost(objective, model, run, looking.batch(rows)), wanted)


def test_denoising_gives_back_what_was_there_before() -> None:
    noise = InputNoise("o.n", {"numeric": 3})
    objective, model = made(changes=(noise,))
    run, rows = looking.given(objective, model, **{"n.deviation": 0.7}), looking.table(TABLE)
    damaged = objective.sides[0].view(run, rows)
    assert not torch.equal(damaged["numeric"], rows["numeric"])
    plain, _ = made()
    features = objective.sides[0].features(model, run, rows)
    torch.testing.assert_close(features, plain.network.encoded(run, damaged))  # type: ignore[attr-defined]
    back = objective.decoded(run, features)
    expected = objective.cells.costs(back, rows).flatten(1).mean(1)
    found = looking.cost(objective, model, run, looking.batch(rows))
    assert torch.equal(found, expected)
    rejected({"of what entered": objective.cells.costs(back, damaged).flatten(1).mean(1)}, found)


@pytest.mark.parametrize("beta", [1.0, 0.0])
def test_variational(beta: float) -> None:
    objective, model = made(latent=2)
    own = ["mean.weight", "mean.bias", "spread.weight", "spread.bias"]
    assert list(objective.parameters())[:4] == [f"s.it.{name}" for name in own]
    numbers = {"beta": [beta, 0.3 * beta]} if beta else {}
    run, rows = looking.given(objective, model, **numbers), looking.table(TABLE)
    features = objective.sides[0].features(model, run, rows)
    wanted = []
    for m in range(2):
        told = [
            literal.product(
                features[m].tolist(),
                run.parameters[f"s.it.{name}.weight"][m].tolist(),
                run.parameters[f"s.it.{name}.bias"][m].tolist(),
            )
            for name in ("mean", "spread")
        ]
        drawn = [
            [mu + (2.718281828459045 ** (s / 2)) * e for mu, s, e in zip(*each, strict=True)]
            for each in zip(*told, run.noise["o/latent"][m].tolist(), strict=True)
        ]
        back = literal.perceptron(drawn, looking.layers(objective._back, run, m), False)
        share = literal.divergence(*told) / objective.cells.columns
        wanted.append(cost_of(back, rows, m, TABLE) + (beta, 0.3 * beta)[m] * share)
    found = looking.cost(objective, model, run, looking.batch(rows))
    assert looking.close(found, wanted)
    fewer = looking.given(objective, model, **({"beta": 0.1} if beta else {"beta": 1.0}))
    rejected({"beta": looking.cost(objective, model, fewer, looking.batch(rows))}, found)


def test_a_variance_beyond_all_measure_stays_finite() -> None:
    objective, model = made(latent=2)
    run = looking.given(objective, model, dtype=torch.float32, beta=1.0)
    run.parameters["s.it.spread.bias"] += 500
    rows = looking.batch(looking.table(TABLE, dtype=torch.float32))
    assert looking.cost(objective, model, run, rows).isfinite().all()


@pytest.mark.parametrize("activation", ["none", "sigmoid"])
@pytest.mark.parametrize("binary", [False, True])
def test_a_network_with_a_decoder_uses_its_own(activation: str, binary: bool) -> None:
    """Behind its activation; the cross-entropy takes what stands in front of it."""
    network = Autoencoder(IMAGES, 3, encoder=(6, 4), output_activation=activation)
    outer = Standardised(network, IMAGES.scaling)
    cells = Cells(IMAGES, activation == "sigmoid" or binary)
    objective = Reconstruction("o", "s.it", outer, False, cells, (), (7,), binary)
    assert objective.own is network
    assert objective.parameters() == {}
    assert objective.trains == ("encoder", "decoder")
    run, rows = looking.given(objective, outer), looking.table(IMAGES)
    features = outer.encoded(run, rows)
    back = network.decoded(run, features, activated=not binary)
    wanted = [
        literal.mean(
            literal.mean(literal.cells(found, numbers, [], (), binary))
            for found, numbers in zip(back[m].tolist(), cells.wanted(rows)[m].tolist(), strict=True)
        )
        for m in range(2)
    ]
    assert looking.close(looking.cost(objective, outer, run, looking.batch(rows)), wanted)
    drawn = Reconstruction("o", "s.it", outer, False, cells, (), (7,), binary, latent=2)
    assert drawn.own is None
    assert drawn.trains == ("encoder",)


@pytest.mark.parametrize("weight", [0.0, 0.6])
@pytest.mark.parametrize("inputs", [TABLE, Inputs(numeric=3)])
def test_masked_cells(inputs: Inputs, weight: float) -> None:
    network = looking.mlp(inputs)
    objective = MaskedCells("o", "s.it", network, False, Cells(inputs), (4,))
    model = looking.extended(network, objective)
    numbers = {"share": [0.4, 0.7]} | ({"mask_weight": weight} if weight else {})
    run, rows = looking.given(objective, model, **numbers), looking.table(inputs)
    whether, which = run.noise["o/whether"], run.noise["o/which"]
    damaged = {name: x.clone() for name, x in rows.items()}
    cells, told = objective.cells, []
    changed: set[tuple[int, int, int]] = set()
    for m, share in enumerate((0.4, 0.7)):  # cell by cell
        for b in range(looking.ROWS):
            for c in range(cells.columns):
                if whether[m, b, c] >= share:
                    continue
                other = int(which[m, b, c] * looking.ROWS)
                name, at = (
                    ("numeric", c) if c < inputs.numeric else ("categorical", c - inputs.numeric)
                )
                damaged[name][m, b, at] = rows[name][m, other, at]
                if rows[name][m, other, at] != rows[name][m, b, at]:
                    changed.add((m, b, c))
    features = objective.sides[0].features(model, run, damaged)
    wanted = []
    drawn = int((whether < torch.tensor([0.4, 0.7]).view(-1, 1, 1)).sum())
    assert 0 < len(changed) < drawn  # some were exchanged for the same value
    for m in range(2):
        found = literal.perceptron(
            features[m].tolist(), looking.layers(objective._back, run, m), False
        )
        back = [row[: cells.outputs] for row in found]
        told = [
            literal.bernoulli(logit, float((m, b, c) in changed))
            for b, row in enumerate(found)
            for c, logit in enumerate(row[cells.outputs :])
        ]
        wanted.append(cost_of(back, rows, m, inputs) + weight * literal.mean(told))
    found = looking.cost(objective, model, run, looking.batch(rows))
    assert looking.close(found, wanted)
    other = looking.given(objective, model, **(numbers | {"share": [0.7, 0.4]}))
    rejected({"share": looking.cost(objective, model, other, looking.batch(rows))}, found)


@pytest.mark.parametrize("patch", [1, 2, 3, 9])
def test_masked_patches(patch: int) -> None:
    network = Standardised(looking.mlp(IMAGES), IMAGES.scaling)
    objective = MaskedPatches("o", "s.it", network, False, Cells(IMAGES), (4,), SHAPE, patch)
    model = looking.extended(network, objective)
    run, rows = looking.given(objective, model, share=[0.4, 0.7]), looking.table(IMAGES)
    whether = run.noise["o/whether"]
    grid = -(-SHAPE[1] // patch), -(-SHAPE[2] // patch)
    assert whether.shape == (2, looking.ROWS, *grid)
    holed, hidden = rows["array"].clone(), {}
    for m, share in enumerate((0.4, 0.7)):
        for b in range(looking.ROWS):
            hidden[m, b] = literal.hidden_pixels(
                SHAPE, patch, lambda y, x, m=m, b=b, s=share: whether[m, b, y, x] < s
            )
            for c, y, x in hidden[m, b]:
                holed[m, b, c, y, x] = IMAGES.scaling[c][0]
    features = objective.sides[0].features(model, run, {"array": holed})
    wanted = []
    for m in range(2):
        back = literal.perceptron(
            features[m].tolist(), looking.layers(objective._back, run, m), False
        )
        costs = []
        for b in range(looking.ROWS):
            for c, y, x in hidden[m, b]:
                mean, deviation = IMAGES.scaling[c]
                pixel = (float(rows["array"][m, b, c, y, x]) - mean) / deviation
                costs.append((back[b][(c * SHAPE[1] + y) * SHAPE[2] + x] - pixel) ** 2)
        wanted.append(literal.mean(costs))
    found = looking.cost(objective, model, run, looking.batch(rows))
    assert looking.close(found, wanted, 1e-6), "means and deviations are float32"
    everywhere = objective.cells.costs(objective._back(run, features), rows).flatten(1).mean(1)
    rejected({"all pixels": everywhere}, found)


def test_nothing_hidden_costs_nothing() -> None:
    network = looking.mlp(IMAGES)
    objective = MaskedPatches("o", "s.it", network, False, Cells(IMAGES), (4,), SHAPE, 2)
    model = looking.extended(network, objective)
    run = looking.given(objective, model, share=1e-9)
    rows = looking.batch(looking.table(IMAGES))
    assert looking.cost(objective, model, run, rows).tolist() == [0.0, 0.0]


def test_a_number_of_cells_that_are_exchanged() -> None:
    rows = looking.table(Inputs(numeric=5), rows=400)  # whose values all differ
    drawn = (torch.rand(2, 400, 5, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    share = torch.tensor([0.2, 0.9])
    _, mask = exchanged(rows, *drawn, share)
    torch.testing.assert_close(mask.mean((1, 2)), share, atol=0.03, rtol=0)
    alike = {"numeric": torch.ones(2, 400, 5)}
    assert not exchanged(alike, *torch.rand(2, 2, 400, 5), share)[1].any()
