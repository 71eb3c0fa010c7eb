from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from objectives.given import classes, loss, numbers, rejected
from reference import losses as literal

from methodic.errors import InputError
from methodic.objectives.ranking import PairwiseRanking

RANKING = PairwiseRanking("o")


def test_it_equals_the_literal_version_and_cross_entropy_on_pairs():
    output, target = numbers(3, 8, 1)
    target[:, 3] = target[:, 5]  # a tie is no pair
    result = loss(RANKING, output, target)
    theirs = []
    for m in range(3):
        s, t = output[m, :, 0], target[m, :, 0]
        i, j = torch.nonzero(t.unsqueeze(1) > t).unbind(1)
        theirs.append(F.binary_cross_entropy_with_logits(s[i] - s[j], torch.ones(len(i)).double()))
        expected = literal.ranking(s.tolist(), t.tolist())
        assert float(result[m]) == pytest.approx(expected, rel=1e-9)
    torch.testing.assert_close(result, torch.stack(theirs))
    rejected(
        {
            "the other way round": loss(RANKING, -output, target),
            "mean over all pairs of rows": result * 27 / 64,
            "ties as pairs": loss(RANKING, output, target + 1e-9 * torch.arange(8).view(1, 8, 1)),
        },
        torch.stack(theirs),
    )


def test_two_classes_by_the_difference_of_their_outputs():
    logits, target = classes(2, 9, 2)
    score = (logits[..., 1] - logits[..., 0]).unsqueeze(-1)
    torch.testing.assert_close(
        loss(RANKING, logits, target), loss(RANKING, score, target.double().unsqueeze(-1))
    )


def test_only_the_order_of_targets_and_the_differences_of_outputs_matter():
    output, target = numbers(2, 8, 1)
    result = loss(RANKING, output, target)
    torch.testing.assert_close(loss(RANKING, output + 5, target), result)
    torch.testing.assert_close(loss(RANKING, output, target.exp()), result)


def test_a_batch_without_pairs_costs_nothing():
    output = torch.randn(2, 4, 1, requires_grad=True)
    value = loss(RANKING, output, torch.ones(2, 4, 1))
    assert not value.any()
    assert not torch.autograd.grad(value.sum(), output)[0].any()


def test_mixed_rows_and_three_classes_are_refused():
    output, target = numbers(2, 4, 1)
    with pytest.raises(InputError, match="mixed rows have two") as found:
        loss(RANKING, output, target, other=target, share=torch.ones(2, 1))
    assert "without mixup or cutmix" in str(found.value)
    with pytest.raises(InputError, match="two classes"):
        loss(RANKING, *classes(1, 3, 3))
    with pytest.raises(InputError, match="one class or number"):
        loss(RANKING, output, target.expand(2, 4, 2))
