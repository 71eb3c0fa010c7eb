"""The step, written once: from random numbers to averaged weights, in this order and no other.

random numbers → batch → mixed rows → gradient, at the weights or beside them → noise → clip →
update rule at its schedule → proximal step → averages → keep what is finite. Observers look at what
the step returns; nothing can write into it.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from methodic.engine.gradient import Gradient, plain
from methodic.engine.parts import DRIVEN, Cohort, Layout, Stage, State, Turn
from methodic.optimizers import clipping
from methodic.optimizers.clipping import clip_by_norm, clip_by_value, global_norm
from methodic.rng import returning
from methodic.types import Batch


@dataclass(slots=True)
class Seen:
    """What observers get to see of a step; detached, [M] each."""

    loss: Tensor
    terms: dict[str, Tensor]
    gradient_norm: Tensor
    finite: Tensor

    def by_step(self) -> Iterator[Seen]:
        """Of many steps, [T, M] each, one after the other."""
        names, terms = tuple(self.terms), [each.unbind(0) for each in self.terms.values()]
        rest = (self.loss.unbind(0), self.gradient_norm.unbind(0), self.finite.unbind(0))
        by_name = zip(*terms, strict=True) if terms else iter(())
        for loss, norm, finite in zip(*rest, strict=True):
            yield Seen(loss, dict(zip(names, next(by_name, ()), strict=True)), norm, finite)


def step(
    cohort: Cohort,
    stage: Stage,
    which: int,
    state: State,
    batch: Batch,
    noise: Mapping[str, Tensor],
    c: Mapping[str, Tensor],
) -> tuple[State, Seen]:
    """One optimizer step of every member that is still training.

    Args:
        cohort: the parts.
        stage, which: the stage, and which of its turns this is.
        state: before the step; it isn't written to.
        batch, noise: this step's rows and random numbers.
        c: the rule's coefficients at this step, [M, 1] each, and "lr".

    Returns:
        The state after the step, and what it saw.
    """
    after, seen = proposed(cohort, stage, which, state, batch, noise, c)
    return _kept(state, after, seen.finite), seen


def proposed(
    cohort: Cohort,
    stage: Stage,
    which: int,
    state: State,
    batch: Batch,
    noise: Mapping[str, Tensor],
    c: Mapping[str, Tensor],
) -> tuple[State, Seen]:
    """The state after a `step`, finite or not, and what the step saw."""
    turn, rule = stage.turns[which], state.rules[which]
    steps = state.steps_taken + 1
    own = cohort.clocks(steps) if any(cohort.born) else steps
    numbers = _driven(cohort.numbers, turn, c)
    for mixing in stage.mixing:
        batch = mixing(batch, noise, numbers)

    follow = _gradients(cohort, stage, turn, state, batch, noise, numbers, own)
    if turn.rule.alone:
        gradient, flat, rule_state = _minimized(turn, cohort.layout, follow, state.flat, rule, c)
    else:
        point = state.flat
        if turn.rule.probes:
            point = turn.only(turn.rule.point(point, rule, c, noise), point)
            c = {**c, "point": point}
        gradient = follow(point)
        clipped = _clipped(gradient, turn.limits, cohort.layout, state.flat)
        change, rule_state = turn.rule.update(clipped, state.flat, rule, c)
        flat = state.flat + (change if turn.rates is None else change * turn.rates)
    for proximal in turn.proximal:
        views = cohort.layout.views(flat)
        flat = cohort.layout.flatten(views | proximal(views, numbers, c["lr"].reshape(-1)))
    average = state.average
    if stage.average is not None:
        average = stage.average.update(flat, state.average, numbers, own)
    finite = _finite(gradient, gradient.norm, flat)
    rules = [rule_state if i == which else old for i, old in enumerate(state.rules)]
    after = replace(
        state,
        flat=flat,
        buffers={**state.buffers, **gradient.buffers},
        rules=rules,
        average=average,
        batches_seen=state.batches_seen + 1,
        steps_taken=steps,
    )
    return after, Seen(gradient.loss, gradient.terms, gradient.norm, finite)


def _gradients(
    cohort: Cohort,
    stage: Stage,
    turn: Turn,
    state: State,
    batch: Batch,
    noise: Mapping[str, Tensor],
    numbers: Mapping[str, Tensor],
    own: int | Tensor,
) -> Callable[[Tensor], Gradient]:
    """A function from weights [M, P] to the gradient that a rule at these weights is to follow.

    Its loss, terms and buffers are those at the weights, also where sharpness-aware training takes
    the gradient itself elsewhere. ``own``: the step on each member's clock.
    """

    # A user's module draws from torch's generator: the same each time that this step asks for it.
    begin_again = None if cohort.model.native else returning(cohort.device)
    teacher = None
    if stage.taught:
        assert stage.average is not None, "build asks for an average where an objective is taught"
        teacher = stage.average.evaluation_weights(state.flat, state.average)

    def differentiated(flat: Tensor) -> Gradient:
        parts = (turn, cohort.model, cohort.layout, flat, state.buffers, numbers, noise, batch)
        if begin_again is not None:
            begin_again()
        return plain(*parts, cohort.precision, teacher)

    def follow(flat: Tensor) -> Gradient:
        found = differentiated(flat)
        gradient = found.flat
        if stage.sharpness is not None:
            steepest = stage.sharpness.point(gradient, found.norm, flat, numbers)
            gradient = differentiated(steepest).flat
        if stage.gradient_noise is not None:
            noisy = stage.gradient_noise(gradient, noise, numbers, own)
            gradient = turn.only(noisy, gradient)
        if gradient is found.flat:
            return found
        return replace(found, flat=gradient, norm=global_norm(gradient))

    return follow


def _driven(
    numbers: Mapping[str, Tensor], turn: Turn, c: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """The recipes' Numbers at this step: [M] each."""
    driven = [drive.path for drive in turn.drives if not drive.rule]
    if not driven:
        return numbers
    return {**numbers, **{path: c[DRIVEN + path].reshape(-1) for path in driven}}


