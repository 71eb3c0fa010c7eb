"""Objectives on answers: consistency, teachers, pseudo-labels, distillation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from objectives import looking
from objectives.given import rejected
from reference import unlabelled as literal
from torch import Tensor

from methodic.objectives.agreement import (
    Consistency,
    Distillation,
    MeanTeacher,
    SelfLabelled,
    answers,
    apart,
    corrected,
    distilled,
    self_labelled,
)
from methodic.regularizers.corruption import Swap

NETWORK = looking.mlp(dropout="model.dropout")
WEAK, STRONG = Swap("o.weak", 4, "o.little"), Swap("o.strong", 4, "o.much")
NUMBERS = {"little": 0.2, "much": 0.8, "model_dropout": 0.3}


def logits(rows: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    both = 2 * torch.randn(2, 2, rows, count, generator=generator, dtype=torch.float64)
    return both[0], both[1]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 6), st.integers(2, 4), st.integers(0, 999), st.floats(0.0, 0.95))
def test_like_the_literal_versions(rows: int, count: int, seed: int, threshold: float) -> None:
    one, other = logits(rows, count, seed)
    pairs = [(one[m].tolist(), other[m].tolist()) for m in range(2)]
    assert looking.close(apart(one, other), [literal.apart(a, b) for a, b in pairs])
    bound = torch.tensor([[threshold], [0.5]], dtype=torch.float64)
    wanted = [
        literal.self_labelled(a, b, t) for (a, b), t in zip(pairs, (threshold, 0.5), strict=True)
    ]
    assert looking.close(self_labelled(one, other, bound), wanted)
    wanted = [literal.self_labelled(a, b, 0.0) for a, b in pairs]
    assert looking.close(self_labelled(one, other, None), wanted)
    soft = torch.softmax(one, -1)
    temperature = torch.tensor([0.5 + threshold, 3.0], dtype=torch.float64)
    wanted = [
        literal.distilled(b, soft[m].tolist(), float(temperature[m]))
        for m, (_, b) in enumerate(pairs)
    ]
    assert looking.close(distilled(other, soft, temperature), wanted, 1e-7)


def test_answers() -> None:
    x, _ = logits(3, 4, 0)
    torch.testing.assert_close(answers(x, "classes"), torch.softmax(x, -1))
    torch.testing.assert_close(answers(x, "labels"), torch.sigmoid(x))
    assert answers(x, "numbers") is x


def test_distillation_is_the_divergence_that_torch_knows() -> None:
    """Of softened probabilities, times the square of the temperature (Hinton et al. 2015)."""
    teacher, student = logits(7, 4, 1)
    for t in (1.0, 4.0):
        temperature = torch.full((2,), t, dtype=torch.float64)
        ours = distilled(student, torch.softmax(teacher, -1), temperature)
        theirs = torch.stack(
            [
                t**2
                * F.kl_div(
                    F.log_softmax(student[m] / t, -1),
                    F.log_softmax(teacher[m] / t, -1),
                    reduction="batchmean",
                    log_target=True,
                )
                for m in range(2)
            ]
        )
        torch.testing.assert_close(ours, theirs)
        rejected(
            {
                "the other way": distilled(teacher, torch.softmax(student, -1), temperature),
                "another temperature": distilled(
                    student, torch.softmax(teacher, -1), 1.5 * temperature
                ),
            },
            theirs,
        )


def test_a_teacher_that_is_certain() -> None:
    soft = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    student = torch.zeros(1, 2, 2, requires_grad=True)
    found = distilled(student, soft, torch.tensor([2.0]))
    assert found.isfinite().all()
    assert torch.autograd.grad(found.sum(), student)[0].isfinite().all()


def view(change: Swap, side: Any, run: Any, rows: Any) -> Any:
    noise = {k.partition("|")[2]: x for k, x in run.noise.items() if k.startswith(side.name + "|")}
    return change(looking.batch(rows), noise, run.numbers).inputs


@pytest.mark.parametrize("kind", ["classes", "labels", "numbers"])
def test_two_views_should_get_the_same_answer(kind: Any) -> None:
    objective = Consistency("o", "s.it", NETWORK, False, kind, (WEAK,), (STRONG,))
    assert objective.trains == ("encoder", "head")
    run, rows = looking.given(objective, NETWORK, **NUMBERS), looking.table()
    both = []
    for side, change in zip(objective.sides, (WEAK, STRONG), strict=True):
        assert torch.equal(
            side.view(run, rows)["numeric"], view(change, side, run, rows)["numeric"]
        )
        both.append(answers(side.outputs(NETWORK, run, rows), kind))
    wanted = [literal.apart(both[0][m].tolist(), both[1][m].tolist()) for m in range(2)]
    assert looking.close(looking.cost(objective, NETWORK, run, looking.batch(rows)), wanted)


def slopes(cost: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    found = torch.autograd.grad(cost.sum(), list(parameters.values()), materialize_grads=True)
    return torch.cat([x.flatten() for x in found])


def test_both_views_get_a_gradient() -> None:
    objective = Consistency("o", "s.it", NETWORK, False, "classes", (WEAK,), (STRONG,))
    run, rows = looking.given(objective, NETWORK, **NUMBERS), looking.table()
    for x in run.parameters.values():
        x.requires_grad_()
    both = [torch.softmax(s.outputs(NETWORK, run, rows), -1) for s in objective.sides]
    whole = slopes(looking.cost(objective, NETWORK, run, looking.batch(rows)), run.parameters)
    parts = [slopes(apart(a, b.detach()), run.parameters) for a, b in (both, both[::-1])]
    torch.testing.assert_close(whole, parts[0] + parts[1])


def test_a_mean_teacher_answers_the_other_view() -> None:
    objective = MeanTeacher("o", "s.it", NETWORK, False, "classes", (WEAK,), (STRONG,))
    assert objective.taught
    run, rows = looking.given(objective, NETWORK, **NUMBERS), looking.table()
    run.teacher = {name: (x - 0.2).requires_grad_() for name, x in run.parameters.items()}
    for x in run.parameters.values():
        x.requires_grad_()
    own = torch.softmax(objective.sides[0].outputs(NETWORK, run, rows), -1)
    told = torch.softmax(objective.sides[1].taught_outputs(NETWORK, run, rows), -1)
    found = looking.cost(objective, NETWORK, run, looking.batch(rows))
    wanted = [literal.apart(own[m].tolist(), told[m].tolist()) for m in range(2)]
    assert looking.close(found, wanted)
    grads = torch.autograd.grad(
        found.sum(), list(run.teacher.values()), allow_unused=True, retain_graph=True
    )
    assert all(each is None for each in grads)
    torch.testing.assert_close(
        slopes(found, run.parameters), slopes(apart(own, told), run.parameters)
    )


def test_fixmatch_takes_its_target_from_the_weak_view() -> None:
    objective = SelfLabelled("o", "s.it", NETWORK, False, "classes", (WEAK,), (STRONG,))
    run, rows = looking.given(objective, NETWORK, threshold=[0.4, 0.5], **NUMBERS), looking.table()
    for x in run.parameters.values():
        x.requires_grad_()
    assert [side.changes for side in objective.sides] == [(WEAK,), (STRONG,)]
    weak, strong = (side.outputs(NETWORK, run, rows) for side in objective.sides)
    wanted = [
        literal.self_labelled(weak[m].tolist(), strong[m].tolist(), t)
        for m, t in enumerate((0.4, 0.5))
    ]
    found = looking.cost(objective, NETWORK, run, looking.batch(rows))
    assert looking.close(found, wanted)
    sure = torch.softmax(weak, -1).amax(-1)
    assert 0 < int((sure >= 0.45).sum()) < 12, "the threshold has to part the rows"
    bound = run.numbers["o.threshold"].unsqueeze(1)
    rejected(
        {
            "views exchanged": self_labelled(strong, weak, bound),
            "no threshold": self_labelled(weak, strong, None),
            "mean over the sure rows": found * 6 / (sure >= bound).sum(1).clamp(min=1),
        },
        found,
    )
    torch.testing.assert_close(
        slopes(found, run.parameters),
        slopes(self_labelled(weak.detach(), strong, bound), run.parameters),
    )


def test_pseudo_labels_are_the_same_looks_classes() -> None:
    objective = SelfLabelled("o", "s.it", NETWORK, False, "classes")
    assert len(objective.sides) == 1
    run, rows = looking.given(objective, NETWORK, threshold=0.45, **NUMBERS), looking.table()
    outputs = objective.sides[0].outputs(NETWORK, run, rows)
    wanted = [literal.self_labelled(outputs[m].tolist(), outputs[m].tolist(), 0.45) for m in (0, 1)]
    assert looking.close(looking.cost(objective, NETWORK, run, looking.batch(rows)), wanted)


@pytest.mark.parametrize("kind", ["classes", "labels", "numbers"])
def test_distillation(kind: Any) -> None:
    objective = Distillation("o", "s.it", NETWORK, True, kind)
    run, rows = (
        looking.given(objective, NETWORK, temperature=[2.0, 3.0], **NUMBERS),
        looking.table(),
    )
    soft = answers(logits(6, 3, 4)[0], kind)
    beside = looking.batch(rows, soft=soft)
    outputs = objective.sides[0].outputs(NETWORK, run, rows)
    wanted = []
    for m, t in enumerate((2.0, 3.0)):
        told, given_ = outputs[m].tolist(), soft[m].tolist()
        if kind == "classes":
            wanted.append(literal.distilled(told, given_, t))
        elif kind == "numbers":
            wanted.append(literal.apart(told, given_))
        else:
            wanted.append(
                literal.mean(
                    sum(literal.bernoulli(z, p) for z, p in zip(a, b, strict=True))
                    for a, b in zip(told, given_, strict=True)
                )
            )
    found = looking.cost(
        objective, NETWORK, run, looking.batch(looking.table(seed=9), beside=beside)
    )
    assert looking.close(found, wanted, 1e-7)


def test_a_network_of_means_and_variances_is_taught_its_means() -> None:
    objective = Distillation("o", "s.it", looking.mlp(outputs=4), False, "numbers")
    run, rows = looking.given(objective, objective.network), looking.table()
    outputs = objective.sides[0].outputs(objective.network, run, rows)
    soft = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(0)).double()
    found = looking.cost(objective, objective.network, run, looking.batch(rows, soft=soft))
    torch.testing.assert_close(found, apart(outputs[..., :2], soft))


def test_rows_that_no_teacher_speaks_about() -> None:
    objective = Distillation("o", "s.it", NETWORK, False, "classes")
    run = looking.given(objective, NETWORK, temperature=2.0, **NUMBERS)
    with pytest.raises(AssertionError, match="teacher"):
        looking.cost(objective, NETWORK, run, looking.batch(looking.table()))


def test_alignment_corrects_the_classes_of_a_batch() -> None:
    """A network that says one class too often is corrected; wholly, the geometric way."""
    draw = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 40, 3, generator=draw) + torch.tensor([1.5, 0.0, -1.0])
    shares = torch.tensor([0.2, 0.3, 0.5])
    whole = corrected(logits, torch.ones(2, 1), shares)
    for m in range(2):
        p = torch.softmax(logits[m].double(), -1)
        wanted = p * (shares.double() / p.mean(0))
        wanted = wanted / wanted.sum(1, keepdim=True)
        found = torch.softmax(whole[m].double(), -1)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
        before, after = p.mean(0) - shares, wanted.mean(0) - shares
        assert float(after.abs().sum()) < 0.5 * float(before.abs().sum())
    half = corrected(logits, torch.full((2, 1), 0.5), shares)
    logs = torch.log_softmax(logits, -1)
    torch.testing.assert_close(half, 0.5 * (logs + whole), rtol=1e-5, atol=1e-5)
