"""Plateau schedules: each member's rate falls when its own validation loss stands still."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic import build
from methodic.engine import loop, plateau
from methodic.engine.parts import Cohort, State, picked
from methodic.models.mlp import Inputs
from methodic.recipes.types import Recipe


def make(factors: list[float], **schedule: Any) -> tuple[Cohort, State]:
    recipes = [
        Recipe.model_validate(
            {
                "name": "a",
                "model": {"kind": "linear"},
                "stages": [
                    {
                        "objectives": [{"kind": "cross_entropy"}],
                        "optimizer": {"kind": "sgd", "lr": 0.5},
                        "schedule": {"kind": "plateau", "factor": factor, **schedule},
                    }
                ],
            }
        )
        for factor in factors
    ]
    cohort = build.cohort(
        recipes,
        list(range(len(factors))),
        steps=[100],
        inputs=Inputs(numeric=2),
        outputs=2,
        rows=20,
    )
    return cohort, loop.begin(cohort.stages[0], loop.initial_state(cohort))


def as_torch(losses: list[float], factor: float, patience: int, threshold: float) -> list[float]:
    """The factor on the rate after each loss, by torch's scheduler."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience, threshold=threshold, eps=0.0
    )
    found = []
    for loss in losses:
        scheduler.step(loss)
        found.append(optimizer.param_groups[0]["lr"])
    return found


def ours(losses: list[float], factor: float, patience: int, threshold: float) -> list[float]:
    cohort, state = make([factor], patience=patience, threshold=threshold, minimum=0.0)
    found = []
    for loss in losses:
        state = plateau.looked(cohort.stages[0], state, np.array([loss]))
        pace = plateau.pace(state, 0)
        assert pace is not None
        found.append(float(pace))
    return found


@settings(deadline=None, max_examples=40)
@given(
    losses=st.lists(st.floats(0.0, 2.0), min_size=1, max_size=30),
    factor=st.sampled_from([0.1, 0.5]),
    patience=st.integers(0, 3),
    threshold=st.sampled_from([0.0, 1e-4, 0.1]),
)
def test_it_is_torchs_schedule(
    losses: list[float], factor: float, patience: int, threshold: float
) -> None:
    expected = as_torch(losses, factor, patience, threshold)
    assert ours(losses, factor, patience, threshold) == pytest.approx(expected, rel=1e-12)


def test_the_golden_rejects_a_patience_of_one_less() -> None:
    losses = [1.0, 0.9, 0.95, 0.92, 0.91, 0.91, 0.5]
    expected = as_torch(losses, 0.5, 2, 1e-4)
    assert ours(losses, 0.5, 2, 1e-4) == expected
    assert ours(losses, 0.5, 1, 1e-4) != expected


def test_members_wait_for_themselves_and_stop_at_the_minimum() -> None:
    cohort, state = make([0.5, 0.1], patience=0, threshold=0.0, minimum=0.2)
    for losses in ([1.0, 1.0], [0.5, 1.0], [0.4, 2.0], [0.3, float("nan")]):
        state = plateau.looked(cohort.stages[0], state, np.array(losses))
    assert state.pace["0/factor"].tolist() == [1.0, 0.2]
    alone = picked([state], torch.tensor([1]))
    assert alone.pace["0/factor"].tolist() == [0.2]


def test_the_rate_of_the_next_steps_is_lower() -> None:
    cohort, state = make([0.1], patience=0)
    stage, turn = cohort.stages[0], cohort.stages[0].turns[0]
    for _ in range(2):
        state = plateau.looked(stage, state, np.array([1.0]))
    from methodic.engine.tables import table

    names, values = table(turn, 5, 1, 100, (), plateau.pace(state, 0))
    assert float(values[0, names.index("lr"), 0]) == pytest.approx(0.05)


def test_without_a_plateau_there_is_nothing_to_remember() -> None:
    cohort, state = make([0.1])
    turn = replace(cohort.stages[0].turns[0], plateau=None)
    stage = replace(cohort.stages[0], turns=(turn,))
    assert plateau.initial(stage, 1, torch.device("cpu")) == {}
    empty = replace(state, pace={})
    assert plateau.looked(stage, empty, np.array([1.0])) is empty
