"""The step, written once: from random numbers to averaged weights, in this order and no other.

random numbers → batch → gradient → clip → update rule at its schedule → proximal step → averages →
keep what is finite. Observers look at what the step returns; nothing can write into it.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from methodic.engine.gradient import Gradient, plain
from methodic.engine.parts import Cohort, Stage, State, Turn
from methodic.optimizers.clipping import clip_by_norm, clip_by_value, global_norm
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
    turn = stage.turns[which]
    gradient = plain(
        turn,
        cohort.model,
        cohort.layout,
        state.flat,
        state.buffers,
        cohort.numbers,
        noise,
        batch,
        cohort.precision,
    )
    norm = gradient.norm
    flat, rule_state = _updated(turn, gradient, state.flat, state.rules[which], c)
    for proximal in stage.proximal:
        views = cohort.layout.views(flat)
        flat = cohort.layout.flatten(views | proximal(views, cohort.numbers, c["lr"].reshape(-1)))
    average = state.average
    steps = state.steps_taken + 1
    if stage.average is not None:
        own = cohort.clocks(steps) if any(cohort.born) else steps
        average = stage.average.update(flat, state.average, cohort.numbers, own)
    finite = _finite(gradient, norm, flat)
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
    return after, Seen(gradient.loss, gradient.terms, norm, finite)


def _updated(
    turn: Turn,
    gradient: Gradient,
    flat: Tensor,
    state: Mapping[str, Tensor],
    c: Mapping[str, Tensor],
) -> tuple[Tensor, dict[str, Tensor]]:
    """Clip, then the update rule: the new parameters, and the rule's new state."""
    clipped = _clipped(gradient.flat, gradient.norm, turn.limits)
    update, following = turn.rule.update(clipped, flat, state, c)
    if turn.mask is not None:
        update = update * turn.mask
    return flat + update, following


def _clipped(flat: Tensor, norm: Tensor, limits: Mapping[str, Tensor]) -> Tensor:
    if "clip_value" in limits:
        flat = clip_by_value(flat, limits["clip_value"])
        norm = global_norm(flat)
    if "clip_norm" in limits:
        flat = clip_by_norm(flat, limits["clip_norm"], norm)
    return flat


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
