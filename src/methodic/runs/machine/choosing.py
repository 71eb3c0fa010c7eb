"""Precision, memory format and width of a run: each by measuring a step without it and with it.

One choice after the other, each on top of those before. The most expensive step of all methods
speaks for all; where it is short there is nothing to gain, and nothing is tried. What is tried
costs part of the budget, so a short run tries less.

The recipes' own networks for images have the channels last in memory wherever they run. That
bfloat16 costs them no accuracy is measured by benchmarks/data.py, on five seeds; so only its speed
is measured here.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from typing import Any

from methodic.asking import Asked
from methodic.engine.native.library import missing_compiler
from methodic.errors import InputError
from methodic.models.precision import has_bfloat16
from methodic.plan import Machine, Tried
from methodic.recipes import catalogue
from methodic.recipes.types import Recipe
from methodic.runs.machine.speed import WIDTH, Survey, Timed

RACE = 0.8  # seconds of a race between two choices, about
SHARE = 0.05  # of the budget, for all races
SHORT = 0.002  # seconds of a step that bfloat16 can't make shorter in a recipe's own network
LONG = 0.005  # seconds of a step that may be shorter in parts
HALF_FASTER = 1.2  # bfloat16 has to be faster by so much, since it makes other numbers
LAST_FASTER = 1.05  # channels last
PARTS_FASTER = 1.1
CHECKING = 0.05  # share of the budget for the check of bfloat16
MOST_STEPS, LEAST_STEPS, SEEDS = 300, 30, 3  # of that check


def asked_for(asked: Asked, machine: Machine, own: bool, images: bool) -> Machine:
    """The machine with what the user asked for.

    Args:
        asked: that.
        machine: without.
        own: a network of the user's own is trained.
        images: the data have arrays [channels, height, width].

    Raises:
        InputError: it can't be had, on this machine or with this network.
    """
    if asked.precision == "bfloat16" and not has_bfloat16(machine.device):
        raise InputError(
            "bfloat16 isn't faster on this machine, which has no instructions for it",
            found=f"{machine.device}, {machine.capability}",
            accepted="--precision float32 (or auto, which is the same here)",
        )
    if asked.memory_format == "channels_last" and not images:
        raise InputError(
            "channels_last is for networks on arrays [channels, height, width]",
            found="a network of your own on other data" if own else "other data",
            accepted="--memory-format contiguous (or auto)",
        )
    wanted = {
        "precision": asked.precision,
        "memory_format": asked.memory_format,
        "width": asked.width,
    }
    return machine.model_copy(update={k: v for k, v in wanted.items() if v is not None})


def choose(
    survey: Survey,
    recipes: Sequence[Recipe],
    asked: Asked,
    budget: float,
    images: bool,
    compiled: bool | None = None,
) -> Choices:
    """The fastest settings that do no harm; the survey's machine has them from then on.

    Args:
        survey: with the machine as asked for.
        recipes: the methods.
        asked: what isn't up for choice.
        budget: seconds of the run.
        images: the data have arrays [channels, height, width].
        compiled: what the user asked for; machine code is float32, and faster than bfloat16.
    """
    heaviest = _heaviest(survey.cohorts(recipes, [WIDTH] * len(recipes)), survey.rows)
    made = Choices(survey, heaviest, budget)
    step, network = heaviest.speed.step, survey.given.network
    if asked.memory_format is None and images and network and not network.facts.together:
        made.better(LAST_FASTER, "channels last", memory_format="channels_last")
    eager = survey.machine.device != "cpu" or compiled is False or missing_compiler() is not None
    pictures = network is None and catalogue.takes_images(heaviest.recipe)
    long = network is not None or ((eager or pictures) and step >= SHORT)
    if asked.precision is None and long and has_bfloat16(survey.machine.device):
        made.better(HALF_FASTER, "bfloat16", precision="bfloat16")
    if asked.width is None and network is None and not pictures and step >= LONG:
        width = 2 ** math.floor(math.log2(WIDTH - 1))
        while width and made.better(PARTS_FASTER, f"parts of {width}", width=width):
            width //= 2
    return made


class Choices:
    """What was chosen, what was tried for it, and why, in words."""

    def __init__(self, survey: Survey, timed: Timed, budget: float) -> None:
        self._survey = survey
        self._timed = timed
        self._budget = budget
        self._end = time.monotonic() + SHARE * budget
        self.tried: list[Tried] = []
        self.notes: list[str] = []

    def better(self, by: float, what: str, **update: Any) -> bool:
        """Whether a step is faster ``by`` that factor with other choices; they are taken then."""
        if time.monotonic() + RACE > self._end:
            return False
        recipe, other = self._timed.recipe, self._survey.machine.model_copy(update=update)
        try:
            without, having = self._survey.race(recipe, other)
        except (InputError, RuntimeError) as error:
            reason = error.problem if isinstance(error, InputError) else str(error)
            self.notes.append(f"Without {what}: {reason.splitlines()[0]}.")
            return False
        self.tried += [
            Tried(what=name, milliseconds=round(seconds * 1000, 4))
            for name, seconds in ((f"without {what}", without), (what, having))
        ]
        harm = None
        if without > by * having and "precision" in update and not self._known_to_do_no_harm():
            harm = self._harm(other, without + having)
        taken = without > by * having and harm is None
        self.notes.append(
            f"{'With' if taken else 'Without'} {what}: a step of {WIDTH} members of {recipe.name} "
            f"takes {having * 1000:.3g} ms with it and {without * 1000:.3g} ms without{harm or ''}."
        )
        if taken:
            self._survey.machine = other
        return taken

    def _known_to_do_no_harm(self) -> bool:
        """Whether bfloat16 was tried with such networks once and for all."""
        own = self._survey.given.network is not None
        return not own and catalogue.takes_images(self._timed.recipe)

    def _harm(self, other: Machine, pair: float) -> str | None:
        """Why bfloat16 isn't known to do no harm, in words; None where the check finds none."""
        parallel = min(max(self._survey.pool.workers, 1), 2)
        seconds = CHECKING * self._budget * parallel
        steps = min(MOST_STEPS, int(seconds / (pair * SEEDS / WIDTH)))
        if steps < LEAST_STEPS:
            return ", but this budget is too small to check that it trains as well"
        recipe, machines = self._timed.recipe, (self._survey.machine, other)
        full, half = self._survey.losses(recipe, SEEDS, machines, steps)
        for what, exact, rounded in zip(("training", "validation"), full, half, strict=True):
            if not as_good(exact, rounded):
                means = [statistics.fmean(each) for each in (rounded, exact)]
                return (
                    f", but after {steps} steps from the same seeds the {what} loss is "
                    f"{means[0]:.4g} with it and {means[1]:.4g} without"
                )
        return None


def _heaviest(timed: Sequence[Timed], rows: int) -> Timed:
    """The method with the longest step; full batches only where there is nothing else."""
    return max(timed, key=lambda each: (not each.full(rows), each.speed.step))


def as_good(exact: Sequence[float], rounded: Sequence[float]) -> bool:
    """Whether losses by seed are no higher than others of the same seeds, but for noise.

    Noise is half of what seeds differ by among themselves, or 1% of the loss.
    """
    if not all(map(math.isfinite, rounded)):
        return not any(map(math.isfinite, exact))
    if not all(map(math.isfinite, exact)):
        return True
    noise = max(statistics.stdev(exact) / 2, 0.01 * abs(statistics.fmean(exact)))
    return statistics.fmean(rounded) - statistics.fmean(exact) <= noise
