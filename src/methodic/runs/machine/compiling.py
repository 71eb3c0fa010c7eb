"""Whether a run's cohorts are compiled: where that is predicted to save twice what it costs.

One worker compiles a method's steps, and all find them in the cache. Steps that were compiled
before, by any run of this user on this machine, cost little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from methodic.engine import forking
from methodic.engine.native.library import anything_known, missing_compiler
from methodic.plan import Machine
from methodic.runs.machine.speed import Survey, Timed

# Seconds, measured on a processor of 2023 with one thread to itself.
START = 2.5  # of each worker that is a fresh interpreter: importing what traces
TRACE = 0.3  # of each worker for each method
COLD = 1.5  # of one worker for each method that isn't in the cache: the C++ compiler
FASTER = 3.0  # how much faster a step of a small network gets, at the least
EAGER = 3.5e-4  # of a member's step that isn't compiled, however small its network is
PER_SECOND = 2.5e10  # floating-point operations of one thread, beside that
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
    if (reason := impossible(survey.machine, survey.given.network is not None)) is not None:
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


def impossible(machine: Machine, own: bool) -> str | None:
    """Why nothing can be compiled in this run, in words; ``own``: the user's network is trained."""
    if own:
        return "a network of your own runs as it is"
    if machine.device != "cpu":
        return f"compiled steps run on the processor, not on {machine.device}"
    if machine.precision != "float32":
        return f"compiled steps are float32, not {machine.precision}"
    return missing_compiler()


def eager(parameters: int, batch: int) -> float:
    """Seconds of a member's step that isn't compiled, about.

    Two operations for each weight and row in the forward pass, four in the backward one, and what
    every step costs.

    Args:
        parameters: of the network.
        batch: rows.
    """
    return EAGER + 6 * batch * parameters / PER_SECOND


def unmeasured(
    machine: Machine, own: bool, methods: int, eager_seconds: float, asked: bool | None
) -> Choice:
    """Compile or not, where no step was timed.

    Args:
        machine: the run's.
        own: the user's network is trained.
        methods: different steps to compile.
        eager_seconds: of all steps as they are, from `eager`.
        asked: what the user asked for, if anything.
    """
    if asked is False:
        return Choice(False, "Not compiled, as asked.")
    if (reason := impossible(machine, own)) is not None:
        return Choice(False, f"Not compiled: {reason}.")
    saved = eager_seconds * (1 - 1 / FASTER)
    cost = _cost(max(machine.workers, 1), methods, methods)
    compiled = asked or saved > MARGIN * cost
    words = f"it costs at most {cost:.0f} s and saves at least {saved:.0f} s"
    return Choice(bool(compiled), f"{'Compiled' if compiled else 'Not compiled'}: {words}.")


def _cost(workers: int, methods: int, cold: int) -> float:
    """Seconds of all workers together; ``cold`` methods aren't in the cache."""
    start = START if forking.fresh() else 0.0
    return workers * (start + TRACE * methods) + COLD * cold
