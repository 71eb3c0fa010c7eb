"""BYOL and SimSiam: what is foretold, by whom, and where no gradient goes."""

from __future__ import annotations

import pytest
import torch
from objectives import looking
from objectives.given import rejected
from reference import unlabelled as literal

from methodic.objectives.foretelling import BYOL, SimSiam, away
from methodic.regularizers.corruption import Swap

LIGHTLY = -0.10442451755330047
"""NegativeCosineSimilarity() of lightly 1.6.0 for `looking.formula`."""


def test_away_is_lightlys_plus_1() -> None:
    first, second = looking.formula()
    ours, theirs = away(first, second), torch.full((1,), 1 + LIGHTLY, dtype=torch.float64)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    assert looking.close(ours, [literal.away(first[0].tolist(), second[0].tolist())])
    products = 1 - (first * second).sum(2).mean(1)
    rejected({"products": products, "similar": 2 - ours, "squares": ours**2}, theirs)


def made(kind: type[SimSiam], projection: tuple[int, ...] = (16, 3)):
    network, views = looking.mlp(), (Swap("o.a", 4, "o.some"), Swap("o.b", 4, "o.more"))
    changes = [(view,) for view in views]
    return network, kind("o", "s.it", network, False, *changes, projection, (6,))


def test_simsiam_is_the_mean_of_both_ways() -> None:
    network, objective = made(SimSiam)
    model, rows = looking.extended(network, objective), looking.batch(looking.table())
    run = looking.given(objective, model, some=0.4, more=0.7)
    views = objective.projected(model, run, rows)
    foretold = [objective.predictor(run, view) for view in views]
    wanted = [
        0.5
        * (
            literal.away(foretold[0][m].tolist(), views[1][m].tolist())
            + literal.away(foretold[1][m].tolist(), views[0][m].tolist())
        )
        for m in range(2)
    ]
    assert looking.close(looking.cost(objective, model, run, rows), wanted)
    for m in range(2):
        literally = literal.perceptron(
            views[0][m].tolist(), looking.layers(objective.predictor, run, m), True
        )
        torch.testing.assert_close(foretold[0][m], torch.tensor(literally, dtype=torch.float64))


def test_what_is_foretold_gets_no_gradient() -> None:
    """The gradient of SimSiam is that of the loss with the other view's projection held fixed."""
    network, objective = made(SimSiam)
    model, rows = looking.extended(network, objective), looking.batch(looking.table())
    run = looking.given(objective, model, some=0.4, more=0.7)
    leaves = [x.requires_grad_() for x in run.parameters.values()]

    def slopes(loss: torch.Tensor) -> torch.Tensor:
        found = torch.autograd.grad(loss.sum(), leaves, materialize_grads=True)
        return torch.cat([x.flatten() for x in found])

    ours = slopes(looking.cost(objective, model, run, rows))
    first, second = objective.projected(model, run, rows)
    fixed = first.detach().clone(), second.detach().clone()
    told = objective.predictor(run, first), objective.predictor(run, second)
    wanted = slopes(0.5 * (away(told[0], fixed[1]) + away(told[1], fixed[0])))
    torch.testing.assert_close(ours, wanted)
    first, second = objective.projected(model, run, rows)
    told = objective.predictor(run, first), objective.predictor(run, second)
    free = slopes(0.5 * (away(told[0], second) + away(told[1], first)))
    assert not torch.allclose(ours, free, rtol=1e-3)


def test_byol_foretells_what_the_average_says() -> None:
    network, objective = made(BYOL)
    assert objective.taught
    model, rows = looking.extended(network, objective), looking.batch(looking.table())
    run = looking.given(objective, model, some=0.4, more=0.7)
    run.teacher = {name: x + 0.3 for name, x in run.parameters.items()}
    for x in (*run.parameters.values(), *run.teacher.values()):
        x.requires_grad_()
    taught = looking.given(objective, model, some=0.4, more=0.7)
    taught.parameters = run.teacher
    views = objective.projected(model, run, rows)
    foretold = [objective.predictor(run, view) for view in views]
    wanted = objective.projected(model, taught, rows)
    cost = looking.cost(objective, model, run, rows)
    expected = away(foretold[0], wanted[1]) + away(foretold[1], wanted[0])
    torch.testing.assert_close(cost, expected)
    by_itself = away(foretold[0], views[1]) + away(foretold[1], views[0])
    rejected({"its own": by_itself, "half": 0.5 * expected}, expected)
    grads = torch.autograd.grad(
        cost.sum(), list(run.teacher.values()), allow_unused=True, retain_graph=True
    )
    assert all(each is None for each in grads), "a teacher is taught by nobody"
    own = torch.autograd.grad(cost.sum(), list(run.parameters.values()), allow_unused=True)
    trained = {n for n, g in zip(run.parameters, own, strict=True) if g is not None and g.any()}
    assert trained == {n for n in model.parameters() if not n.startswith("head")}


def test_without_a_projector() -> None:
    for kind in (BYOL, SimSiam):
        network, objective = made(kind, ())
        assert objective.predictor.layers[0].inputs == network.features
        assert objective.predictor.layers[-1].outputs == network.features


@pytest.mark.parametrize("kind", [BYOL, SimSiam])
def test_names_of_its_own_parameters(kind: type[SimSiam]) -> None:
    _, objective = made(kind)
    prefixes = {name.rsplit(".", 2)[0] for name in objective.parameters()}
    assert prefixes == {"s.it.projector", "s.it.predictor"}
    assert objective.trained() == tuple(objective.parameters())
