from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from objectives.given import classes, loss, rejected
from reference import losses as literal
from sklearn.metrics import hinge_loss

from methodic.errors import InputError
from methodic.objectives.classes import (
    Binary,
    CrossEntropy,
    Focal,
    Hinge,
    Multilabel,
    Ordinal,
)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(2, 5),
    st.floats(0, 0.9),
    st.booleans(),
    st.integers(0, 1000),
)
def test_cross_entropy_equals_the_literal_version(members, rows, count, smoothing, weighted, seed):
    logits, target = classes(members, rows, count, seed)
    weights = torch.linspace(0.5, 2.0, count, dtype=torch.float64) if weighted else None
    objective = CrossEntropy("o", smoothing=True, class_weights=weights)
    result = loss(objective, logits, target, {"label_smoothing": torch.full((members,), smoothing)})
    smoothing = float(torch.tensor(smoothing))
    for m in range(members):
        expected = literal.cross_entropy(
            logits[m].tolist(),
            target[m].tolist(),
            smoothing,
            weights.tolist() if weighted else None,
        )
        assert float(result[m]) == pytest.approx(expected, rel=1e-6)


WEIGHTS = torch.tensor([0.3, 1.0, 2.5, 0.7], dtype=torch.float64)


@pytest.mark.parametrize("smoothing", [None, (0.1, 0.3)])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_equals_torch(smoothing, weights):
    logits, target = classes(2, 9, 4)
    result = loss(
        CrossEntropy("o", smoothing is not None, weights),
        logits,
        target,
        None if smoothing is None else {"label_smoothing": smoothing},
    )
    assert result.shape == (2,)
    assert result.dtype == torch.float64
    torch.testing.assert_close(result, _torch(logits, target, smoothing, weights))


def _torch(logits, target, smoothing, weights):
    return torch.stack(
        [
            F.cross_entropy(
                logits[m],
                target[m],
                weight=weights,
                label_smoothing=smoothing[m] if smoothing else 0.0,
            )
            for m in range(len(logits))
        ]
    )


def test_the_comparison_rejects_mutants():
    logits, target = classes(2, 9, 4)
    smoothing = (0.1, 0.3)
    theirs = _torch(logits, target, smoothing, WEIGHTS)
    epsilon = torch.tensor(smoothing, dtype=torch.float64)
    weighted = CrossEntropy("o", True, WEIGHTS)
    log_p = F.log_softmax(logits, -1)
    nll = -log_p.gather(-1, target.unsqueeze(-1)).squeeze(-1) * WEIGHTS[target]
    plain = nll.sum(1) / WEIGHTS[target].sum(1)
    mutants = {
        "shared among the other classes": loss(
            weighted, logits, target, {"label_smoothing": epsilon * 4 / 3}
        ),
        "smoothing of the first member for all": loss(
            weighted, logits, target, {"label_smoothing": epsilon[:1].expand(2)}
        ),
        "no smoothing": loss(CrossEntropy("o", False, WEIGHTS), logits, target),
        "no weights": loss(CrossEntropy("o", True), logits, target, {"label_smoothing": epsilon}),
        "mean over rows, not over weights": loss(
            weighted, logits, target, {"label_smoothing": epsilon}
        )
        * WEIGHTS[target].mean(1),
        "sum": loss(weighted, logits, target, {"label_smoothing": epsilon}) * 9,
        "smoothing without class weights": (1 - epsilon) * plain
        - epsilon * log_p.mean(-1).sum(1) / WEIGHTS[target].sum(1),
    }
    for name, mutant in mutants.items():
        assert not torch.allclose(mutant, theirs, rtol=1e-4), name


def test_numbers_far_out_stay_finite():
    logits = torch.tensor([[[1e4, -1e4], [-1e4, 1e4]]], requires_grad=True)
    value = loss(CrossEntropy("o"), logits, torch.tensor([[1, 1]]))
    assert value.item() == pytest.approx(1e4)
    assert torch.autograd.grad(value.sum(), logits)[0].isfinite().all()


def test_a_target_of_another_shape_is_refused():
    output = torch.zeros(2, 5, 1)
    with pytest.raises(InputError, match="shape"):
        loss(CrossEntropy("o"), output, torch.zeros(2, 4, dtype=torch.int64))


