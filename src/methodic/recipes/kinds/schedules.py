"""Schedules, as parts of a recipe.

A schedule is a factor on a base value. All positions are shares: the warm-up's of the run, all
others of the steps that follow the warm-up. So a schedule ends when the run does, however long; or,
with a ``length`` below 1, after that share of the run, as if the run ended there: its last value
stays. What has no end (constant, cyclic) or makes it as it goes (plateau) has no length; the parts
of a joined one have their shares.
"""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, Field, model_validator

from methodic.recipes.kinds.own import OwnSchedule
from methodic.recipes.part import Part, within
from methodic.recipes.ranges import Number, Range


def _share(*limits: Ge | Gt | Le | Lt) -> AfterValidator:
    """A position; one that was meant as a number of steps learns what it is."""
    check = within(*limits).func

    def shared(value: float | Range) -> float | Range:
        try:
            return check(value)  # type: ignore[call-arg, no-any-return]
        except ValueError as error:
            raise ValueError(f"is a share of the run, not a count of steps: {error}") from None

    return AfterValidator(shared)


Length = Annotated[Number, _share(Gt(0), Le(1))]  # of the run
Warmup = Annotated[Number, _share(Ge(0), Lt(1))]
Inner = Annotated[Number, _share(Gt(0), Lt(1))]  # a position inside
Position = Annotated[float, _share(Gt(0), Lt(1))]  # the same for all members
Level = Annotated[Number, within(Ge(0), Le(1))]  # of the base value
Above0 = Annotated[Number, within(Gt(0), Le(1))]
Cycles = Annotated[int, Ge(1), Le(1000)]


class Constant(Part):
    """The base value, after an optional linear warm-up."""

    kind: Literal["constant"] = "constant"
    warmup: Warmup = 0.0


class Step(Part):
    """Stairs of equal length; each multiplies by ``factor``. A stair has an ``every`` share."""

    kind: Literal["step"] = "step"
    every: Inner = 0.3
    factor: Above0 = 0.1
    warmup: Warmup = 0.0
    length: Length = 1.0


class MultiStep(Part):
    """Stairs at the given positions; each multiplies by ``factor``."""

    kind: Literal["multi_step"] = "multi_step"
    milestones: tuple[Position, ...] = Field(default=(0.5, 0.75), min_length=1)
    factor: Above0 = 0.1
    warmup: Warmup = 0.0
    length: Length = 1.0

    @model_validator(mode="after")
    def _rising(self) -> MultiStep:
        if any(a >= b for a, b in itertools.pairwise(self.milestones)):
            listed = ", ".join(f"{each:g}" for each in self.milestones)
            raise ValueError(f"milestones must rise, found {listed}")
        return self


class Exponential(Part):
    """Falls by equal factors, from 1 to ``final`` times the base value."""

    kind: Literal["exponential"] = "exponential"
    final: Above0 = 0.01
    warmup: Warmup = 0.0
    length: Length = 1.0


class InverseTime(Part):
    """Falls as (1 + a·time)^−power, from 1 to ``final`` times the base value."""

    kind: Literal["inverse_time"] = "inverse_time"
    final: Annotated[Number, within(Ge(1e-6), Le(1))] = 0.01
    power: Annotated[Number, within(Ge(0.1), Le(10))] = 1.0
    warmup: Warmup = 0.0
    length: Length = 1.0


class Polynomial(Part):
    """Falls as a ``power`` of what is left, from 1 to ``final`` times the base value."""

    kind: Literal["polynomial"] = "polynomial"
    power: Annotated[Number, within(Gt(0), Le(100))] = 2.0
    final: Level = 0.0
    warmup: Warmup = 0.0
    length: Length = 1.0


class Linear(Part):
    """Falls along a straight line, from 1 to ``final`` times the base value."""

    kind: Literal["linear"] = "linear"
    final: Level = 0.0
    warmup: Warmup = 0.0
    length: Length = 1.0


class Cosine(Part):
    """Falls along half a cosine, from 1 to ``final`` times the base value."""

    kind: Literal["cosine"] = "cosine"
    final: Level = 0.0
    warmup: Warmup = 0.0
    length: Length = 1.0


