"""Whether a run's cohorts are compiled: where that is predicted to save twice what it costs.

One worker compiles a method's steps, and all find them in the cache. Steps that were compiled
before, by any run of this user on this machine, cost little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from methodic.engine.native.library import anything_known, missing_compiler
from methodic.runs.machine.speed import Survey, Timed

# Seconds, measured on a processor of 2023 with one thread to itself.
START = 2.5  # of each worker: importing what traces
TRACE = 0.6  # of each worker for each method
COLD = 2.5  # of one worker for each method that isn't in the cache: the C++ compiler
FASTER = 3.0  # how much faster a step of a small network gets, at the least
MARGIN = 2.0


@dataclass(frozen=True)
class Choice:
    """Whether to compile, and why, in words for the plan."""

    compiled: bool
    why: str


def choose(
    survey: Survey,
    timed: Sequence[Timed],
    worker_seconds: float,
    workers: int,
    asked: bool | None,
    more: int = 0,
) -> Choice:
    """Compile or not.

    Args:
        survey: knows the run's machine, and what is in the cache.
        timed: the methods with their eager cohorts.
        worker_seconds: of training that are planned.
        workers: which load compiled code each for itself; 0 counts as 1.
        asked: what the user asked for, if anything.
        more: structures that a search may come to beside those of ``timed``.
    """
    if asked is False:
        return Choice(False, "Not compiled, as asked.")
    if (reason := _impossible(survey)) is not None:
        return Choice(False, f"Not compiled: {reason}.")
    saved = worker_seconds * (1 - 1 / FASTER)
    workers, methods = max(workers, 1), len(timed) + more
    if asked is None and saved <= MARGIN * _cost(workers, methods, 0):
        return Choice(False, f"Not compiled: it would save {saved:.0f} s at the most.")
    if asked:
        return Choice(True, "Compiled, as asked.")
    # Tracing takes seconds, too; where nothing was ever compiled, the answer is known.
    recipes = [method.recipe for method in timed]
    cold = survey.uncompiled(recipes) + more if anything_known() else methods
    cost = _cost(workers, methods, cold)
    words = f"compiling costs {cost:.0f} s and saves about {saved:.0f} s of the workers' time"
    if saved <= MARGIN * cost:
        return Choice(False, f"Not compiled: {words}.")
    return Choice(True, f"Compiled: {words}.")


def _impossible(survey: Survey) -> str | None:
    """Why nothing can be compiled in this run, in words."""
    if survey.given.network is not None:
        return "a network of your own runs as it is"
    if survey.machine.device != "cpu":
        return f"compiled steps run on the processor, not on {survey.machine.device}"
    if survey.machine.precision != "float32":
        return f"compiled steps are float32, not {survey.machine.precision}"
    return missing_compiler()


def _cost(workers: int, methods: int, cold: int) -> float:
    """Seconds of all workers together; ``cold`` methods aren't in the cache."""
    return workers * (START + TRACE * methods) + COLD * cold
