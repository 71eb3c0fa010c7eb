"""What a step may have besides: each against a literal step of a linear model by plain autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.data.batches import Order, Rows
from methodic.engine import loop
from methodic.engine.parts import DRIVEN, Cohort, State
from methodic.engine.tables import table
from methodic.errors import InputError
from methodic.rng import Draws, key_table
from tests.engine.conftest import MakeCohort

LINEAR = {"kind": "linear", "initialization": "normal"}
LR, STEPS = 0.2, 4


def run(cohort: Cohort, rows: Rows) -> State:
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    return loop.advance(cohort, stage, state, rows, STEPS, lambda _: None)


def literal(
    cohort: Cohort,
    rows: Rows,
    direction: Callable[[Callable[[Tensor], Tensor], Tensor, int], Tensor],
) -> Tensor:
    """Gradient descent along ``direction(gradient at, weights, step)``, for member 0: [P]."""
    flat = loop.initial_state(cohort).flat[0].clone()
    index = Order([0], len(rows), 16, "order/train").steps(0, STEPS).view(STEPS, 16)
    for t in range(STEPS):
        x, y = rows.inputs["numeric"][index[t]], rows.target[index[t]]

        def gradient(at: Tensor, x: Tensor = x, y: Tensor = y) -> Tensor:
            leaf = at.clone().requires_grad_()
            weight, bias = leaf[:8].view(4, 2), leaf[8:]
            (found,) = torch.autograd.grad(F.cross_entropy(x @ weight + bias, y), leaf)
            return found

        flat = flat - LR * direction(gradient, flat, t)
    return flat


def stepped(make_cohort: MakeCohort, **stage: Any) -> Cohort:
    return make_cohort([LR], model=LINEAR, **stage)


def test_without_any_of_them(make_cohort: MakeCohort, rows: Rows) -> None:
    cohort = stepped(make_cohort)
    expected = literal(cohort, rows, lambda gradient, w, t: gradient(w))
    torch.testing.assert_close(run(cohort, rows).flat[0], expected)


def test_sharpness_aware_steps_follow_the_gradient_uphill(
    make_cohort: MakeCohort, rows: Rows
) -> None:
    cohort = stepped(make_cohort, regularizers=[{"kind": "sam", "rho": 0.5}])

    def uphill(gradient: Callable[[Tensor], Tensor], w: Tensor, t: int) -> Tensor:
        g = gradient(w)
        return gradient(w + 0.5 * g / g.norm())

    found = run(cohort, rows).flat[0]
    torch.testing.assert_close(found, literal(cohort, rows, uphill))
    plain = literal(cohort, rows, lambda gradient, w, t: gradient(w))
    assert not torch.allclose(found, plain, atol=1e-3)


def test_the_loss_of_a_sharpness_aware_step_is_that_at_the_weights(
    make_cohort: MakeCohort, rows: Rows
) -> None:
    losses = []
    for regularizers in ([], [{"kind": "sam", "rho": 0.5}]):
        cohort = stepped(make_cohort, regularizers=regularizers)
        stage, seen = cohort.stages[0], []
        state = loop.begin(stage, loop.initial_state(cohort))
        loop.advance(cohort, stage, state, rows, 1, seen.append)
        losses.append(seen[0].loss)
    assert torch.equal(*losses)


def test_adaptive_clipping_limits_each_unit(make_cohort: MakeCohort, rows: Rows) -> None:
    cohort = stepped(make_cohort, clip={"adaptive": 0.05})

    def clipped(gradient: Callable[[Tensor], Tensor], w: Tensor, t: int) -> Tensor:
        g = gradient(w)
        weight, bias = g[:8].view(4, 2), g[8:]
        bound = 0.05 * w[:8].view(4, 2).norm(dim=0).clamp(min=1e-3)
        weight = weight * (bound / torch.maximum(weight.norm(dim=0), bound))
        limits = 0.05 * w[8:].abs().clamp(min=1e-3)  # a bias is a unit of its own
        return torch.cat([weight.flatten(), bias * (limits / torch.maximum(bias.abs(), limits))])

    found = run(cohort, rows).flat[0]
    torch.testing.assert_close(found, literal(cohort, rows, clipped))


def test_gradient_noise_falls_with_the_step(make_cohort: MakeCohort, rows: Rows) -> None:
    noisy = {"kind": "gradient_noise", "eta": 0.3, "gamma": 0.55}
    cohort = stepped(make_cohort, regularizers=[noisy])
    part = cohort.stages[0].gradient_noise
    assert part is not None
    draws = Draws(part.noise(cohort.layout.total))
    keys = key_table([0], "noise", "train", first=0, count=STEPS)

    def shaken(gradient: Callable[[Tensor], Tensor], w: Tensor, t: int) -> Tensor:
        (drawn,) = draws(keys[t]).values()
        return gradient(w) + (0.3 / (2 + t) ** 0.55) ** 0.5 * drawn[0]

    torch.testing.assert_close(run(cohort, rows).flat[0], literal(cohort, rows, shaken))


def test_the_parts_of_a_step_keep_their_order(make_cohort: MakeCohort, rows: Rows) -> None:
    """Noise comes before clipping: a clipped step is never longer than its limit."""
    noisy = {"kind": "gradient_noise", "eta": 100.0, "gamma": 0.0}
    cohort = stepped(make_cohort, regularizers=[noisy], clip={"norm": 0.01})
    start = loop.initial_state(cohort).flat
    assert float((run(cohort, rows).flat - start).norm()) <= STEPS * LR * 0.01 * 1.001


# --- driven numbers -----------------------------------------------------------------------------


def driven(make_cohort: MakeCohort, number: str, schedule: dict[str, Any], **stage: Any) -> Cohort:
    drives = [{"number": number, "schedule": schedule}]
    return make_cohort([LR], drives=drives, steps=[STEPS], **stage)


def test_a_rules_number_is_driven(make_cohort: MakeCohort) -> None:
    decaying = {"kind": "sgd", "lr": LR, "weight_decay": 0.5}
    cohort = driven(make_cohort, "optimizer.weight_decay", {"kind": "linear"}, optimizer=decaying)
    names, values = table(cohort.stages[0].turns[0], 0, STEPS, STEPS)
    assert values[:, names.index("weight_decay"), 0].tolist() == [0.5, 0.375, 0.25, 0.125]


def test_the_weight_of_a_loss_is_driven(make_cohort: MakeCohort, rows: Rows) -> None:
    """With a weight that falls to 0.5, later steps are half as long."""
    half = {"kind": "multi_step", "milestones": [0.5], "factor": 0.5}
    cohort = driven(make_cohort, "objectives.0.weight", half, model=LINEAR)
    names, values = table(cohort.stages[0].turns[0], 0, STEPS, STEPS)
    path = DRIVEN + "stages.0.turns.0.objectives.0.weight"
    assert values[:, names.index(path), 0].tolist() == [1.0, 1.0, 0.5, 0.5]
    expected = literal(
        cohort, rows, lambda gradient, w, t: gradient(w) * (1.0 if t < STEPS / 2 else 0.5)
    )
    torch.testing.assert_close(run(cohort, rows).flat[0], expected)


@pytest.mark.parametrize(
    ("number", "schedule", "words"),
    [
        ("optimizer.momentum", {"kind": "linear"}, ["no number 'optimizer.momentum'", "optimizer"]),
        ("optimizer.lr", {"kind": "linear"}, ["no number", "has the field schedule"]),
        ("optimizer.weight_decay", {"kind": "plateau"}, ["plateau", "any other schedule"]),
        ("clip.norm", {"kind": "linear"}, ["no number 'clip.norm'", "weight_decay"]),
    ],
)
def test_what_cannot_be_driven_is_refused(
    make_cohort: MakeCohort, number: str, schedule: dict[str, Any], words: list[str]
) -> None:
    rule = {"kind": "adamw", "lr": LR}
    with pytest.raises(InputError) as caught:
        driven(make_cohort, number, schedule, optimizer=rule, clip={"norm": 1.0})
    for word in words:
        assert word in str(caught.value)


# --- rules that ask for gradients themselves ------------------------------------------------------


def test_lbfgs_steps_are_those_of_torch(make_cohort: MakeCohort, rows: Rows) -> None:
    """Few iterations: the rows can be told apart, so the optimum is at infinity."""
    optimizer = {"kind": "lbfgs", "lr": 1.0, "iterations": 3, "history": 5}
    cohort = make_cohort([1.0], model=LINEAR, batch="full", optimizer=optimizer, steps=[STEPS])
    weights = torch.nn.Parameter(loop.initial_state(cohort).flat[0].clone())
    theirs = torch.optim.LBFGS(
        [weights], lr=1.0, max_iter=3, history_size=5, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        theirs.zero_grad()
        weight, bias = weights[:8].view(4, 2), weights[8:]
        loss = F.cross_entropy(rows.inputs["numeric"] @ weight + bias, rows.target)
        loss.backward()
        return loss

    for _ in range(STEPS):
        theirs.step(closure)
    found = run(cohort, rows).flat[0]
    torch.testing.assert_close(found, weights.detach(), atol=1e-4, rtol=1e-3)


def test_a_rule_that_works_alone_has_one_member(make_cohort: MakeCohort) -> None:
    with pytest.raises(AssertionError, match="one member"):
        make_cohort([1.0, 0.5], model=LINEAR, optimizer={"kind": "lbfgs", "lr": 1.0})