class CosineRestarts(Part):
    """Half a cosine in each of ``cycles``, each ``growth`` times as long as the one before."""

    kind: Literal["cosine_restarts"] = "cosine_restarts"
    cycles: Cycles = 3
    growth: Annotated[Number, within(Ge(1), Le(100))] = 2.0
    final: Level = 0.0
    warmup: Warmup = 0.0
    length: Length = 1.0

    @model_validator(mode="after")
    def _no_cycle_vanishes(self) -> CosineRestarts:
        growth = self.growth if isinstance(self.growth, float) else 1.0
        if (self.cycles - 1) * math.log10(growth) > 6:
            found = f"{self.cycles} cycles, each {growth:g} times as long as the one before"
            raise ValueError(f"the first cycle is less than a millionth of the last, found {found}")
        return self


class OneCycle(Part):
    """Rises from ``start`` to 1 at the ``peak``, then falls to ``final`` times the base value.

    The defaults are a 25th, and a 10,000th of that.
    """

    kind: Literal["one_cycle"] = "one_cycle"
    peak: Inner = 0.3
    start: Level = 0.04
    final: Level = 4e-6
    shape: Literal["cosine", "linear"] = "cosine"
    warmup: Warmup = 0.0
    length: Length = 1.0


class Cyclic(Part):
    """Straight lines from ``low`` to 1 times the base value and back, ``cycles`` times.

    The swing above ``low`` stays (triangular), halves from cycle to cycle (triangular2), or shrinks
    with every step, to ``fade`` of it at the end (exp_range).
    """

    kind: Literal["cyclic"] = "cyclic"
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    cycles: Cycles = 4
    low: Annotated[Number, within(Ge(0), Lt(1))] = 0.1
    fade: Above0 = 1.0
    warmup: Warmup = 0.0

    @model_validator(mode="after")
    def _fades_in_its_mode(self) -> Cyclic:
        if self.mode != "exp_range" and self.fade != 1:
            raise ValueError(f"fade is for mode exp_range, found mode {self.mode}")
        if self.mode == "exp_range" and self.fade == 1:
            raise ValueError("mode exp_range needs a fade below 1, such as 0.1")
        return self


class WarmupStableDecay(Part):
    """Stays at the base value, then falls to ``final`` times that over the last ``decay`` share."""

    kind: Literal["wsd"] = "wsd"
    decay: Annotated[Number, _share(Gt(0), Le(1))] = 0.2
    shape: Literal["linear", "cosine", "sqrt"] = "linear"
    final: Level = 0.0
    warmup: Warmup = 0.0
    length: Length = 1.0


class FlatCosine(Part):
    """Stays at the base value for a ``flat`` share, then falls along half a cosine to ``final``."""

    kind: Literal["flat_cosine"] = "flat_cosine"
    flat: Warmup = 0.5
    final: Level = 0.0
    warmup: Warmup = 0.0
    length: Length = 1.0


class LogCosine(Part):
    """Waves from 0 to the base value and back to 0, each twice as long as the one before."""

    kind: Literal["log_cosine"] = "log_cosine"
    cycles: Annotated[int, Ge(1), Le(20)] = 4
    warmup: Warmup = 0.0
    length: Length = 1.0


class Plateau(Part):
    """Times ``factor`` after more than ``patience`` evaluations without a better validation loss.

    Better is a loss below the best one by a share of ``threshold``; at the least, the base value
    times ``minimum`` is left.
    """

    kind: Literal["plateau"] = "plateau"
    factor: Annotated[Number, within(Gt(0), Lt(1))] = 0.3
    patience: Annotated[int, Ge(0)] = 2
    threshold: Annotated[float, Ge(0), Lt(1)] = 1e-4
    minimum: Annotated[Number, within(Ge(0), Lt(1))] = 0.0
    warmup: Warmup = 0.0


_Alone = (
    Constant
    | Step
    | MultiStep
    | Exponential
    | InverseTime
    | Polynomial
    | Linear
    | Cosine
    | CosineRestarts
    | OneCycle
    | Cyclic
    | WarmupStableDecay
    | FlatCosine
    | LogCosine
)


class JoinedPart(Part):
    """A schedule over its own share of the steps, as if that were the whole run."""

    share: Annotated[float, _share(Gt(0), Lt(1))]
    schedule: Annotated[_Alone, Field(discriminator="kind")]


class Joined(Part):
    """Several schedules one after the other; their shares add up to 1."""

    kind: Literal["joined"] = "joined"
    parts: tuple[JoinedPart, ...] = Field(min_length=1)
    warmup: Warmup = 0.0

    @model_validator(mode="after")
    def _fill_the_run(self) -> Joined:
        total = math.fsum(part.share for part in self.parts)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of joined schedules must add up to 1, found {total:g}")
        return self


Schedule = Annotated[_Alone | Plateau | Joined | OwnSchedule, Field(discriminator="kind")]
