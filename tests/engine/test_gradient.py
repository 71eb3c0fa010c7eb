"""The gradient of a turn's loss against autograd on the same model written in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.data.batches import Rows
from methodic.engine import gradient, loop
from methodic.engine.parts import Cohort
from methodic.types import Batch
from tests.engine.conftest import MakeCohort

WEIGHTS = (0.5, 2.0)


def found(made: Cohort, batch: Batch) -> gradient.Gradient:
    state = loop.initial_state(made)
    turn = made.stages[0].turns[0]
    return gradient.plain(
        turn, made.model, made.layout, state.flat, state.buffers, made.numbers, {}, batch
    )


def batch_of(rows: Rows, members: int) -> Batch:
    index = torch.cat([torch.arange(m, m + 20) for m in range(members)])
    return rows.gather(index, members)


def by_hand(
    made: Cohort,
    batch: Batch,
    m: int,
    entropies: Sequence[float] = (1.0,),
    l1: float = 0.0,
    l2: float = 0.0,
) -> tuple[Tensor, dict[str, Tensor]]:
    views = made.layout.views(loop.initial_state(made).flat)
    w = {name: value[m].clone().requires_grad_() for name, value in views.items()}
    x = batch.inputs["numeric"][m]
    hidden = torch.relu(x @ w["hidden.0.weight"] + w["hidden.0.bias"])
    out = hidden @ w["head.weight"] + w["head.bias"]
    loss = sum(each * F.cross_entropy(out, batch.target[m]) for each in entropies)
    for name in ("hidden.0.weight", "head.weight"):
        loss = loss + l1 * w[name].abs().sum() + l2 * (w[name] ** 2).sum()
    loss.backward()
    return loss.detach(), {name: value.grad for name, value in w.items()}


@pytest.mark.parametrize(
    ("stage", "hand"),
    [
        ({}, {}),
        ({"objectives": [{"kind": "cross_entropy", "weight": 0.3}]}, {"entropies": (0.3,)}),
        (
            {"objectives": [{"kind": "cross_entropy", "weight": w} for w in WEIGHTS]},
            {"entropies": WEIGHTS},
        ),
        (
            {
                "objectives": [
                    {"kind": "cross_entropy"},
                    {"kind": "cross_entropy", "weight": 0.5},
                    {"kind": "cross_entropy", "weight": 0},
                ]
            },
            {"entropies": (1.0, 0.5)},
        ),
        (
            {
                "regularizers": [
                    {"kind": "l1", "weight": 0.3},
                    {"kind": "l2", "weight": 0.2},
                ]
            },
            {"l1": 0.3, "l2": 0.2},
        ),
    ],
)
def test_like_autograd(
    make_cohort: MakeCohort, rows: Rows, stage: dict[str, Any], hand: dict[str, Any]
) -> None:
    made = make_cohort([0.1, 0.1], **stage)
    batch = batch_of(rows, 2)
    result = found(made, batch)
    views = made.layout.views(result.flat)
    for m in range(2):
        loss, gradients = by_hand(made, batch, m, **hand)
        torch.testing.assert_close(result.loss[m], loss)
        for name, value in gradients.items():
            torch.testing.assert_close(views[name][m], value)


def test_members_have_weights_of_their_own(make_cohort: MakeCohort, rows: Rows) -> None:
    """The weight of an objective is a Number: a tensor of one value for each member."""
    made = make_cohort([0.1, 0.1], objectives=[{"kind": "cross_entropy", "weight": 0.5}])
    path = "stages.0.turns.0.objectives.0.weight"
    assert path in made.numbers
    made.numbers[path][1] = 3.0
    batch = batch_of(rows, 2)
    result = found(made, batch)
    for m, weight in enumerate((0.5, 3.0)):
        loss, gradients = by_hand(made, batch, m, entropies=(weight,))
        torch.testing.assert_close(result.loss[m], loss)
        torch.testing.assert_close(
            made.layout.views(result.flat)["head.bias"][m], gradients["head.bias"]
        )


def test_terms_are_named_and_unweighted(make_cohort: MakeCohort, rows: Rows) -> None:
    made = make_cohort(
        objectives=[{"kind": "cross_entropy", "weight": 0.25}],
        regularizers=[{"kind": "l2", "weight": 0.1}],
    )
    result = found(made, batch_of(rows, 1))
    assert set(result.terms) == {"cross_entropy", "l2"}
    total = 0.25 * result.terms["cross_entropy"] + result.terms["l2"]
    torch.testing.assert_close(result.loss, total)
    assert not any(t.requires_grad for t in (result.loss, result.flat, *result.terms.values()))


def test_parameters_that_are_not_trained_have_no_gradient(
    make_cohort: MakeCohort, rows: Rows
) -> None:
    batch = batch_of(rows, 1)
    whole = make_cohort()
    some = make_cohort(parameters=["hidden"], rates=[{"parameters": ["head"], "factor": 0}])
    all_of_it = whole.layout.views(found(whole, batch).flat)
    part = some.layout.views(found(some, batch).flat)
    for name in ("hidden.0.weight", "hidden.0.bias"):
        assert torch.equal(part[name], all_of_it[name])
    assert not part["head.weight"].any()
    assert all_of_it["head.weight"].any()


def test_new_statistics_are_handed_on(make_cohort: MakeCohort, rows: Rows) -> None:
    made = make_cohort(model={"kind": "mlp", "width": 8, "depth": 1, "normalization": "batch"})
    buffers = found(made, batch_of(rows, 1)).buffers
    assert set(buffers) == {"hidden.0.norm.mean", "hidden.0.norm.variance"}
    assert not any(value.requires_grad for value in buffers.values())
