"""From recipes to parts: the only package that knows both the recipes' names and the classes.

A cohort is built from recipes that differ in Numbers only (see `recipes.numbers.split`), so the
first one stands for the structure of all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from methodic.build import networks, objectives, regularizers, trained, views
from methodic.build.networks import fitting
from methodic.build.own import Own
from methodic.build.rules import counted
from methodic.build.stages import Counts, Known, stage
from methodic.build.stages import batch_rows as batch_rows
from methodic.data.batches import Order
from methodic.engine.parts import Cohort, Layout, Stage, StopRule
from methodic.errors import InputError
from methodic.files import fingerprint
from methodic.models.mlp import Inputs
from methodic.models.outputs import FirstOutputs
from methodic.models.own.module import ModuleModel
from methodic.plan import Precision, Task
from methodic.recipes import types as recipe
from methodic.recipes.kinds.models import CNN
from methodic.recipes.numbers import split
from methodic.types import FloatArray, Model


def resolve(
    chosen: recipe.Recipe, task: Task, rows: int, inputs: Inputs | None = None
) -> recipe.Recipe:
    """The recipe with everything that the data decide written out.

    Args:
        chosen: may have an automatic model and "supervised" objectives.
        task: decides the loss.
        rows: training rows; they decide the size of an automatic network.
        inputs: what enters it; images get a convolutional one.

    Raises:
        InputError: an objective that doesn't fit the task, or parts that exclude each other.
    """
    for i, spec in enumerate(chosen.stages):
        regularizers.check(spec, f"stages.{i}")
    stages = tuple(
        stage.model_copy(
            update={
                "turns": tuple(
                    turn.model_copy(
                        update={
                            "objectives": tuple(
                                objectives.fitting(o, task, inputs) for o in turn.objectives
                            ),
                            "optimizer": counted(turn.optimizer, rows),
                        }
                    )
                    for turn in stage.turns
                ),
                "regularizers": tuple(
                    each if inputs is None else views.chosen(each, inputs)
                    for each in stage.regularizers
                ),
            }
        )
        for stage in chosen.stages
    )
    network: recipe.Model = chosen.model
    if isinstance(network, recipe.Auto):
        if inputs is not None and inputs.images and min(inputs.shape[1:]) >= LEAST_SIDE:
            network = for_images(inputs.shape)
        else:
            network = automatic(rows)
    network = fitting(network, task)
    return chosen.model_copy(update={"stages": stages, "model": network})


LEAST_SIDE = 8  # pixels; smaller arrays of three axes are taken as so many numbers


def for_images(shape: Sequence[int]) -> CNN:
    """The network for images (C, H, W): sides are halved to 4 or less, but at most 5 times."""
    halvings = min(5, max(1, math.ceil(math.log2(min(shape[1:]) / 4))))
    channels = tuple(min(256, 32 * 2**i) for i in range(halvings))
    return CNN(channels=channels, width=128, normalization="batch")


def automatic(rows: int) -> recipe.MLP:
    """The network for a table of ``rows`` training rows: larger and less damped with more data."""
    if rows < 5_000:
        return recipe.MLP(width=128, depth=2, dropout=0.2)
    if rows < 50_000:
        return recipe.MLP(width=256, depth=2, dropout=0.1)
    return recipe.MLP(width=256, depth=3, dropout=0.1)


def cohort(
    recipes: Sequence[recipe.Recipe],
    seeds: Sequence[int],
    *,
    steps: Sequence[int],
    inputs: Inputs,
    outputs: int,
    rows: int,
    every: int | None = None,
    class_counts: Tensor | None = None,
    device: torch.device | None = None,
    module: nn.Module | ModuleModel | None = None,
    compiled: bool = False,
    precision: Precision = "float32",
    born: Sequence[int] = (),
    changing: bool = False,
    shared_batches: bool = False,
    own: Own | None = None,
    block: int = 0,
) -> Cohort:
    """Members of one shape, ready to train.

    Args:
        recipes: one for each member, resolved and without ranges, alike but for their Numbers.
        seeds: one for each member.
        steps: optimizer steps, by stage.
        inputs, outputs: what enters and leaves the network.
        rows: training rows with a target, for "full" batches.
        every: all training rows; None: all of them have a target.
        class_counts: training rows of each class, for balanced class weights.
        device: where to train.
        module: a user's own network in place of the recipe's model. A module is one member; for
            several, a `ModuleModel` with a start for each.
        compiled: turn gradient and update into machine code at the first step.
        precision: of gradients, and of outputs on validation rows; see `models.precision`.
        born: the step of the cohort at which each member started, so that its own clock runs from
            there; () if all start with the cohort.
        changing: members will come and go, so what is built must not depend on their Numbers.
        shared_batches: all members see one order of rows, whatever their seeds: common random
            numbers. It is the same in every cohort.
        own: the objects that the recipes name as the user's own.
        block: rows that lie together in a file from which they are read; 0: they are in memory.

    Raises:
        InputError: members arrive where they can't: between the stages or turns of a recipe; parts
            that don't fit each other or the network; an object of the user's that is missing.
    """
    device = device or torch.device("cpu")
    first = recipes[0]
    keys_and_numbers = [split(each) for each in recipes]
    assert len({key for key, _ in keys_and_numbers}) == 1, "members of one cohort share a skeleton"
    host: dict[str, FloatArray] = {
        path: np.array([numbers[path] for _, numbers in keys_and_numbers])
        for path in keys_and_numbers[0][1]
    }
    brought = ModuleModel(module, outputs) if isinstance(module, nn.Module) else module
    model: Model = brought if brought is not None else network(first, inputs, outputs)
    parts = trained.built(first, model, inputs, class_counts, own or Own({}))
    model = trained.extended(model, parts)
    layout = Layout(model.parameters())
    numbers = {
        path: torch.tensor(values, dtype=torch.float32, device=device)
        for path, values in host.items()
        if ".optimizer." not in path and ".schedule." not in path
    }
    for path in [p for p in numbers if ".objectives." in p and bool((host[p] == 1).all())]:
        if path.endswith(".weight") and not changing:
            del numbers[path]  # an objective times 1 is that objective: one kernel saved
    count = Counts(rows, rows if every is None else every)
    known = Known(host, layout, model, inputs, outputs, count, parts, device, own or Own({}))
    trained.check(first, layout, model, parts)
    stages = tuple(
        stage(spec, f"stages.{i}", steps[i], known) for i, spec in enumerate(first.stages)
    )
    _check_arrivals(first, stages, born)
    alone = [turn.rule for each in stages for turn in each.turns if turn.rule.alone]
    assert not alone or len(seeds) == 1, "a rule that asks for gradients itself has one member"
    stop = StopRule(
        first.stop.loss, first.stop.gradient_norm, first.stop.patience, first.stop.keep == "best"
    )
    stream, drawn = ("shared order", [0] * len(seeds)) if shared_batches else ("order", seeds)
    orders = {
        s.name: Order(
            drawn, count.of(s.labelled), s.batch, f"{stream}/{s.name}", born, block, s.partnered
        )
        for s in stages
    }
    beside = {
        s.name: Order(drawn, count.every, s.beside, f"{stream} beside/{s.name}", born)
        for s in stages
        if s.beside
    }
    program = None
    if compiled:
        refused = brought is not None or device.type != "cpu" or precision != "float32"
        assert not refused, "runs.machine.compiling asks for none of these"
        # Other splits of the same data have other counts of rows, which most batches don't know.
        streams = [*orders.values(), *beside.values()]
        sizes = [(each.batch, each.full) for each in streams]
        # What a loss balances by, and FixMatch aligns to, are constants of the code.
        reads = any(word in first.model_dump_json() for word in ('"balanced"', '"fixmatch"'))
        weighed = None if class_counts is None or not reads else class_counts.tolist()
        built = (keys_and_numbers[0][0], inputs, outputs, sizes, weighed)
        program = fingerprint(*(str(each) for each in built), own.fingerprint if own else "")
    return Cohort(
        model=model,
        layout=layout,
        seeds=tuple(seeds),
        stages=stages,
        numbers=numbers,
        stop=stop,
        device=device,
        orders=orders,
        beside=beside,
        program=program,
        born=tuple(born),
        precision=precision,
    )


def network(chosen: recipe.Recipe, inputs: Inputs, outputs: int) -> Model:
    """The network of a resolved recipe, for so many classes or predicted numbers.

    Raises:
        InputError: the network doesn't fit the inputs, or the objectives need different networks.
    """
    wanted = [o for stage in chosen.stages for turn in stage.turns for o in turn.objectives]
    needed = objectives.outputs(wanted, outputs)
    made = networks.network(chosen.model, inputs, needed)
    return made if needed == outputs else FirstOutputs(made, outputs)


def _check_arrivals(chosen: recipe.Recipe, stages: Sequence[Stage], born: Sequence[int]) -> None:
    """Stages would have to begin at another step for each member, and turns to alternate."""
    if any(born) and len(chosen.stages) > 1:
        raise InputError(
            f"recipe {chosen.name} has several stages, so no member can join after the start",
            found=f"{len(chosen.stages)} stages",
            advice="Let all members start together; they may leave at any time.",
        )
    once = stages[0].round
    if any(step % once for step in born):
        raise InputError(
            f"recipe {chosen.name} alternates between {len(stages[0].turns)} turns, so a member "
            "can't join in between",
            found="step " + ", ".join(str(step) for step in sorted({*born}) if step % once),
            accepted=f"steps that are multiples of {once}",
        )
