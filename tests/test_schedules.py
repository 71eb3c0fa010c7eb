from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import schedules as literal
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    SequentialLR,
)

from methodic import schedules

TOTAL, WARM, FINAL = 40, 8, 0.05


def numbers(warmup, final):
    return {"warmup": np.atleast_1d(warmup), "final": np.atleast_1d(final)}


def factors(schedule, total, warmup, final):
    steps = np.arange(float(total))[:, None]
    return schedule(steps, total, numbers(warmup, final))


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["constant", "exponential", "cosine"]),
    st.integers(1, 60),
    st.lists(st.floats(0, 0.99), min_size=3, max_size=3),
    st.lists(st.floats(0.001, 1), min_size=3, max_size=3),
)
def test_equals_the_literal_version(kind, total, warmup, final):
    result = factors(getattr(schedules, kind), total, warmup, final)
    assert result.shape == (total, 3)
    assert result.dtype == np.float64
    expected = [
        [literal.factor(kind, i, total, warmup[m], final[m]) for m in range(3)]
        for i in range(total)
    ]
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-15)
    assert (result <= 1).all()
    assert (result > 0).all()


def torch_factors(after):
    """torch's rates for a base rate of 1: a linear warm-up of WARM steps, then ``after``."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    rise = LinearLR(optimizer, start_factor=1 / WARM, total_iters=WARM - 1)
    scheduler = SequentialLR(optimizer, [rise, after(optimizer)], milestones=[WARM])
    rates = []
    for _ in range(TOTAL):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


GOLDEN = {
    "constant": lambda o: ConstantLR(o, factor=1.0),
    "exponential": lambda o: ExponentialLR(o, gamma=FINAL ** (1 / (TOTAL - WARM))),
    "cosine": lambda o: CosineAnnealingLR(o, T_max=TOTAL - WARM, eta_min=FINAL),
}


def close(ours, theirs):
    return np.allclose(ours, theirs, rtol=1e-10, atol=0)


@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("kind", GOLDEN)
def test_equals_torch_and_rejects_mutants(kind):
    theirs = torch_factors(GOLDEN[kind])
    schedule = getattr(schedules, kind)
    ours = factors(schedule, TOTAL, WARM / TOTAL, FINAL)[:, 0]
    assert close(ours, theirs)
    steps = np.arange(float(TOTAL))[:, None]
    own = numbers(WARM / TOTAL, FINAL)
    mutants = {
        "a step late": schedule(steps - 1, TOTAL, own),
        "a step early": schedule(steps + 1, TOTAL, own),
        "no warm-up": schedule(steps, TOTAL, numbers(0.0, FINAL)),
        "longer warm-up": schedule(steps, TOTAL, numbers((WARM + 1) / TOTAL, FINAL)),
    }
    if kind != "constant":
        mutants["other end"] = schedule(steps, TOTAL, numbers(WARM / TOTAL, 2 * FINAL))
        mutants["ends with the last step"] = schedule(steps, TOTAL - 1, own)
        mutants["other curve"] = factors(
            schedules.cosine if kind == "exponential" else schedules.exponential,
            TOTAL,
            WARM / TOTAL,
            FINAL,
        )
    for name, mutant in mutants.items():
        assert not close(mutant[:, 0], theirs), name


@pytest.mark.parametrize("kind", ["constant", "exponential", "cosine"])
def test_a_member_and_a_step_do_not_depend_on_those_beside_them(kind):
    schedule = getattr(schedules, kind)
    warmup, final = np.linspace(0, 0.5, 7), np.linspace(0.01, 0.9, 7)
    together = factors(schedule, 53, warmup, final)
    for m in range(7):
        for step in range(53):
            alone = schedule(np.array([[float(step)]]), 53, numbers(warmup[m], final[m]))
            assert alone.shape == (1, 1)
            assert alone[0, 0] == together[step, m]


def test_marks_of_the_convention():
    rise = factors(schedules.cosine, 10, 0.4, 0.2)[:, 0]
    assert rise[:5].tolist() == [0.25, 0.5, 0.75, 1.0, 1.0]
    after = schedules.cosine(np.array([[10.0], [500.0]]), 10, numbers(0.4, 0.2))
    np.testing.assert_allclose(after[:, 0], 0.2)
    assert factors(schedules.exponential, 4, 0.0, 0.0625)[:, 0] == pytest.approx(
        [1, 0.5, 0.25, 0.125]
    )


def test_equal_factors_of_the_exponential():
    falling = factors(schedules.exponential, 30, 0.0, 0.01)[:, 0]
    ratios = falling[1:] / falling[:-1]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-12)


def test_torch_is_not_imported():
    code = "import sys, methodic.schedules; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
