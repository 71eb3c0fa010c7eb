"""What every objective must do. A new objective adds a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from methodic.objectives.supervised import CrossEntropy, MeanSquaredError
from methodic.types import Batch, Pass


@dataclass(frozen=True)
class Row:
    """An objective, its loss terms, the kind of its target and its numbers."""

    name: str
    objective: Any
    terms: tuple[str, ...]
    target: str
    numbers: tuple[str, ...] = ()


_WEIGHTS = torch.tensor([0.5, 1.5, 1.0])
_SMOOTH = ("o.label_smoothing",)

ROWS = [
    Row("cross-entropy", CrossEntropy("o"), ("cross_entropy",), "class"),
    Row("smoothed", CrossEntropy("o", True), ("cross_entropy",), "class", _SMOOTH),
    Row("weighted", CrossEntropy("o", False, _WEIGHTS), ("cross_entropy",), "class"),
    Row("both", CrossEntropy("o", True, _WEIGHTS), ("cross_entropy",), "class", _SMOOTH),
    Row("mean squared error", MeanSquaredError("o"), ("mean_squared_error",), "number"),
]
every_objective = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


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
    output = 3 * torch.randn(members, rows, 3, generator=generator, dtype=dtype)
    if row.target == "class":
        target = torch.randint(0, 3, (members, rows), generator=generator)
    else:
        target = torch.randn(members, rows, 3, generator=generator, dtype=dtype)
    numbers = {name: torch.linspace(0.05, 0.4, members, dtype=dtype) for name in row.numbers}
    return output, target, numbers


def evaluate(row, output, target, numbers):
    run = Pass({"output": output}, {}, {}, numbers, training=True)
    return row.objective(Table(), run, Batch({}, target))


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
    assert tuple(terms) == row.terms
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


@every_objective
def test_minimizing_it_fits_the_target(row):
    output, target, _ = example(row, 2, 6)
    numbers = {name: torch.zeros(2) for name in row.numbers}
    output.requires_grad_()
    for _ in range(300):
        loss = sum(evaluate(row, output, target, numbers).values()).sum()
        (slope,) = torch.autograd.grad(loss, output)
        output = (output - slope).detach().requires_grad_()
    if row.target == "class":
        assert torch.equal(output.argmax(-1), target)
    else:
        torch.testing.assert_close(output.detach(), target, rtol=0, atol=1e-3)


@every_objective
def test_it_draws_nothing_that_it_does_not_name(row):
    assert row.objective.noise(7) == {}
