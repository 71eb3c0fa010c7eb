"""What all losses share; the contract tests hold each of them to it."""

from __future__ import annotations

import pytest
import torch
from objectives.given import classes, loss

from methodic.objectives.classes import CrossEntropy
from methodic.objectives.rowwise import Rowwise, misshapen


def test_a_new_loss_says_what_a_row_costs_and_no_more():
    class Fourth(Rowwise):
        name = "fourth"

        def check(self, output, target):
            if output.shape != target.shape:
                raise misshapen("numbers", target.shape, output.shape, target.shape)

        def rowwise(self, run, prepared, target):
            return ((prepared - target) ** 4).mean(-1)

    output, other = torch.randn(2, 3, 5, 2, generator=torch.Generator().manual_seed(0)).double()
    target = torch.zeros(3, 5, 2, dtype=torch.float64)
    whole = loss(Fourth(), output, target)
    torch.testing.assert_close(whole, (output**4).flatten(1).mean(1))
    share = torch.tensor([[0.25]] * 3).double()
    mixed = loss(Fourth(), output, target, other=other, share=share)
    expected = 0.25 * whole + 0.75 * ((output - other) ** 4).flatten(1).mean(1)
    torch.testing.assert_close(mixed, expected)
    twice = loss(Fourth(), torch.stack([output, other], 2), target)
    torch.testing.assert_close(twice, (whole + (other**4).flatten(1).mean(1)) / 2)
    assert Fourth().outputs(3) == 3
    assert Fourth().noise(9) == {}


def test_mixed_rows_of_one_class_each_weigh_as_their_classes_do():
    logits, target = classes(1, 4, 3)
    weights = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)
    other = target.flip(1)
    share = torch.tensor([[0.3]], dtype=torch.float64)
    ours = loss(CrossEntropy("o", False, weights), logits, target, other=other, share=share)
    nll = -logits.log_softmax(-1)
    above = below = 0.0
    for row in range(4):
        for y, s in ((target[0, row], 0.3), (other[0, row], 0.7)):
            above += s * float(weights[y] * nll[0, row, y])
            below += s * float(weights[y])
    assert float(ours) == pytest.approx(above / below, rel=1e-12)


def test_the_error_names_both_shapes():
    error = misshapen("numbers", [2, 5], [2, 5, 1], [2, 5, 5])
    text = str(error)
    assert "target [2, 5], output [2, 5, 1]" in text
    assert "output [2, 5, 5] for this target" in text
