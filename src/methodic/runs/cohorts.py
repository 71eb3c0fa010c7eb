"""From members to the cohort that trains them: their recipes, their seeds, what fits at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from methodic import build
from methodic.engine import memory
from methodic.engine.memory import Need
from methodic.engine.parts import Cohort
from methodic.engine.workers import company
from methodic.evidence import ablation
from methodic.plan import Batches, Contender, Machine, Member
from methodic.recipes import catalogue, spaces
from methodic.recipes.kinds.optimizers import LBFGS
from methodic.recipes.types import Recipe
from methodic.rng import key
from methodic.runs.given import NOTHING, Given
from methodic.runs.machine import fitting
from methodic.runs.networks import Network
from methodic.runs.rows.preparation import Prepared
from methodic.tuning import Setting


def cohort_of(
    prepared: Prepared,
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    steps: Sequence[int],
    machine: Machine,
    given: Given = NOTHING,
    batches: Batches = "own",
) -> Cohort:
    """A cohort on prepared data, with what the user brought."""
    network = given.network
    last = machine.memory_format == "channels_last"
    return build.cohort(
        recipes,
        seeds,
        steps=steps,
        inputs=prepared.inputs,
        outputs=prepared.outputs,
        rows=len(prepared.rows["train"]),
        every=prepared.rows["train"].every,
        class_counts=prepared.class_counts,
        device=torch.device(machine.device),
        module=None if network is None else network.model(seeds, prepared.outputs, last),
        compiled=machine.compiled and not alone(recipes[0]),
        precision=machine.precision,
        shared_batches=batches == "shared" or prepared.block > 0,
        block=prepared.block,
        own=given.own,
    )


def alone(recipe: Recipe) -> bool:
    """Whether a rule of the recipe asks for gradients itself: for one member, and in torch."""
    return any(isinstance(t.optimizer, LBFGS) for stage in recipe.stages for t in stage.turns)


def at_once(recipe: Recipe, machine: Machine, network: Network | None, members: int) -> int:
    """How many of a unit's members train in one cohort; the others follow in further cohorts.

    As few parts as the machine's width allows, and all about equally large. Networks for images
    take members one by one in any case.
    """
    if alone(recipe) or (network is not None and not network.facts.together):
        return 1
    if network is None and catalogue.takes_images(recipe):
        return 1
    parts = math.ceil(members / (machine.width or members))
    return math.ceil(members / parts)


def needed(
    prepared: Prepared,
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    machine: Machine,
    given: Given,
    free: int,
) -> Need:
    """What training these members needs; an estimate that is only a bound if more than ``free``."""
    network = given.network
    once = [1 for _ in recipes[0].stages]

    def make(places: Sequence[int]) -> Cohort:
        some = [recipes[i] for i in places], [seeds[i] for i in places]
        return cohort_of(prepared, *some, once, machine, given)

    if network is None:
        model = build.network(recipes[0], prepared.inputs, prepared.outputs)
        parameters = sum(math.prod(spec.shape) for spec in model.parameters().values())
    else:
        parameters = network.facts.parameters
    return fitting.estimated(
        make,
        parameters,
        prepared.rows["train"].to(torch.device(machine.device)),
        len(prepared.rows["validation"]),
        free,
        probes=1
        if network is None
        else min(2, at_once(recipes[0], machine, network, len(recipes))),
    )


def room(
    prepared: Prepared,
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    machine: Machine,
    given: Given = NOTHING,
) -> fitting.Room:
    """What training these members at once needs, and the memory that this worker may take.

    Raises:
        InputError: not even one of them fits.
    """
    free = memory.share(machine.device, company())
    need = needed(prepared, recipes, seeds, machine, given, free)
    return fitting.room(need, free, recipes[0].name)


def concrete(contender: Contender, setting: int, off: str = "") -> Recipe:
    """A contender's recipe with one of its settings put in, and an ingredient left out if asked."""
    return with_setting(contender.recipe, contender.settings[setting], off)


def with_setting(recipe: Recipe, setting: Setting, off: str = "") -> Recipe:
    """A recipe with values in place of its ranges, and an ingredient left out if asked."""
    chosen = spaces.concrete(recipe, setting)
    return ablation.without(chosen, off) if off else chosen


def stream(member: Member) -> int:
    """The seed of a member's random numbers: its own, and another one in each method.

    Methods that share a seed share the split, and nothing else. With common initial weights and
    orders a method and its copy under another name would train to the same bits, and a difference
    between two methods would be about these weights and orders only.
    """
    return key(member.seed, "method", member.recipe) & (2**63 - 1)