def _minimized(
    turn: Turn,
    layout: Layout,
    follow: Callable[[Tensor], Gradient],
    flat: Tensor,
    state: Mapping[str, Tensor],
    c: Mapping[str, Tensor],
) -> tuple[Gradient, Tensor, dict[str, Tensor]]:
    """A step of a rule that asks for gradients itself, and the first of these gradients."""
    seen: list[Gradient] = []
    if turn.rates is not None and "weight_decay" in c:
        c = {**c, "weight_decay": c["weight_decay"] * (turn.rates != 0)}

    def evaluate(point: Tensor) -> tuple[Tensor, Tensor]:
        found = follow(point)
        if not seen:
            seen.append(found)
        clipped = _clipped(found, turn.limits, layout, point)
        return found.loss, clipped if turn.rates is None else clipped * turn.rates

    change, following = turn.rule.minimize(evaluate, flat, state, c)
    return seen[0], flat + change, following


def _clipped(
    gradient: Gradient, limits: Mapping[str, Tensor], layout: Layout, flat: Tensor
) -> Tensor:
    clipped, norm = gradient.flat, gradient.norm
    if "clip_value" in limits:
        clipped = clip_by_value(clipped, limits["clip_value"])
        norm = global_norm(clipped)
    if "clip_adaptive" in limits:
        parts = layout.views(clipped), layout.views(flat)
        clipped = layout.flatten(clipping.clip_adaptively(*parts, limits["clip_adaptive"]))
        norm = global_norm(clipped)
    return clip_by_norm(clipped, limits["clip_norm"], norm) if "clip_norm" in limits else clipped


def _finite(gradient: Gradient, norm: Tensor, flat: Tensor) -> Tensor:
    """Which members are finite in all that they would keep: bool [M].

    Sums stand for all their elements: a sum that overflows is as good as an overflow. The norm
    bounds what a rule's moments can hold.
    """
    total = gradient.loss + norm + flat.sum(1)
    for buffer in gradient.buffers.values():
        if buffer.is_floating_point():
            total = total + buffer.reshape(buffer.shape[0], -1).sum(1)  # a number has no axis
    return total - total == 0  # NaN where it isn't finite; half the kernels of isfinite


def _kept(before: State, after: State, finite: Tensor) -> State:
    """``after`` for members that train and stay finite, ``before`` for all others."""
    moving = before.alive & finite
    # The usual case. Elsewhere than on the processor, asking would make the host wait.
    if moving.device.type == "cpu" and all(moving.tolist()):
        return after

    def choose(new: Tensor, old: Tensor) -> Tensor:
        return torch.where(moving.view(-1, *[1] * (new.ndim - 1)), new, old)

    def chosen(new: Mapping[str, Tensor], old: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: choose(value, old[name]) for name, value in new.items()}

    return replace(
        after,
        flat=choose(after.flat, before.flat),
        buffers=chosen(after.buffers, before.buffers),
        rules=[chosen(new, old) for new, old in zip(after.rules, before.rules, strict=True)],
        average=chosen(after.average, before.average),
        alive=moving,
    )
