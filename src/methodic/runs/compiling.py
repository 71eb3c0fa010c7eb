"""Whether a run's cohorts are compiled: where that is predicted to save twice what it costs.

Each worker needs every compiled function. One that was compiled before, by any run of this user on
this machine, is found in the cache and costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from methodic.engine.compilation import anything_known, missing_compiler
from methodic.runs.speed import Survey, Timed

# Seconds of one worker, measured on a processor of 2023 with one thread to itself.
START = 4.0  # importing the compiler
COLD = {"gradient": 12.0, "update": 4.0}
WARM = {"gradient": 1.0, "update": 0.4}
FASTER = 1.7  # how much faster a step of a small network gets, at the least
MARGIN = 2.0


@dataclass(frozen=True)
class Choice:
    """Whether to compile, and why, in words for the plan."""

    compiled: bool
    why: str


def choose(
    survey: Survey, timed: Sequence[Timed], worker_seconds: float, workers: int, asked: bool | None
) -> Choice:
    """Compile or not.

    Args:
        survey: knows what is in the cache.
        timed: the methods with their eager cohorts.
        worker_seconds: of training that are planned.
        workers: which compile each for itself; 0 counts as 1.
        asked: what the user asked for, if anything.
    """
    if asked is False:
        return Choice(False, "Not compiled, as asked.")
    if survey.network is not None:
        return Choice(False, "Not compiled: a network of your own runs as it is.")
    saved = worker_seconds * (1 - 1 / FASTER)
    workers = max(workers, 1)
    if asked is None and saved <= MARGIN * workers * (START + _seconds(len(timed), 0)):
        return Choice(False, f"Not compiled: it would save {saved:.0f} s at the most.")
    if (missing := missing_compiler()) is not None:
        return Choice(False, f"Not compiled: {missing}.")
    if asked:
        return Choice(True, "Compiled, as asked.")
    # Tracing takes seconds, too; where nothing was ever compiled, the answer is known.
    recipes = [method.recipe for method in timed]
    cold = survey.uncompiled(recipes) if anything_known() else len(recipes) + 1
    cost = workers * (START + _seconds(len(timed), cold))
    words = f"compiling costs {cost:.0f} s and saves about {saved:.0f} s of the workers' time"
    if saved <= MARGIN * cost:
        return Choice(False, f"Not compiled: {words}.")
    return Choice(True, f"Compiled: {words}.")


def _seconds(methods: int, cold: int) -> float:
    """Of one worker, for one gradient and each method's update, the first ``cold`` not in cache."""
    kinds = ["gradient"] + ["update"] * methods
    return sum((COLD if i < cold else WARM)[kind] for i, kind in enumerate(kinds))
