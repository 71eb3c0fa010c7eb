from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_optimizer import ScheduleFreeAdamW as TheirAdamW
from pytorch_optimizer import ScheduleFreeSGD as TheirSGD
from reference.trajectories import drive, parting

from methodic.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD

SGD = {"lr": 0.01, "momentum": 0.8, "weight_decay": 0.2}
ADAM = {"lr": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-2, "weight_decay": 0.2}
TOLERANCE = 1e-10


def their_sgd(decay, foreach=False):
    return lambda params: TheirSGD(
        params,
        lr=SGD["lr"],
        momentum=SGD["momentum"],
        weight_decay=SGD["weight_decay"] * decay,
        foreach=foreach,
    )


def their_adamw(decay, foreach=False):
    return lambda params: TheirAdamW(
        params,
        lr=ADAM["lr"],
        betas=(ADAM["beta1"], ADAM["beta2"]),
        eps=ADAM["epsilon"],
        weight_decay=ADAM["weight_decay"] * decay,
        foreach=foreach,
    )


def points(ours, w, theirs, their_w):
    """z and x, what the average has counted, and the mean square where there is one."""
    beta = theirs["betas"][0] if "betas" in theirs else theirs["momentum"]
    z = w + ours["ahead"] * beta / (1 - beta)
    their_x = their_w.lerp(theirs["z"], 1 - 1 / beta)
    x = ScheduleFreeSGD().evaluation_weights(w, ours)
    total = ours["count"] * ours["rate"] ** 2
    found = [
        (z, theirs["z"]),
        (x, their_x),
        (total, torch.tensor(theirs["weight_sum"], dtype=torch.float64)),
    ]
    if "mean_square" in ours:
        found.append((ours["mean_square"], theirs["exp_avg_sq"]))
    return found


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("decay", [False, True])
def test_sgd_equals_a_public_one(decay, foreach):
    """At rates that rise and fall, so that the largest one counts."""
    rule = ScheduleFreeSGD(decay)
    assert parting(rule, SGD, their_sgd(decay, foreach), inner=points) < TOLERANCE


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("decay", [False, True])
def test_adamw_equals_a_public_one(decay, foreach):
    rule = ScheduleFreeAdamW(decay)
    assert parting(rule, ADAM, their_adamw(decay, foreach), inner=points) < TOLERANCE


class LatestRate(ScheduleFreeSGD):
    """Weights from the latest rate instead of the largest."""

    def update(self, gradient, parameter, state, c):
        latest = {**state, "rate": torch.minimum(state["rate"], c["reached"])}
        latest["count"] = state["count"] * (state["rate"] / c["reached"]) ** 2
        return super().update(gradient, parameter, latest, c)


class PlainMean(ScheduleFreeSGD):
    """All z count alike."""

    def update(self, gradient, parameter, state, c):
        return super().update(gradient, parameter, state, {**c, "reached": c["reached"] * 0 + 1})


class LateAverage(ScheduleFreeSGD):
    """x takes in z before its step."""

    def update(self, gradient, parameter, state, c):
        none, following = super().update(0 * gradient, parameter, state, c)
        taken = gradient * c["scale"]
        return none + taken, following | {"ahead": following["ahead"] + taken}


class AtTheAverage(ScheduleFreeSGD):
    """Gradients at another point between z and x."""

    def coefficients(self, step, numbers):
        return super().coefficients(step, {**numbers, "momentum": np.array([0.95])})


class Uncorrected(ScheduleFreeAdamW):
    def coefficients(self, step, numbers):
        return super().coefficients(np.full_like(step, 1e7), numbers)


class DecayAtZ(ScheduleFreeAdamW):
    """z shrinks by itself instead of by y."""

    def update(self, gradient, parameter, state, c):
        z = parameter + state["ahead"] * c["pull"]
        return super().update(gradient, z, state, c)


@pytest.mark.parametrize(
    ("mutant", "numbers", "other"),
    [
        (LatestRate(), SGD, their_sgd(False)),
        (PlainMean(), SGD, their_sgd(False)),
        (LateAverage(), SGD, their_sgd(False)),
        (AtTheAverage(), SGD, their_sgd(False)),
        (ScheduleFreeSGD(), SGD, their_sgd(True)),
        (Uncorrected(), ADAM, their_adamw(False)),
        (DecayAtZ(decay=True), ADAM, their_adamw(True)),
        (ScheduleFreeAdamW(), ADAM, their_adamw(True)),
    ],
)
def test_the_comparison_rejects_mutants(mutant, numbers, other):
    assert not parting(mutant, numbers, other) < 1e6 * TOLERANCE


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_at_one_rate_the_average_is_the_mean_of_all_z(dtype):
    """With momentum 0, y is z: plain descent, averaged. The count of steps is exact."""
    start, gradients = torch.randn(1, 5, dtype=dtype), torch.randn(50, 1, 5, dtype=dtype)
    rule, numbers = ScheduleFreeSGD(), {"lr": 0.1, "momentum": 0.0}
    path = drive(rule, start, lambda _, t: gradients[t - 1], lambda _: numbers, 50)
    w, state = path[-1]
    assert state["count"].tolist() == [[50.0]]
    torch.testing.assert_close(w, start - 0.1 * gradients.sum(0), rtol=1e-5, atol=1e-5)
    mean = torch.stack([each for each, _ in path]).mean(0)
    torch.testing.assert_close(rule.evaluation_weights(w, state), mean, rtol=1e-5, atol=1e-5)


def test_steps_at_a_rate_of_0_move_nothing_and_count_nothing():
    """Warm-ups may begin there."""
    start = torch.ones(1, 3, dtype=torch.float64)
    rates = [0.0, 0.0, 0.1, 0.1]
    path = drive(
        ScheduleFreeSGD(),
        start,
        lambda w, _: w,
        lambda t: {"lr": rates[t - 1], "momentum": 0.9},
        len(rates),
    )
    counts = [float(state["count"]) for _, state in path]
    assert torch.equal(path[1][0], start)
    assert counts[2:] == [1.0, 2.0]
    assert bool(path[-1][0].isfinite().all())


def test_a_factor_on_every_change_scales_all_three_points():
    """As a parameter's own rate does: x stays the average."""
    numbers = {"lr": 0.1, "momentum": 0.9}
    rule, gradients = ScheduleFreeSGD(), torch.randn(20, 1, 4, dtype=torch.float64)
    start = torch.zeros(1, 4, dtype=torch.float64)
    whole = drive(rule, start, lambda _, t: gradients[t - 1], lambda _: numbers, 20)
    w, state = whole[-1]
    y = start + 0.3 * (w - start)
    x = y + 0.3 * (rule.evaluation_weights(y, state) - y)
    torch.testing.assert_close(x - start, 0.3 * (rule.evaluation_weights(w, state) - start))
