"""What the user brings in Python beside data and recipes: live objects, which no file holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from methodic.build.own import Own, named
from methodic.errors import InputError
from methodic.plan import Plan
from methodic.recipes.types import Recipe
from methodic.runs import networks
from methodic.runs.networks import Network, Source

Objects = Mapping[str, Any]
"""Name in the recipes → rule, schedule, loss or penalty; see `recipes.kinds.own`."""


@dataclass(frozen=True)
class Given:
    """Goes with each task to the workers, through the pool's pipe.

    Args:
        network: the user's own, which every method trains; None: each recipe's.
        own: rules, schedules, losses and penalties that recipes name as the user's own.
    """

    network: Network | None = None
    own: Own | None = None


NOTHING = Given()


def owned(objects: Objects | None, recipes: Iterable[Recipe], workers: int) -> Own | None:
    """The user's objects, all that the recipes name among them; None where they name none.

    Args:
        objects: what the user gave.
        recipes: of the run.
        workers: processes that the objects have to reach; 0: none.

    Raises:
        InputError: one is missing, one is named by no recipe, or one can't be sent to a process.
    """
    own = Own(objects or {})
    wanted = {name: what for recipe in recipes for name, what in named(recipe)}
    for name, what in wanted.items():
        own.find(name, what)
    if idle := sorted(own.objects.keys() - wanted.keys()):
        raise InputError(
            "own: no recipe names this object",
            found=", ".join(idle),
            accepted=", ".join(sorted(wanted)) or "nothing: no recipe has a part of kind own",
        )
    if not wanted:
        return None
    if workers:
        _ = own.packed  # now, and not when the first task is sent
    return own


def again(source: Source | None, objects: Objects | None, plan: Plan, where: Path) -> Given:
    """What a run that goes on needs once more: all that its plan names.

    Raises:
        InputError: something is missing, superfluous or not what the run began with.
    """
    workers = plan.machine.workers
    recipes = [contender.recipe for contender in plan.contenders]
    network = networks.again(source, plan.network, where, workers)
    return Given(network, owned(objects, recipes, workers))
