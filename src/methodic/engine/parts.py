"""What the engine runs: a recipe's parts, built for one cohort, and the state that they move.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from methodic.data.batches import Order
from methodic.plan import Precision
from methodic.types import (
    Average,
    FloatArray,
    Mixing,
    Model,
    Objective,
    ParameterSpec,
    Penalty,
    Proximal,
    Rule,
    Schedule,
)

if TYPE_CHECKING:
    from methodic.regularizers.gradient_noise import GradientNoise
    from methodic.regularizers.sharpness import SAM


class Layout:
    """Where each named parameter lies in the flat parameters [M, P]."""

    def __init__(self, specs: Mapping[str, ParameterSpec]) -> None:
        self.specs = dict(specs)
        self.names = tuple(specs)
        self.shapes = [spec.shape for spec in specs.values()]
        self.sizes = [torch.Size(shape).numel() for shape in self.shapes]
        self.total = sum(self.sizes)

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Name → view [M, …] of ``flat`` [M, P]."""
        pieces = flat.split_with_sizes(self.sizes, 1)
        members = flat.shape[0]
        return {
            name: piece.view(members, *shape)
            for name, piece, shape in zip(self.names, pieces, self.shapes, strict=True)
        }

    def flatten(self, named: Mapping[str, Tensor]) -> Tensor:
        """Name → [M, …] to a new [M, P]."""
        return torch.cat([named[name].reshape(named[name].shape[0], -1) for name in self.names], 1)

    def mask(self, names: Sequence[str], device: torch.device | None = None) -> Tensor:
        """1 where a parameter is one of ``names``, else 0: float32 [P]."""
        chosen = set(names)
        parts = [
            torch.full((size,), float(name in chosen))
            for name, size in zip(self.names, self.sizes, strict=True)
        ]
        return torch.cat(parts).to(device)

    def rates(
        self,
        names: Sequence[str],
        device: torch.device | None = None,
        factors: Mapping[str, float] | None = None,
    ) -> Tensor | None:
        """Factor on each update: a parameter's own, and 0 for those that aren't among ``names``.

        ``factors``: name → a further factor, 1 where there is none. float32 [P]; None where all
        factors are 1.
        """
        chosen, scales = set(names), self.scales(factors or {})
        of_each = [scale * (name in chosen) for name, scale in scales.items()]
        if all(scale == 1 for scale in of_each):
            return None
        parts = [torch.full((n,), scale) for n, scale in zip(self.sizes, of_each, strict=True)]
        return torch.cat(parts).to(device)

    def scales(self, factors: Mapping[str, float]) -> dict[str, float]:
        """Name → factor on its learning rate: the parameter's own times that of ``factors``."""
        return {name: s.lr_scale * factors.get(name, 1.0) for name, s in self.specs.items()}

    def decaying(self) -> tuple[str, ...]:
        """Names of the weights that decay and are penalized."""
        return tuple(name for name, spec in self.specs.items() if spec.decays)


DRIVEN = "number:"  # begins the name of a driven Number among the coefficients of a step


@dataclass(frozen=True, eq=False)
class Drive:
    """A schedule that drives a Number other than the learning rate.

    Args:
        path: of the Number in the recipe; of a number of the turn's rule, its name alone.
        rule: it is a number of the turn's rule.
        base: its value at a factor of 1, [M].
        schedule, numbers: as for the learning rate.
    """

    path: str
    rule: bool
    base: FloatArray
    schedule: Schedule
    numbers: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Plateau:
    """Lower the learning rate when the validation loss no longer falls.

    Args:
        factor: on the rate, in (0, 1), [M].
        minimum: least product of all factors, [M].
        patience: evaluations without a better loss that are borne.
        threshold: relative improvement that counts as one.
    """

    factor: Tensor
    minimum: Tensor
    patience: int
    threshold: float


@dataclass(frozen=True)
class Turn:
    """Objectives, which parameters they train, and how."""

    objectives: tuple[tuple[Objective, str], ...]  # with the path of its weight
    penalties: tuple[Penalty, ...]
    trains: tuple[str, ...]  # names of parameters; all of them in the usual case
    rates: Tensor | None  # [P], factor on each update, 0 for what isn't trained; None: all 1
    rule: Rule
    rule_numbers: Mapping[str, FloatArray]  # [M] by field name, lr left out
    lr: FloatArray  # [M]
    schedule: Schedule
    schedule_numbers: Mapping[str, FloatArray]
    decay_mask: Tensor | None  # [P], 1 for what decays; None for all
    clip_norm: Tensor | None  # [M]
    clip_value: Tensor | None
    clip_adaptive: Tensor | None = None
    drives: tuple[Drive, ...] = ()
    plateau: Plateau | None = None
    learned: tuple[str, ...] = ()  # parameters that weigh the objectives; (): fixed weights
    fixed: frozenset[str] = frozenset()  # see `Pass`
    proximal: tuple[Proximal, ...] = ()  # steps on what this turn trains

    def only(self, new: Tensor, old: Tensor) -> Tensor:
        """``new`` where the turn trains, ``old`` elsewhere; [M, P] each."""
        return new if self.rates is None else torch.where(self.rates != 0, new, old)

    @property
    def limits(self) -> dict[str, Tensor]:
        """What bounds a gradient, where there is any: clip_norm, clip_value, clip_adaptive; [M]."""
        found = {
            "clip_norm": self.clip_norm,
            "clip_value": self.clip_value,
            "clip_adaptive": self.clip_adaptive,
        }
        return {name: limit for name, limit in found.items() if limit is not None}


