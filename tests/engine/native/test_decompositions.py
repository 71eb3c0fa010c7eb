"""Operations written by simpler ones say the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from methodic.engine.native import decompositions


@pytest.mark.parametrize("target", [torch.tensor([[0, 2, 1, 1]]), torch.tensor([[2, 2, 2, 0]])])
def test_the_picked_class_is_that_of_the_loss(target: Tensor) -> None:
    log_p = torch.log_softmax(torch.randn(1, 3, 4), 1).requires_grad_()
    expected = torch.nn.functional.nll_loss(log_p, target, reduction="none")
    (slope,) = torch.autograd.grad(expected.sum(), log_p)
    found, _ = decompositions._nll_loss(log_p, target, None, 0, -100)
    assert torch.equal(found, expected)
    back = decompositions._nll_loss_backward(
        torch.ones(1, 4), log_p, target, None, 0, -100, torch.zeros(())
    )
    assert torch.equal(back, slope)


@pytest.mark.parametrize("keep", [True, False])
def test_variance_and_mean(keep: bool) -> None:
    x = torch.randn(2, 5, 7)
    for correction in (0, 1):
        found = decompositions._var_mean(x, [1, 2], correction=correction, keepdim=keep)
        due = torch.var_mean(x, [1, 2], correction=correction, keepdim=keep)
        torch.testing.assert_close(found, due)
