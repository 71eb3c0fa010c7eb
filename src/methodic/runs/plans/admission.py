"""Admitting a user's own network to a run: the preflight, and which width is faster here."""

from __future__ import annotations

from pathlib import Path

import torch

from methodic import build
from methodic.build.own import Own
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.plan import Task
from methodic.recipes import spaces
from methodic.recipes.types import Auto
from methodic.runs import networks
from methodic.runs.given import Given
from methodic.runs.machine.measuring import measure
from methodic.runs.networks import Network, Source
from methodic.runs.own import checked_module
from methodic.runs.plans.planning import machine
from methodic.runs.plans.sizing import BLOCK
from methodic.runs.plans.wishes import Wishes
from methodic.runs.rows.preparation import Prepared

CLEARLY = 1.1
"""How much faster members have to be at once. One after the other they are what each is alone, to
the bit, and arrays may have their channels last."""


def admit(
    source: Source | None,
    prepared: Prepared,
    task: Task,
    work: Path,
    pool: Pool,
    wishes: Wishes,
    own: Own | None = None,
) -> Network | None:
    """The network of a new run, with the way in which its members train; None for None.

    Where the preflight allows vmap, a step of a cohort is timed both ways, and the faster one is
    taken: for many modules on a processor, vmap saves nothing.

    Args:
        source: what the user gave.
        prepared: the data, which are saved in ``work`` for the workers.
        task: of the data.
        work: folder of the prepared data.
        pool: started workers.
        wishes: what the user asked for.
        own: parts of the recipes that the user brought.

    Raises:
        InputError: it can't be trained, or not so that the run could be repeated; see `preflight`.
    """
    if source is None:
        return None
    rows = prepared.counts[0]
    resolved = build.resolve(wishes.recipes[0], task, rows, prepared.inputs)
    recipe = spaces.with_model(resolved, Auto())
    found = checked_module(
        networks.started(source, wishes.seed),
        prepared,
        build.batch_rows(recipe.stages[0], rows),
        torch.device(wishes.device),
    )
    if not found.repeatable:
        raise InputError(
            "this network can't be compared in a run, which has to be repeatable",
            found=found.reason,
            advice="methodic.train(module, data, recipe) trains it once.",
        )
    together = found.width == "vmap"
    network = networks.of(source, wishes.seed, together, found.reason, pool.workers)
    width, last = wishes.asked.width, wishes.asked.memory_format == "channels_last"
    if width is not None and width > 1 and (last or not together):
        raise InputError(
            f"members of {network.facts.name} can't train at once",
            found=f"--width {width}",
            accepted="--width 1",
            advice=f"The reason: {'channels_last is for one at a time' if last else found.reason}.",
        )
    if not together:
        return network
    alone = network.measured(together=False, why=found.reason)
    if width is not None or last:
        why = f"as asked; {found.reason}"
        return network.measured(together=not last and width != 1, why=why)
    members = [spaces.concrete(recipe, spaces.untuned(recipe)).model_dump_json()] * BLOCK
    chosen = machine(wishes)
    timed = [
        pool.submit(measure, work, members, wishes.metric, chosen, Given(each, own))
        for each in (network, alone)
    ]
    at_once, in_turn = (future.result()[0] * 1000 for future in timed)
    why = (
        f"a step of {BLOCK} members takes {at_once:.3g} ms at once and {in_turn:.3g} ms one after "
        f"the other; {found.reason}"
    )
    return network.measured(together=CLEARLY * at_once < in_turn, why=why)