@dataclass(frozen=True)
class Stage:
    """Turns that alternate over the same rows, each for some steps.

    Args:
        name: of the stage.
        steps: optimizer steps.
        batch: rows of a step.
        turns: in their order.
        average, mixing, sharpness, gradient_noise: regularizers.
        labelled: batches are of rows with targets; otherwise of all rows, and show no target.
        beside: rows without targets that come beside each batch, from all rows; 0: none.
        lengths: steps of each turn until the next one's; () for one each.
        fresh: which parameters are drawn anew when the stage begins, bool [P]; None: none.
    """

    name: str
    steps: int
    batch: int
    turns: tuple[Turn, ...]
    average: Average | None
    mixing: tuple[Mixing, ...] = ()
    sharpness: SAM | None = None
    gradient_noise: GradientNoise | None = None
    labelled: bool = True
    beside: int = 0
    lengths: tuple[int, ...] = ()
    fresh: Tensor | None = None

    @property
    def taught(self) -> bool:
        """An objective asks what the averaged weights say."""
        return any(getattr(each, "taught", False) for t in self.turns for each, _ in t.objectives)

    @property
    def partnered(self) -> bool:
        """Rows are mixed with those next to them in their batch."""
        return any(getattr(each, "partnered", False) for each in self.mixing)

    @property
    def cycle(self) -> tuple[int, ...]:
        """Steps of each turn until all have had theirs."""
        return self.lengths or (1,) * len(self.turns)

    @property
    def round(self) -> int:
        """Steps until all turns have had theirs; 1 where there is a single one."""
        return sum(self.cycle) if len(self.turns) > 1 else 1

    def which(self, step: int) -> int:
        """The turn of a step, from 0."""
        at = step % sum(self.cycle)
        return next(i for i, end in enumerate(accumulate(self.cycle)) if at < end)

    def left(self, step: int) -> int:
        """Steps from ``step`` on until another turn's."""
        if len(self.turns) == 1:
            return self.steps
        at = step % sum(self.cycle)
        return next(end - at for end in accumulate(self.cycle) if at < end)

    def turn_steps(self, taken: int, which: int) -> int:
        """How many of the first ``taken`` steps belong to a turn."""
        rounds, at = divmod(taken, sum(self.cycle))
        before = sum(self.cycle[:which])
        return rounds * self.cycle[which] + min(max(at - before, 0), self.cycle[which])

    @property
    def averages(self) -> bool:
        """Other weights are evaluated than trained."""
        return self.average is not None or any(turn.rule.averages for turn in self.turns)


@dataclass(frozen=True)
class StopRule:
    """When a member's training ends early; looked at after the plan's evaluations only."""

    loss: float | None = None
    gradient_norm: float | None = None
    patience: int | None = None
    keep_best: bool = True


@dataclass(frozen=True)
class Cohort:
    """Members of one shape, ready to train."""

    model: Model
    layout: Layout
    seeds: tuple[int, ...]
    stages: tuple[Stage, ...]
    numbers: Mapping[str, Tensor]  # path → [M]
    stop: StopRule
    device: torch.device
    orders: Mapping[str, Order]  # of the rows, by stage
    beside: Mapping[str, Order] = field(default_factory=dict)  # of rows without targets, by stage
    program: str | None = None  # key of the machine code of its steps; None: not compiled
    born: tuple[int, ...] = ()  # the step of the stage at which each member started; (): all at 0
    precision: Precision = "float32"  # of gradients, and of outputs on validation rows

    @property
    def width(self) -> int:
        """M."""
        return len(self.seeds)

    def clocks(self, step: int) -> Tensor:
        """A step of the cohort on each member's own clock: float64 [M]."""
        born = self.born or (0,) * self.width
        return torch.tensor([step - start for start in born], dtype=torch.float64)


@dataclass
class State:
    """All that changes in training. A step makes a new one and never writes into an old one."""

    flat: Tensor  # [M, P]
    buffers: dict[str, Tensor]
    rules: list[dict[str, Tensor]]  # of the stage's turns
    average: dict[str, Tensor]
    alive: Tensor  # bool [M]: still training
    batches_seen: int = 0  # in this stage; its own clock, see rule 5 of the design
    steps_taken: int = 0
    pace: dict[str, Tensor] = field(default_factory=dict)  # of plateau schedules, see `plateau`
    learnt: dict[str, Tensor] = field(default_factory=dict)
    """"flat" [M, P] and "buffers/…" as the last stage without targets left them, for a look at what
    it learnt; empty before, and no step reads it."""


def left(state: State) -> dict[str, Tensor]:
    """Weights and buffers as a stage leaves them, for `State.learnt`."""
    return {"flat": state.flat} | {f"buffers/{name}": x for name, x in state.buffers.items()}


def picked(states: Sequence[State], rows: Tensor) -> State:
    """Rows of states laid one behind the other, with the clocks of the first."""

    def pick(*parts: Tensor) -> Tensor:
        return torch.cat(parts).index_select(0, rows)

    def each(*parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: pick(*(part[name] for part in parts)) for name in parts[0]}

    return replace(
        states[0],
        flat=pick(*(state.flat for state in states)),
        buffers=each(*(state.buffers for state in states)),
        rules=[each(*slots) for slots in zip(*(state.rules for state in states), strict=True)],
        average=each(*(state.average for state in states)),
        pace=each(*(state.pace for state in states)),
        learnt=each(*(state.learnt for state in states)),
        alive=pick(*(state.alive for state in states)),
    )
