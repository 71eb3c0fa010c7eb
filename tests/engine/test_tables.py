"""Coefficients of many steps at once: the same in pieces, and the right ones."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from methodic.engine.parts import Cohort
from methodic.engine.tables import coefficients
from tests.engine.conftest import MakeCohort

TOTAL = 40
CPU = torch.device("cpu")


def adamw(make_cohort: MakeCohort) -> Cohort:
    return make_cohort(
        [0.1, 0.3],
        optimizer={"kind": "adamw", "lr": 0.1, "weight_decay": 0.05},
        schedule={"kind": "cosine", "warmup": 0.2, "final": 0.1},
    )


def table(made: Cohort, taken: int, count: int) -> list[dict[str, torch.Tensor]]:
    return list(coefficients(made.stages[0].turns[0], taken, count, TOTAL, CPU))


def same(a: list[dict[str, torch.Tensor]], b: list[dict[str, torch.Tensor]]) -> bool:
    return len(a) == len(b) and all(
        x.keys() == y.keys() and all(torch.equal(x[k], y[k]) for k in x)
        for x, y in zip(a, b, strict=True)
    )


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, TOTAL), max_size=5))
def test_in_pieces_as_at_once(make_cohort: MakeCohort, cuts: list[int]) -> None:
    made = adamw(make_cohort)
    marks = [0, *sorted(cuts), TOTAL]
    pieces = [each for a, b in pairwise(marks) for each in table(made, a, b - a)]
    assert same(pieces, table(made, 0, TOTAL))


def test_another_step_is_another_row(make_cohort: MakeCohort) -> None:
    made = adamw(make_cohort)
    assert not same(table(made, 1, 5), table(made, 0, 5))


def test_the_rate_follows_the_schedule_of_each_member(make_cohort: MakeCohort) -> None:
    made = make_cohort([0.1, 0.3], schedule={"kind": "cosine", "warmup": 0.25, "final": 0.1})
    rows = table(made, 0, TOTAL)
    for t, c in enumerate(rows):
        fall = 0.1 + 0.9 * (1 + math.cos(math.pi * (t - 10) / 30)) / 2
        factor = (t + 1) / 10 if t < 10 else fall
        assert c["lr"].shape == (2, 1)
        assert c["lr"].flatten().tolist() == pytest.approx([0.1 * factor, 0.3 * factor])


def test_only_weights_decay(make_cohort: MakeCohort) -> None:
    made = adamw(make_cohort)
    decay = made.layout.views(table(made, 0, 1)[0]["weight_decay"])
    for name, value in decay.items():
        assert bool(value.any()) == name.endswith("weight")
    everything = make_cohort(
        optimizer={"kind": "adamw", "lr": 0.1, "weight_decay": 0.05, "decays": "all"}
    )
    assert table(everything, 0, 1)[0]["weight_decay"].shape == (1, 1)
    none = make_cohort(optimizer={"kind": "adamw", "lr": 0.1, "weight_decay": 0})
    assert "weight_decay" not in table(none, 0, 1)[0]


RULES = [
    {"kind": "sgd", "momentum": 0.9},
    {"kind": "rmsprop"},
    {"kind": "adam"},
    {"kind": "adamw", "weight_decay": 0.05},
]
SCHEDULES = [
    {"kind": "constant", "warmup": 0.3},
    {"kind": "exponential", "final": 0.1},
    {"kind": "cosine", "warmup": 0.2, "final": 0.1},
]


@pytest.mark.parametrize("rule", RULES, ids=lambda each: each["kind"])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda each: each["kind"])
def test_each_member_by_its_own_clock(
    make_cohort: MakeCohort, rule: dict[str, object], schedule: dict[str, object]
) -> None:
    """As alone from its own step 0, to the bit."""
    born = [0, 13, 5, 13]
    made = make_cohort(
        [0.1] * len(born), optimizer={**rule, "lr": 0.1}, schedule=schedule, batch=16
    )
    rows = list(coefficients(made.stages[0].turns[0], 13, 20, TOTAL, CPU, born))
    alone = make_cohort([0.1], optimizer={**rule, "lr": 0.1}, schedule=schedule, batch=16)
    for m, start in enumerate(born):
        expected = table(alone, 13 - start, 20)
        mine = [{name: c[name][m : m + 1] for name in c} for c in rows]
        assert same(mine, expected)
        if start == 13:  # in its warm-up; later some schedules stand still
            assert not same(mine, table(alone, 13, 20))
