"""Contrastive losses against literal versions, and the numbers of public implementations."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objectives import looking
from objectives.given import rejected
from reference import unlabelled as literal

from methodic.models.around import encoder
from methodic.objectives.contrast import SimCLR, SupervisedContrast, nt_xent, supervised_contrast
from methodic.regularizers.corruption import Swap

LIGHTLY = {0.5: 2.2037642195081335, 0.1: 5.473143316694252}
"""NTXentLoss(temperature) of lightly 1.6.0, for `looking.formula`, in float64."""
METRIC_LEARNING = {0.5: 2.708346735615578, 0.1: 7.996055897231474}
"""SupConLoss(temperature) of pytorch-metric-learning 2.9.0 (lightly has none), for the same."""
CLASSES = torch.tensor([[0, 1, 0, 2, 1]])


def at(value: float, members: int = 1) -> torch.Tensor:
    return torch.full((members,), value, dtype=torch.float64)


@pytest.mark.parametrize("temperature", LIGHTLY)
def test_nt_xent_is_lightlys(temperature: float) -> None:
    first, second = looking.formula()
    ours = nt_xent(first, second, at(temperature))
    theirs = at(LIGHTLY[temperature])
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    views = torch.nn.functional.normalize(torch.cat([first, second], 1), dim=-1)
    cosines = views @ views.mT / temperature
    partner = (torch.arange(10) + 5) % 10
    shares = torch.log_softmax(cosines, -1)[:, torch.arange(10), partner]
    plain = torch.cat([first, second], 1)
    products = (plain @ plain.mT / temperature).masked_fill(torch.eye(10).bool(), -torch.inf)
    rejected(
        {
            "itself among the others": -shares.mean(1),
            "another temperature": nt_xent(first, second, at(1.2 * temperature)),
            "one way": nt_xent(first, first, at(temperature)),
            "products in place of cosines": -torch.log_softmax(products, -1)[
                :, torch.arange(10), partner
            ].mean(1),
            "sum": 10 * ours,
        },
        theirs,
    )


@pytest.mark.parametrize("temperature", METRIC_LEARNING)
def test_supervised_contrast_is_the_public_one(temperature: float) -> None:
    first, second = looking.formula()
    ours = supervised_contrast(first, second, CLASSES, at(temperature))
    theirs = at(METRIC_LEARNING[temperature])
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    rejected(
        {
            "without classes": nt_xent(first, second, at(temperature)),
            "other classes": supervised_contrast(
                first, second, CLASSES.roll(1, 1), at(temperature)
            ),
            "another temperature": supervised_contrast(
                first, second, CLASSES, at(0.8 * temperature)
            ),
        },
        theirs,
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 1000), st.floats(0.05, 2))
def test_like_the_literal_versions(rows: int, dims: int, seed: int, temperature: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 2, rows, dims, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 3, (2, rows), generator=generator)
    t = torch.tensor([temperature, 0.7], dtype=torch.float64)
    pairs = [(first[m].tolist(), second[m].tolist(), float(t[m])) for m in range(2)]
    wanted = [literal.nt_xent(a, b, each) for a, b, each in pairs]
    assert looking.close(nt_xent(first, second, t), wanted)
    wanted = [
        literal.supervised_contrast(a, b, target[m].tolist(), each)
        for m, (a, b, each) in enumerate(pairs)
    ]
    assert looking.close(supervised_contrast(first, second, target, t), wanted)


def test_classes_of_their_own_are_no_classes() -> None:
    first, second = looking.formula()
    alone = supervised_contrast(first, second, torch.arange(5)[None], at(0.5))
    torch.testing.assert_close(alone, nt_xent(first, second, at(0.5)))


@pytest.mark.parametrize("kind", [SimCLR, SupervisedContrast])
def test_it_is_a_loss_of_projected_views(kind: type[SimCLR]) -> None:
    """Of two damaged views, each with its own noise, through the network and a projector."""
    network = looking.mlp(dropout="model.dropout")
    first, second = Swap("o.a", 4, "o.share"), Swap("o.b", 4, "o.more")
    objective = kind("o", "s.it", network, False, (first,), (second,), (4, 3))
    model = looking.extended(network, objective)
    numbers = {"share": 0.4, "more": 0.7, "model_dropout": 0.3, "temperature": [0.5, 0.2]}
    run = looking.given(objective, model, **numbers)
    rows, target = looking.table(), torch.tensor([[0, 1, 0, 2, 1, 1], [1, 1, 1, 0, 0, 2]])
    projected = []
    for side, change in zip(objective.sides, (first, second), strict=True):
        mine = {k.partition("|")[2]: x for k, x in run.noise.items() if k.startswith(side.name)}
        view = change(looking.batch(rows), mine, run.numbers).inputs
        assert torch.equal(side.view(run, rows)["numeric"], view["numeric"])
        assert not torch.equal(view["numeric"], rows["numeric"])
        hidden = view["numeric"] @ run.parameters["hidden.0.weight"]
        hidden = torch.tanh(hidden + run.parameters["hidden.0.bias"].unsqueeze(1))
        kept = mine["dropout/0"] >= round(0.3 * 65536 - 32768)
        features = hidden * kept / 0.7
        torch.testing.assert_close(side.features(model, run, rows), features)
        projected.append(
            [
                literal.perceptron(
                    features[m].tolist(), looking.layers(objective.projector, run, m), True
                )
                for m in range(2)
            ]
        )
    temperatures = (0.5, 0.2)
    wanted = [
        literal.nt_xent(projected[0][m], projected[1][m], t)
        if kind is SimCLR
        else literal.supervised_contrast(projected[0][m], projected[1][m], target[m].tolist(), t)
        for m, t in enumerate(temperatures)
    ]
    found = looking.cost(objective, model, run, looking.batch(rows, target))
    assert looking.close(found, wanted, 1e-7)


def test_rows_of_supervised_contrast_count_by_their_weights() -> None:
    """As rows that come several times among the anchors, and not as other partners."""
    network = looking.mlp()
    objective = SupervisedContrast("o", "s.it", network, False, (), (), ())
    run = looking.given(objective, network, temperature=0.5)
    target = torch.tensor([[0, 1, 0, 2, 1, 1], [1, 1, 1, 0, 0, 2]])
    batch = looking.batch(looking.table(), target)
    plain = looking.cost(objective, network, run, batch)
    weight = torch.tensor([[1.0, 2, 0, 4, 5, 6], [3, 0, 0, 1, 0, 0]], dtype=torch.float64)
    found = looking.cost(objective, network, run, replace(batch, weight=weight))

    def alone(row: int) -> torch.Tensor:
        only = torch.zeros(2, 6, dtype=torch.float64)
        only[:, row] = 1
        return looking.cost(objective, network, run, replace(batch, weight=only))

    costs = torch.stack([alone(row) for row in range(6)], 1)
    torch.testing.assert_close(plain, costs.mean(1))
    torch.testing.assert_close(found, (costs * weight).sum(1) / weight.sum(1))
    assert not torch.allclose(found, plain)
    nothing = looking.cost(objective, network, run, replace(batch, weight=0 * weight))
    assert torch.equal(nothing, torch.zeros(2, dtype=torch.float64))


def test_without_a_projector_features_are_compared() -> None:
    network = looking.mlp()
    objective = SimCLR("o", "s.it", network, False, (), (), ())
    assert objective.parameters() == {}
    run = looking.given(objective, network, temperature=0.5)
    features = encoder(network).encoded(run, looking.table())
    found = looking.cost(objective, network, run, looking.batch(looking.table()))
    torch.testing.assert_close(found, nt_xent(features, features, run.numbers["o.temperature"]))


def test_it_reads_the_rows_beside_the_batch() -> None:
    network = looking.mlp()
    objective = SimCLR("o", "s.it", network, True, (), (), (3,))
    model = looking.extended(network, objective)
    run = looking.given(objective, model, temperature=0.5)
    beside = looking.batch(looking.table(seed=1))
    both = looking.batch(looking.table(rows=3), beside=beside)
    here = SimCLR("o", "s.it", network, False, (), (), (3,))
    assert torch.equal(
        looking.cost(objective, model, run, both), looking.cost(here, model, run, beside)
    )
