"""What every objective must do. A new objective adds a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from methodic.errors import InputError
from methodic.objectives.classes import Binary, CrossEntropy, Focal, Hinge, Multilabel, Ordinal
from methodic.objectives.numbers import (
    GaussianNLL,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    Quantile,
)
from methodic.objectives.ranking import PairwiseRanking
from methodic.types import Batch, Pass


@dataclass(frozen=True)
class Row:
    """An objective, its loss term, the kind of its target, its numbers and what it needs.

    ``target``: "class", "label" (yes or no for each output) or "number"; ``outputs``: of the
    network; ``fits``: whether gradient steps on the outputs alone reach the target, and how far
    each goes.
    """

    name: str
    objective: Any
    term: str
    target: str
    numbers: tuple[str, ...] = ()
    outputs: int = 3
    fits: float = 1.0


_WEIGHTS = torch.tensor([0.5, 1.5, 1.0])
_SMOOTH = ("o.label_smoothing",)

ROWS = [
    Row("cross-entropy", CrossEntropy("o"), "cross_entropy", "class"),
    Row("smoothed", CrossEntropy("o", True), "cross_entropy", "class", _SMOOTH),
    Row("weighted", CrossEntropy("o", False, _WEIGHTS), "cross_entropy", "class"),
    Row("both", CrossEntropy("o", True, _WEIGHTS), "cross_entropy", "class", _SMOOTH),
    Row("focal", Focal("o"), "focal", "class", ("o.gamma",)),
    Row("focal, weighted", Focal("o", True, _WEIGHTS), "focal", "class", ("o.gamma",)),
    Row("focal without focus", Focal("o", False), "focal", "class"),
    Row("binary", Binary("o"), "binary", "class", outputs=2),
    Row("binary, one logit", Binary("o"), "binary", "class", outputs=1),
    Row("binary, weighted", Binary("o", _WEIGHTS[:2]), "binary", "class", outputs=2),
    Row("multilabel", Multilabel("o"), "multilabel", "label", fits=20.0),
    Row("multilabel, weighted", Multilabel("o", _WEIGHTS), "multilabel", "label", fits=20.0),
    Row(
        "multilabel, smoothed",
        Multilabel("o", None, True),
        "multilabel",
        "label",
        ("o.label_smoothing",),
        fits=20.0,
    ),
    Row("one against the rest", Multilabel("o"), "multilabel", "class", fits=20.0),
    Row("hinge", Hinge("o"), "hinge", "class"),
    Row("hinge, one output", Hinge("o"), "hinge", "class", outputs=1),
    Row("ordinal", Ordinal("o"), "ordinal", "class", fits=40.0),
    Row("mean squared error", MeanSquaredError("o"), "mean_squared_error", "number", fits=5.0),
    Row("one number", MeanSquaredError("o"), "mean_squared_error", "number", outputs=1),
    Row("mean absolute error", MeanAbsoluteError("o"), "mean_absolute_error", "number", fits=5.0),
    Row("huber", Huber("o"), "huber", "number", ("o.delta",), fits=90.0),
    Row("quantile", Quantile("o"), "quantile", "number", ("o.quantile",), fits=40.0),
    Row("gaussian", GaussianNLL("o"), "gaussian_nll", "number", outputs=4, fits=0),
    Row("poisson", Poisson("o"), "poisson", "number", fits=0),
    Row("ranking", PairwiseRanking("o"), "pairwise_ranking", "number", outputs=1, fits=0),
    Row("ranking of classes", PairwiseRanking("o"), "pairwise_ranking", "class", outputs=2),
]
every_objective = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
every_mean_over_rows = pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.term != "pairwise_ranking"],
    ids=lambda row: row.name,
)


class Table:
    """A model whose outputs are its parameters."""

    def __call__(self, run, inputs):
        return run.parameters["output"]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def example(row, members, rows, dtype=torch.float32):
    generator = torch.Generator().manual_seed(rows)
    output = 3 * torch.randn(members, rows, row.outputs, generator=generator, dtype=dtype)
    return output, targets(row, members, rows, generator, dtype), numbers_of(row, members, dtype)


def targets(row, members, rows, generator, dtype=torch.float32):
    if row.target == "class":
        return torch.randint(0, max(2, row.outputs), (members, rows), generator=generator)
    count = row.outputs // 2 if row.term == "gaussian_nll" else row.outputs
    target = torch.randn(members, rows, count, generator=generator, dtype=dtype)
    return (target > 0).to(dtype) if row.target == "label" else target


def numbers_of(row, members, dtype=torch.float32):
    return {name: torch.linspace(0.05, 0.4, members, dtype=dtype) for name in row.numbers}


def evaluate(row, output, target, numbers, **batch):
    run = Pass({"output": output}, {}, {}, numbers, training=True)
    return row.objective(Table(), run, Batch({}, target, **batch))


@every_objective
@pytest.mark.parametrize("rows", [1, 7, 16, 33, 128, 129])
def test_a_member_alone_and_in_company_is_equal_to_the_bit(row, rows):
    output, target, numbers = example(row, 8, rows)
    output.requires_grad_()
    together = evaluate(row, output, target, numbers)
    (slopes,) = torch.autograd.grad(sum(together.values()).sum(), output)
    for m in range(8):
        at = slice(m, m + 1)
        own = output[at].detach().clone().requires_grad_()
        alone = evaluate(row, own, target[at].clone(), {k: n[at] for k, n in numbers.items()})
        (slope,) = torch.autograd.grad(sum(alone.values()).sum(), own)
        assert torch.equal(slopes[at], slope)
        for name, value in alone.items():
            assert torch.equal(together[name][at], value)


@every_objective
def test_terms_have_their_names_and_one_number_for_each_member(row):
    terms = evaluate(row, *example(row, 4, 5))
    assert tuple(terms) == (row.term,)
    assert all(term.shape == (4,) and term.dtype == torch.float32 for term in terms.values())


@every_objective
def test_gradients_equal_finite_differences(row):
    output, target, numbers = example(row, 2, 4, torch.float64)

    def total(output):
        return sum(evaluate(row, output, target, numbers).values())

    assert torch.autograd.gradcheck(total, (output.requires_grad_(),), eps=1e-6, atol=1e-7)


@every_objective
def test_members_do_not_touch_each_other(row):
    output, target, numbers = example(row, 3, 6)
    expected = evaluate(row, output, target, numbers)
    output = output.clone()
    output[1] = float("nan")
    for name, term in evaluate(row, output, target, numbers).items():
        assert term[1].isnan()
        assert torch.equal(term[[0, 2]], expected[name][[0, 2]])


@every_objective
def test_the_order_of_rows_does_not_matter(row):
    output, target, numbers = example(row, 2, 9, torch.float64)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    shuffled = evaluate(row, output[:, order], target[:, order], numbers)
    for name, term in evaluate(row, output, target, numbers).items():
        torch.testing.assert_close(shuffled[name], term)


@pytest.mark.parametrize("row", [row for row in ROWS if row.fits], ids=lambda row: row.name)
def test_minimizing_it_fits_the_target(row):
    output, target, numbers = example(row, 2, 6)
    numbers = {n: x if n == "o.quantile" or n == "o.delta" else 0 * x for n, x in numbers.items()}
    output.requires_grad_()
    for i in range(400):
        loss = sum(evaluate(row, output, target, numbers).values()).sum()
        (slope,) = torch.autograd.grad(loss, output)
        output = (output - row.fits * 0.985**i * slope).detach().requires_grad_()
    if row.target == "number":
        torch.testing.assert_close(output.detach(), target, rtol=0, atol=0.02)
    elif row.target == "label" or row.outputs == 1:
        assert torch.equal(output > 0, target.reshape(output.shape) > 0)
    elif row.term == "pairwise_ranking":
        score = output[..., 1] - output[..., 0]
        assert (
            score.masked_fill(target == 0, 9).amin(1) > score.masked_fill(target == 1, -9).amax(1)
        ).all()
    else:
        assert torch.equal(output.argmax(-1), target)


@every_objective
@pytest.mark.parametrize("rows", [1, 7, 33])
def test_weighted_and_mixed_rows_alone_and_in_company(row, rows):
    """Weights, two targets of a row, and several outputs of a row, all at once."""
    copies, mixes = 3, row.term != "pairwise_ranking"
    generator = torch.Generator().manual_seed(rows)
    output = 3 * torch.randn(5, rows, copies, row.outputs, generator=generator)
    target, numbers = targets(row, 5, rows, generator), numbers_of(row, 5)
    extra = {"weight": torch.rand(5, rows, generator=generator)}
    if mixes:
        extra["other"] = targets(row, 5, rows, generator)
        extra["share"] = torch.rand(5, 1, generator=generator)
    output.requires_grad_()
    together = evaluate(row, output, target, numbers, **extra)[row.term]
    (slopes,) = torch.autograd.grad(together.sum(), output)
    assert together.shape == (5,)
    for m in (0, 2, 4):
        at = slice(m, m + 1)
        own = output[at].detach().clone().requires_grad_()
        rest = {name: x[at].clone() for name, x in extra.items()}
        few = {name: x[at] for name, x in numbers.items()}
        alone = evaluate(row, own, target[at].clone(), few, **rest)[row.term]
        (slope,) = torch.autograd.grad(alone.sum(), own)
        assert torch.equal(together[at], alone)
        assert torch.equal(slopes[at], slope)


@every_objective
def test_the_loss_of_several_outputs_is_the_mean_of_their_losses(row):
    generator = torch.Generator().manual_seed(3)
    output = torch.randn(2, 7, 4, row.outputs, generator=generator, dtype=torch.float64)
    target = targets(row, 2, 7, generator, torch.float64)
    numbers = numbers_of(row, 2, torch.float64)
    each = [evaluate(row, output[:, :, k], target, numbers)[row.term] for k in range(4)]
    torch.testing.assert_close(
        evaluate(row, output, target, numbers)[row.term], torch.stack(each).mean(0)
    )


@every_objective
def test_a_weight_of_2_is_a_row_that_stands_there_twice_and_0_one_that_is_not_there(row):
    output, target, numbers = example(row, 2, 6, torch.float64)
    weight = torch.tensor([1.0, 2, 1, 0, 1, 1], dtype=torch.float64).expand(2, -1)
    rows = torch.tensor([0, 1, 1, 2, 4, 5])
    weighted = evaluate(row, output, target, numbers, weight=weight)[row.term]
    repeated = evaluate(row, output[:, rows], target[:, rows], numbers)[row.term]
    torch.testing.assert_close(weighted, repeated)
    assert not torch.allclose(weighted, evaluate(row, output, target, numbers)[row.term])
    nothing = evaluate(row, output, target, numbers, weight=torch.zeros_like(weight))[row.term]
    assert not nothing.any()


@every_mean_over_rows
def test_mixed_rows_cost_what_their_two_targets_cost(row):
    output, target, numbers = example(row, 2, 6, torch.float64)
    generator = torch.Generator().manual_seed(9)
    other = targets(row, 2, 6, generator, torch.float64)
    share = torch.tensor([[0.3], [1.0]], dtype=torch.float64)

    def one(target):
        return evaluate(row, output, target, numbers)[row.term]

    mixed = evaluate(row, output, target, numbers, other=other, share=share)[row.term]
    torch.testing.assert_close(mixed[1], one(target)[1])
    if row.objective.counts(target) is None:
        torch.testing.assert_close(mixed[0], 0.3 * one(target)[0] + 0.7 * one(other)[0])
    else:  # each target with its own weight: as if rows stood there by their shares
        both = torch.cat([output, output], 1)
        weight = torch.tensor([0.3, 0.7], dtype=torch.float64).repeat_interleave(6).expand(2, -1)
        twice = evaluate(row, both, torch.cat([target, other], 1), numbers, weight=weight)
        torch.testing.assert_close(mixed[0], twice[row.term][0])
    by_row = evaluate(row, output, target, numbers, other=other, share=share.expand(2, 6))
    torch.testing.assert_close(mixed, by_row[row.term])


@every_objective
def test_a_target_of_another_shape_is_refused(row):
    output, target, numbers = example(row, 2, 5)
    with pytest.raises(InputError, match=r"target|class or number"):
        evaluate(row, output, target[:, :4], numbers)


@every_objective
def test_it_says_how_many_outputs_it_needs(row):
    targets = row.outputs // 2 if row.term == "gaussian_nll" else row.outputs
    assert row.objective.outputs(targets) == row.outputs


@every_objective
def test_it_draws_nothing_that_it_does_not_name(row):
    assert row.objective.noise(7) == {}
