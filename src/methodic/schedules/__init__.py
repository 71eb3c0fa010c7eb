"""Schedules: pure functions of the step that drive a number, usually the learning rate.

All have one signature: (step, total, numbers) → factor on the base value.

Args:
    step: float64 [T, 1] or [T, M], optimizer steps from 0.
    total: steps in all, ≥ 1.
    numbers: name → float64 [M] (or anything that broadcasts to [T, M]).

Returns:
    The factors, float64 [T, M].

Each starts with a linear warm-up: of w = round(warmup · total) steps, step i has the factor
(i + 1) / w, so that the first step already moves and the last one of the warm-up has the factor 1.
The rest of the schedule then goes by progress = (i − w) / (total − w): 0 at the first step after
the warm-up, 1 just after the last step. Later steps keep the factor of progress 1. All positions
(milestones, cycles, a peak) are shares of those steps that follow the warm-up.

All but constant, cyclic and joined schedules may have a number ``length`` in (0, 1]: they go as if
the run ended after round(length · total) steps, at least one, and keep their last factor from then
on. Without it, it is 1. A joined schedule's parts have shares of their own instead.

What isn't a member's number (a mode, the count of cycles, milestones) is given to a function that
returns the schedule.

Shapes: T steps, M members.
"""

from __future__ import annotations

from methodic.schedules.falling import (
    constant,
    cosine,
    exponential,
    flat_cosine,
    inverse_time,
    linear,
    polynomial,
    warmup_stable_decay,
)
from methodic.schedules.joined import joined
from methodic.schedules.phases import Curve
from methodic.schedules.stairs import multi_step, step
from methodic.schedules.waves import cosine_restarts, cyclic, log_cosine, one_cycle

__all__ = [
    "Curve",
    "constant",
    "cosine",
    "cosine_restarts",
    "cyclic",
    "exponential",
    "flat_cosine",
    "inverse_time",
    "joined",
    "linear",
    "log_cosine",
    "multi_step",
    "one_cycle",
    "polynomial",
    "step",
    "warmup_stable_decay",
]
