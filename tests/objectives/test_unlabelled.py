"""What objectives without targets share: perceptrons, statistics of batches, defaults."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objectives import looking
from reference import unlabelled as literal

from methodic.objectives.unlabelled import (
    Perceptron,
    Unlabelled,
    directions,
    number,
    standardised,
)
from methodic.types import Pass


def pass_of(perceptron: Perceptron) -> Pass:
    return Pass(looking.weights(perceptron), {}, {}, {}, True)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans())
def test_a_perceptron_is_the_literal_one(sizes: list[int], standard: bool) -> None:
    made = Perceptron("p", sizes, standard)
    run = pass_of(made)
    x = torch.randn(2, 5, sizes[0], generator=torch.Generator().manual_seed(1)).double()
    found = made(run, x)
    for m in range(2):
        wanted = literal.perceptron(x[m].tolist(), looking.layers(made, run, m), standard)
        torch.testing.assert_close(found[m], torch.tensor(wanted, dtype=torch.float64))


def test_no_bias_in_front_of_statistics() -> None:
    """Its true gradient would be 0, and rules that divide by it would amplify rounding."""
    assert [n for n in Perceptron("p", (3, 4, 5, 2), True).parameters() if "bias" in n] == [
        "p.2.bias"
    ]
    assert len([n for n in Perceptron("p", (3, 4, 5, 2)).parameters() if "bias" in n]) == 3


def test_statistics() -> None:
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)).double()
    for m in range(2):
        wanted = torch.tensor(literal.standardised(x[m].tolist()), dtype=torch.float64)
        torch.testing.assert_close(standardised(x)[m], wanted)
    constant = standardised(torch.full((1, 4, 2), 7.0))
    assert not constant.any()
    torch.testing.assert_close(directions(x).norm(dim=-1), torch.ones(2, 5).double())
    assert not directions(torch.zeros(1, 1, 3)).any()


def test_a_number_of_0_is_none() -> None:
    run = Pass({}, {}, {}, {"o.beta": torch.tensor([1.0, 2.0])}, True)
    found = number(run, "o.beta")
    assert found is not None
    assert found.shape == (2, 1)
    assert number(run, "o.gamma") is None


def test_the_least_of_them() -> None:
    network = looking.mlp()
    here, there = (Unlabelled("o", "s.it", network, beside) for beside in (False, True))
    batch = looking.batch(looking.table())
    assert here.rows(batch) is batch
    with pytest.raises(AssertionError, match="rows beside"):
        there.rows(batch)
    both = looking.batch(looking.table(), beside=batch)
    assert there.rows(both) is batch
    assert here.trains == ("encoder",)
    assert here.parameters() == here.noise(3) == {}
    assert here.trained() == here.sides == ()
    assert not here.taught
