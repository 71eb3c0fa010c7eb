"""The gradient of a turn's loss: one of the two functions that get compiled.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.engine.parts import Layout, Turn
from methodic.models.parts.activations import aligned
from methodic.models.precision import computing
from methodic.optimizers.clipping import global_norm
from methodic.plan import Precision
from methodic.types import Batch, Model, Pass


@dataclass(slots=True)
class Gradient:
    """What one differentiation yields; everything detached."""

    loss: Tensor  # [M], the sum that was differentiated
    terms: dict[str, Tensor]  # name → [M], unweighted
    flat: Tensor  # [M, P], 0 for parameters that the turn doesn't train
    norm: Tensor  # [M], of flat
    buffers: dict[str, Tensor]


def total_loss(
    turn: Turn, model: Model, run: Pass, batch: Batch
) -> tuple[Tensor, dict[str, Tensor]]:
    """Σ weight·objective + penalties for each member: [M], and the unweighted terms."""
    terms: dict[str, Tensor] = {}
    total: Tensor | None = None
    for i, (objective, weight) in enumerate(turn.objectives):
        if i and run.new_buffers:  # each pass goes on from the statistics of the one before
            run.buffers = {**run.buffers, **run.new_buffers}
        for name, term in objective(model, run, batch).items():
            terms[name] = term
            weighted = term if weight not in run.numbers else term * run.numbers[weight]
            if turn.learned:
                spread = run.parameters[turn.learned[i]].squeeze(1)
                weighted = weighted * aligned(torch.exp, -spread.unsqueeze(1)).squeeze(1) + spread
            total = weighted if total is None else total + weighted
    for penalty in turn.penalties:
        for name, term in penalty(run).items():
            terms[name] = term
            total = term if total is None else total + term
    assert total is not None, "recipes have at least one objective in each turn"
    return total, terms


def plain(
    turn: Turn,
    model: Model,
    layout: Layout,
    flat: Tensor,
    buffers: Mapping[str, Tensor],
    numbers: Mapping[str, Tensor],
    noise: Mapping[str, Tensor],
    batch: Batch,
    precision: Precision = "float32",
    teacher: Tensor | None = None,
) -> Gradient:
    """Differentiate the turn's loss once, at the parameters as they are.

    ``teacher``: averaged weights [M, P], where an objective asks for them. Members don't touch each
    other's losses, so the gradient of the sum over members holds each member's own gradient.
    """
    views = layout.views(flat)
    if len(turn.trains) == len(layout.names):
        leaves = {name: view.requires_grad_() for name, view in views.items()}
    else:
        leaves = {name: views[name].requires_grad_() for name in turn.trains}
    run = Pass(views, buffers, noise, numbers, training=True, fixed=turn.fixed)
    if teacher is not None:
        run.teacher = layout.views(teacher)
    loss, terms = total_loss(turn, computing(model, precision), run, batch)
    # The sum, and not grad_outputs of ones: torch checks those in Python, at 0.2 ms a step.
    gradients = torch.autograd.grad(loss.sum(), list(leaves.values()), materialize_grads=True)
    by_name = dict(zip(leaves, gradients, strict=True))
    if len(by_name) < len(layout.names):
        by_name = {n: by_name.get(n, torch.zeros_like(v)) for n, v in views.items()}
    joined = layout.flatten(by_name)
    return Gradient(
        loss.detach(),
        {name: term.detach() for name, term in terms.items()},
        joined,
        global_norm(joined),
        dict(run.new_buffers),
    )