def test_nothing_is_drawn():
    assert CrossEntropy("o").noise(5) == {}


def test_focal_loss_equals_the_paper_and_the_literal_version():
    logits, target = classes(2, 9, 4)
    gamma = torch.tensor([2.0, 0.5], dtype=torch.float64)
    nll = -F.log_softmax(logits, -1).gather(-1, target.unsqueeze(-1)).squeeze(-1)
    missed = 1 - torch.exp(-nll)
    theirs = (missed ** gamma.unsqueeze(-1) * nll).mean(1)
    ours = loss(Focal("o"), logits, target, {"gamma": gamma})
    torch.testing.assert_close(ours, theirs)
    weighted = loss(Focal("o", True, WEIGHTS), logits, target, {"gamma": gamma})
    for m in range(2):
        given = logits[m].tolist(), target[m].tolist(), float(gamma[m])
        assert float(ours[m]) == pytest.approx(literal.focal(*given), rel=1e-9)
        expected = literal.focal(*given, WEIGHTS.tolist())
        assert float(weighted[m]) == pytest.approx(expected, rel=1e-9)
    rejected(
        {
            "p in place of 1 - p": ((1 - missed) ** gamma.unsqueeze(-1) * nll).mean(1),
            "gamma of the other": loss(Focal("o"), logits, target, {"gamma": gamma.flip(0)}),
            "cross-entropy": loss(Focal("o", False), logits, target),
            "weighted": weighted,
        },
        theirs,
    )


def test_focal_loss_of_what_is_certain_has_a_finite_slope():
    logits = torch.tensor([[[200.0, -200.0], [0.0, 0.0]]], requires_grad=True)
    value = loss(Focal("o"), logits, torch.tensor([[0, 1]]), {"gamma": [0.5]})
    (slope,) = torch.autograd.grad(value.sum(), logits)
    assert slope.isfinite().all()
    assert slope[0, 1].ne(0).all()


def test_binary_equals_torch_by_one_logit_and_by_two():
    logits, target = classes(2, 9, 2)
    z, y = logits[..., 1] - logits[..., 0], target.double()
    theirs = F.binary_cross_entropy_with_logits(z, y, reduction="none").mean(1)
    two = loss(Binary("o"), logits, target)
    torch.testing.assert_close(two, theirs)
    torch.testing.assert_close(loss(Binary("o"), z.unsqueeze(-1), target), theirs)
    torch.testing.assert_close(loss(CrossEntropy("o"), logits, target), theirs)
    weighted = loss(Binary("o", WEIGHTS[:2]), logits, target)
    for m in range(2):
        given = z[m].tolist(), target[m].tolist()
        assert float(two[m]) == pytest.approx(literal.binary(*given), rel=1e-9)
        expected = literal.binary(*given, WEIGHTS[:2].tolist())
        assert float(weighted[m]) == pytest.approx(expected, rel=1e-9)
    rejected(
        {
            "the other class": loss(Binary("o"), -z.unsqueeze(-1), target),
            "the sum of logits": loss(Binary("o"), logits.sum(-1, keepdim=True), target),
            "weighted": weighted,
        },
        theirs,
    )
    with pytest.raises(InputError, match="two classes"):
        loss(Binary("o"), torch.zeros(1, 3, 3), torch.zeros(1, 3, dtype=torch.int64))


def test_multilabel_equals_torch():
    logits, _ = classes(2, 7, 4)
    target = (classes(2, 7, 4, seed=1)[0] > 0).double()
    theirs = [
        F.binary_cross_entropy_with_logits(logits, target, pos_weight=w, reduction="none")
        .flatten(1)
        .mean(1)
        for w in (None, WEIGHTS)
    ]
    ours = [loss(Multilabel("o", w), logits, target) for w in (None, WEIGHTS)]
    for mine, other, weights in zip(ours, theirs, (None, WEIGHTS.tolist()), strict=True):
        torch.testing.assert_close(mine, other)
        for m in range(2):
            expected = literal.multilabel(logits[m].tolist(), target[m].tolist(), weights)
            assert float(mine[m]) == pytest.approx(expected, rel=1e-9)
    rejected(
        {
            "without weights": ours[0],
            "weights of noes": loss(Multilabel("o", 1 / WEIGHTS), logits, target),
            "sum over outputs": ours[1] * 4,
            "no and yes exchanged": loss(Multilabel("o", WEIGHTS), logits, 1 - target),
        },
        theirs[1],
    )
    torch.testing.assert_close(
        ours[0],
        torch.stack([F.multilabel_soft_margin_loss(logits[m], target[m]) for m in range(2)]),
    )


