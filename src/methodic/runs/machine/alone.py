"""What makes `methodic train` fast: threads, precision and compilation, each chosen by measuring.

There is one member and no worker, so a large network gets all cores. What can't pay within the time
that is planned isn't tried.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from methodic.data.parallel import processors
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.models.precision import has_bfloat16
from methodic.plan import Machine, Tried
from methodic.recipes import catalogue
from methodic.recipes.types import Recipe
from methodic.runs.cohorts import alone
from methodic.runs.given import Given
from methodic.runs.machine import compiling, placement
from methodic.runs.machine.choosing import HALF_FASTER, SHORT
from methodic.runs.machine.speed import Survey, Timed
from methodic.runs.plans.wishes import Wishes

DENSE = 0.1  # seconds of a step on a table that bfloat16 may shorten: large products, as in TabM
RACE = 1.0  # seconds of measuring one more choice, about
SHARE = 0.2  # of the training, for each of them


@dataclass
class Chosen:
    """The machine of a training of one member, what was tried for it, and why, in words."""

    machine: Machine
    tried: list[Tried] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def choose(
    work: Path,
    recipe: Recipe,
    method: Timed,
    machine: Machine,
    given: Given,
    seconds: float,
    wishes: Wishes,
) -> Chosen:
    """Precision, threads and compilation for a training of one member.

    Args:
        work: folder of the prepared data.
        recipe: resolved, without ranges.
        method: the same, with its speed on ``machine``.
        machine: without workers.
        given: what the user brought.
        seconds: of the whole training, as it is.
        wishes: precision, which ``machine`` has then, threads and compilation may be asked for.
    """
    made = Chosen(machine)
    if torch.device(machine.device).type != "cpu":
        return made
    # Machine code is in float32, where large products take longer than all that it saves.
    free = wishes.asked.precision is None and wishes.compile is not True
    race = _Race(work, recipe, given, made, method.speed.step)
    pays = max(RACE, method.speed.step) <= SHARE * seconds
    pictures = catalogue.takes_images(recipe)
    long = race.now >= (SHORT if pictures else DENSE)
    if free and pays and long and has_bfloat16(machine.device):
        race.run("bfloat16", HALF_FASTER, precision="bfloat16")
    cores = processors()
    if pays and wishes.threads is None and cores > 1 and race.now >= placement.LONG:
        race.run(f"{cores} threads", placement.FASTER, threads=cores)
    if (reason := _uncompilable(recipe, made.machine)) is None:
        _compile(work, method, made, given, seconds, wishes, race)
    elif wishes.compile:
        made.notes.append(f"Not compiled: {reason}.")
    return made


def _uncompilable(recipe: Recipe, machine: Machine) -> str | None:
    """Why a training can't be machine code, in words."""
    if catalogue.takes_images(recipe):
        return "networks for images run as they are"
    if alone(recipe):
        return "its rule asks for gradients itself"
    return None if machine.precision == "float32" else "compiled steps are float32"


@dataclass
class _Race:
    """Steps as they are now against steps with another choice.

    ``now``: seconds of a step as it is.
    """

    work: Path
    recipe: Recipe
    given: Given
    made: Chosen
    now: float

    def run(self, what: str, by: float, **update: object) -> None:
        """Take a choice where steps get faster ``by`` that factor."""
        other = self.made.machine.model_copy(update=update)
        member = [self.recipe.model_dump_json()]
        having = placement.step_seconds(self.work, member, other, self.given)
        taken = self.now > by * having
        self.made.tried += [
            Tried(what=name, milliseconds=round(seconds * 1000, 4))
            for name, seconds in ((f"without {what}", self.now), (what, having))
        ]
        self.made.notes.append(
            f"{'With' if taken else 'Without'} {what}: a step of {self.recipe.name} takes "
            f"{having * 1000:.3g} ms with it and {self.now * 1000:.3g} ms without."
        )
        if taken:
            self.made.machine, self.now = other, having


def _compile(
    work: Path,
    method: Timed,
    made: Chosen,
    given: Given,
    seconds: float,
    wishes: Wishes,
    race: _Race,
) -> None:
    """Machine code, where it saves twice what it costs.

    A long step is raced: in large products torch is as fast, and there it has all the threads.
    """
    with Pool(0, 1) as pool:
        survey = Survey(pool, work, method.batch[-1], wishes.metric, made.machine, given)
        choice = compiling.choose(survey, [method], seconds, 0, wishes.compile)
    if choice.compiled and wishes.compile is None and race.now >= placement.LONG / 2:
        try:
            race.run("machine code", placement.FASTER, compiled=True)
        except InputError as error:
            made.notes.append(f"Not compiled: {error.problem.splitlines()[0]}.")
        return
    if choice.compiled and not survey.refused:
        made.machine = made.machine.model_copy(update={"compiled": True})
    if choice.compiled or wishes.compile is not None:
        made.notes.append(choice.why)
