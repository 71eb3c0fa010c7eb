"""Stages and turns of recipes.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from methodic.build import regularizers, rules, schedules, trained
from methodic.build.own import Own
from methodic.build.trained import Parts
from methodic.engine.parts import Drive, Layout, Plateau, Stage, Turn
from methodic.errors import InputError
from methodic.models.mlp import Inputs
from methodic.models.own.module import ModuleModel
from methodic.recipes import types as recipe
from methodic.recipes.numbers import walk
from methodic.types import FloatArray, Model


@dataclass(frozen=True)
class Counts:
    """Training rows: those with a target, and all."""

    labelled: int
    every: int

    def of(self, labelled: bool) -> int:
        """Rows of a stage that reads the labelled ones, or all."""
        return self.labelled if labelled else self.every


@dataclass(frozen=True)
class Known:
    """What all parts of a cohort are built from; see `build.cohort`.

    Args:
        host: path → Number of each member, [M]; those that are 0 aren't there.
        layout: of the network's parameters.
        model: the network, with what objectives add to it.
        inputs, outputs: what enters and leaves the network.
        rows: training rows.
        parts: the objectives.
        device: where to train.
        own: the user's objects.
    """

    host: Mapping[str, FloatArray]
    layout: Layout
    model: Model
    inputs: Inputs
    outputs: int
    rows: Counts
    parts: Parts
    device: torch.device
    own: Own

    def numbers(self, spec: recipe.Part, prefix: str) -> dict[str, FloatArray]:
        """All Numbers of a part by their path in it, [M] each; those that are 0 everywhere too."""
        members = len(next(iter(self.host.values())))  # there is a learning rate at least
        zero = np.zeros(members)
        return {name: self.host.get(f"{prefix}.{name}", zero) for name, _ in walk(spec)}

    def tensor(self, path: str) -> Tensor | None:
        """A Number on the device, float32 [M]; None where it is 0."""
        values = self.host.get(path)
        if values is None:
            return None
        return torch.tensor(values, dtype=torch.float32, device=self.device)


def batch_rows(stage: recipe.Stage, rows: int, every: int | None = None) -> int:
    """B: rows of a batch, of ``rows`` training rows with a target and ``every`` in all."""
    having = rows if stage.rows == "labelled" or every is None else every
    return having if stage.batch == "full" else min(stage.batch, having)


def stage(spec: recipe.Stage, path: str, steps: int, known: Known) -> Stage:
    """The stage at ``path``, of so many steps.

    Raises:
        InputError: its parts don't fit each other or the network.
    """
    layout = known.layout
    paths = [f"{path}.turns.{i}" for i in range(len(spec.turns))]
    by_turn = [_moving(turn, at, known) for at, turn in zip(paths, spec.turns, strict=True)]
    batch = batch_rows(spec, known.rows.labelled, known.rows.every)
    beside = min(spec.unlabelled, known.rows.every)
    having = known.rows.of(spec.rows == "labelled")
    fresh = _fresh(spec, path, known)
    parts = regularizers.built(
        spec,
        path,
        layout,
        known.inputs,
        steps,
        trained=tuple({name for names in by_turn for name in names}),
        outputs=known.outputs,
        own=known.own,
    )
    made = Stage(
        spec.name,
        steps,
        batch,
        tuple(
            _turn(turn, at, names, parts, known)
            for at, turn, names in zip(paths, spec.turns, by_turn, strict=True)
        ),
        parts.average,
        parts.mixing,
        parts.sharpness,
        parts.gradient_noise,
        spec.rows == "labelled",
        beside,
        trained.lengths(spec, -(-having // batch)),
        layout.mask(fresh, known.device).bool() if fresh else None,
    )
    _check_averages(made, spec, path)
    return made


def _moving(turn: recipe.Turn, path: str, known: Known) -> tuple[str, ...]:
    """Names of the parameters that a turn trains, without those that are frozen."""
    factors = trained.factors(turn, path, known.layout, known.model)
    names = trained.names(turn, path, known.layout, known.model, known.parts)
    return tuple(name for name in names if factors.get(name) != 0)


def _fresh(spec: recipe.Stage, path: str, known: Known) -> list[str]:
    """Names of the parameters that are drawn anew when the stage begins."""
    if spec.fresh and not known.model.native:
        raise InputError(
            f"{path}.fresh: how the weights of your own module are drawn isn't known here",
            found=f"fresh: {list(spec.fresh)}",
            advice="Leave 'fresh' out, or name a model in the recipe.",
        )
    return trained.chosen(spec.fresh, known.layout, known.model, f"{path}.fresh")


def _check_averages(made: Stage, spec: recipe.Stage, path: str) -> None:
    """Two averages of the same weights would both be the ones to evaluate."""
    kinds = [turn.optimizer.kind for turn in spec.turns]
    own = [kind for kind, turn in zip(kinds, made.turns, strict=True) if turn.rule.averages]
    if made.average is not None and own:
        raise InputError(
            f"{path}: a stage has one average of weights",
            found=f"{own[0]}, which averages by itself, and a regularizer that does",
            advice="Leave the regularizer out, or take another optimizer.",
        )


def _turn(
    spec: recipe.Turn,
    path: str,
    trains: tuple[str, ...],
    parts: regularizers.Built,
    known: Known,
) -> Turn:
    layout, device = known.layout, known.device
    numbers = known.numbers(spec.optimizer, f"{path}.optimizer")
    lr = numbers.pop("lr")
    decay = getattr(spec.optimizer, "weight_decay", 0.0)  # L-BFGS has none
    masked = bool(decay) and getattr(spec.optimizer, "decays", "all") == "weights"
    losses = known.parts.of(spec, path)
    factors = trained.factors(spec, path, layout, known.model)
    return Turn(
        objectives=tuple((part, f"{at}.weight") for at, part in losses.items()),
        penalties=parts.penalties,
        trains=trains,
        rates=layout.rates(trains, device, factors),
        rule=rules.rule(spec.optimizer, layout, known.own),
        rule_numbers=numbers,
        lr=lr,
        schedule=schedules.schedule(spec.schedule, known.own),
        schedule_numbers=known.numbers(spec.schedule, f"{path}.schedule"),
        decay_mask=layout.mask(layout.decaying(), device) if masked else None,
        clip_norm=known.tensor(f"{path}.clip.norm"),
        clip_value=known.tensor(f"{path}.clip.value"),
        clip_adaptive=known.tensor(f"{path}.clip.adaptive"),
        drives=tuple(
            _drive(drive, f"{path}.drives.{i}", path, known) for i, drive in enumerate(spec.drives)
        ),
        plateau=_plateau(spec.schedule, f"{path}.schedule", known),
        learned=tuple(known.parts.learned[at] for at in losses if at in known.parts.learned),
        fixed=_fixed(factors, layout, known.model),
        proximal=regularizers.narrowed(parts.proximal, trains, layout.scales(factors)),
    )


def _fixed(factors: Mapping[str, float], layout: Layout, model: Model) -> frozenset[str]:
    """Names of normalizing layers whose scale and shift are frozen."""
    frozen = {name for name in layout.names if factors.get(name) == 0}
    if isinstance(model, ModuleModel):
        return frozenset(name for name, own in model.normalizers().items() if own and own <= frozen)
    layers = {name.removesuffix(".shift") for name in frozen if name.endswith(".shift")}
    return frozenset(layer for layer in layers if {f"{layer}.scale"} & set(layout.names) <= frozen)


def _drive(spec: recipe.Drive, at: str, turn: str, known: Known) -> Drive:
    """A driven Number; its path may begin at the turn, at the stage or at the recipe."""
    host, rule = known.host, f"{turn}.optimizer."
    starts = (f"{turn}.", f"{turn.split('.turns.')[0]}.", "")
    found = next((start + spec.number for start in starts if start + spec.number in host), None)
    able = [path for path in host if _drivable(path, rule)]
    if found not in able:
        raise InputError(
            f"{at}: there is no number '{spec.number}' to drive",
            accepted=", ".join(p.removeprefix(f"{turn}.") for p in sorted(able)) or "none here",
            advice="The learning rate has the field schedule; a number of 0 is switched off and "
            "can't be driven.",
        )
    if spec.schedule.kind == "plateau":
        raise InputError(
            f"{at}: a plateau schedule drives learning rates only",
            found=spec.number,
            accepted="any other schedule",
        )
    numbers = known.numbers(spec.schedule, f"{at}.schedule")
    own = found.startswith(rule)
    schedule = schedules.schedule(spec.schedule, known.own)
    return Drive(found.removeprefix(rule) if own else found, own, host[found], schedule, numbers)


def _drivable(path: str, rule: str) -> bool:
    """Whether steps read the number anew; limits of gradients and other turns' rules are fixed."""
    if path.startswith(rule):
        return path != f"{rule}lr"
    return not any(part in path for part in (".schedule.", ".clip.", ".optimizer."))


def _plateau(spec: recipe.Schedule, path: str, known: Known) -> Plateau | None:
    if spec.kind != "plateau":
        return None
    numbers = known.numbers(spec, path)
    factor, minimum = (torch.from_numpy(numbers[n]).to(known.device) for n in ("factor", "minimum"))
    return Plateau(factor, minimum, spec.patience, spec.threshold)