def test_a_class_is_one_label_against_the_rest():
    logits, target = classes(2, 7, 4)
    hot = F.one_hot(target, 4).double()
    torch.testing.assert_close(
        loss(Multilabel("o", WEIGHTS), logits, target), loss(Multilabel("o", WEIGHTS), logits, hot)
    )


def test_logits_of_0_have_their_slope():
    """Where a network starts with zeros; an absolute value in the formula would lose it."""
    logits = torch.zeros(1, 1, 2, requires_grad=True)
    value = loss(Multilabel("o"), logits, torch.tensor([[[1.0, 0.0]]]))
    (slope,) = torch.autograd.grad(value.sum(), logits)
    torch.testing.assert_close(slope, torch.tensor([[[-0.25, 0.25]]]))


def test_hinge_equals_scikit_learn_and_the_literal_version():
    output, target = classes(3, 12, 4)
    ours = loss(Hinge("o"), output, target)
    theirs = torch.tensor(
        [hinge_loss(target[m], output[m], labels=range(4)) for m in range(3)], dtype=torch.float64
    )
    torch.testing.assert_close(ours, theirs)
    for m in range(3):
        expected = literal.hinge(output[m].tolist(), target[m].tolist())
        assert float(ours[m]) == pytest.approx(expected, rel=1e-12)
    every = torch.stack([F.multi_margin_loss(output[m], target[m]) for m in range(3)])
    rejected(
        {"sum over all classes": every, "margin of 2": loss(Hinge("o"), output / 2, target) * 2},
        theirs,
    )
    single, two = classes(2, 9, 1)
    theirs = [hinge_loss(two[m], single[m, :, 0]) for m in range(2)]
    torch.testing.assert_close(
        loss(Hinge("o"), single, two), torch.tensor(theirs, dtype=torch.float64)
    )


def test_ordinal_equals_the_ranked_probability_score():
    logits, target = classes(2, 9, 5)
    p = F.softmax(logits, -1).numpy()
    expected = ((p.cumsum(-1) - F.one_hot(target, 5).numpy().cumsum(-1)) ** 2).sum(-1)
    theirs = torch.from_numpy(expected.mean(1))
    ours = loss(Ordinal("o"), logits, target)
    torch.testing.assert_close(ours, theirs)
    for m in range(2):
        assert float(ours[m]) == pytest.approx(
            literal.ordinal(logits[m].tolist(), target[m].tolist()), rel=1e-9
        )
    brier = ((p - F.one_hot(target, 5).numpy()) ** 2).sum(-1).mean(1)
    rejected(
        {
            "blind for order": torch.from_numpy(brier),
            "reversed order of outputs": loss(Ordinal("o"), logits.flip(-1), target),
            "mean over classes": ours / 5,
        },
        theirs,
    )


def test_ordinal_is_proper_and_knows_near_from_far():
    """True probabilities are its optimum; a miss by two classes costs more than one by one."""
    truth = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    targets = torch.tensor([[0] * 2 + [1] * 5 + [2] * 3])
    best = loss(Ordinal("o"), truth.log().expand(1, 10, 3), targets)
    for other in ([0.1, 0.6, 0.3], [0.2, 0.4, 0.4], [0.34, 0.33, 0.33]):
        p = torch.tensor(other, dtype=torch.float64).log()
        assert loss(Ordinal("o"), p.expand(1, 10, 3), targets) > best
    sure = torch.tensor([[[9.0, 0.0, 0.0]]]).expand(1, 1, 3)
    near, far = (loss(Ordinal("o"), sure, torch.tensor([[y]])) for y in (1, 2))
    assert far > 1.5 * near
