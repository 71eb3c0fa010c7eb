"""Training steps on trial: the same ones by plain PyTorch and by the engine's model, compared.

Shapes: M members, B rows of a batch, C outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methodic.errors import InputError
from methodic.models.own.draws import QuickMasks
from methodic.models.own.failures import failing_layer, failure, out_of_memory, summary
from methodic.models.own.module import ModuleModel, asks_for, checked, feed, state_of
from methodic.rng import drawing
from methodic.types import Pass

TOLERANCE = 1e-4
"""Of the largest value of a tensor. Sums of 10⁵ float32 numbers in another order differ by about
√10⁵ · 6e-8 = 2e-5; a gradient that lacks a term, or holds another member's, by far more."""

FLOOR = 1e-5
"""Of the largest value of all tensors: what is zero but for rounding, such as the gradient of a
bias in front of batch normalization, can't agree any better."""

STEPS = 2
"""The second step sees what the first one left behind."""


@dataclass(frozen=True)
class Step:
    """What one training step of one member shows; all detached."""

    output: Tensor
    gradients: dict[str, Tensor]
    buffers: dict[str, Tensor]  # and parameters that aren't trained


def _cotangent(step: int, output: Tensor) -> Tensor:
    """A fixed random weight for each output: it reaches every part of the gradient."""
    generator = torch.Generator().manual_seed(step)
    return torch.randn(output.shape, generator=generator).to(output.device) / output.shape[-2]


def plain_output(module: nn.Module, outputs: int, batch: Mapping[str, Tensor]) -> Tensor:
    """What ``module`` returns in training: [B, C].

    Raises:
        InputError: it fails, and in which layer; or its output can't be differentiated.
    """
    args, kwargs = feed(asks_for(module), batch)
    try:
        with QuickMasks():  # the masks of the model
            output = module(*args, **kwargs)
    except Exception as error:
        raise failure(module, error, batch, " in training") from error
    output = checked(module, output, next(iter(batch.values())).shape[0], outputs)
    if not output.requires_grad:
        raise InputError(
            f"the outputs of {type(module).__name__} don't depend on its parameters",
            advice="Look for detach(), no_grad() or .data in forward.",
        )
    return output


def plain_steps(module: nn.Module, outputs: int, batch: Mapping[str, Tensor]) -> list[Step]:
    """Consecutive passes of one member by plain PyTorch, each with its gradient."""
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    steps = []
    for number in range(STEPS):
        with drawing(number, next(iter(batch.values())).device):
            output = plain_output(module, outputs, batch)
            gradients = _gradients(module, output, _cotangent(number, output), parameters)
        buffers = {name: x for name, x in state_of(module).items() if name not in parameters}
        steps.append(Step(output.detach(), gradients, buffers))
    return steps


def _gradients(
    module: nn.Module,
    output: Tensor,
    cotangent: Tensor,
    leaves: Mapping[str, Tensor],
    way: str = "",
) -> dict[str, Tensor]:
    try:
        found = torch.autograd.grad(
            (output * cotangent).sum(), list(leaves.values()), materialize_grads=True
        )
    except Exception as error:
        if out_of_memory(error):
            raise
        raise InputError(
            f"{failing_layer(module, error)} fails in the backward pass{way}",
            found=summary(error),
            advice="torch.autograd.set_detect_anomaly(True) shows which operation it is.",
        ) from error
    return dict(zip(leaves, found, strict=True))


def model_steps(model: ModuleModel, batches: Sequence[Mapping[str, Tensor]]) -> list[list[Step]]:
    """The same by the engine's model for all members at once: by member, then by step."""
    parameters, buffers = model.initial()
    inputs = {name: torch.stack([batch[name] for batch in batches]) for name in batches[0]}
    members: list[list[Step]] = [[] for _ in batches]
    for number in range(STEPS):
        leaves = {name: x.detach().requires_grad_() for name, x in parameters.items()}
        run = Pass(leaves, buffers, {}, {}, training=True)
        way = " under vmap" if len(batches) > 1 else ""
        with drawing(number, next(iter(inputs.values())).device):
            output = model(run, inputs)
            cotangent = _cotangent(number, output[0])
            gradients = _gradients(model.module, output, cotangent, leaves, way)
        buffers = {**buffers, **run.new_buffers}
        for member, steps in enumerate(members):
            steps.append(
                Step(
                    output[member].detach(),
                    {name: x[member] for name, x in gradients.items()},
                    {name: x[member] for name, x in buffers.items()},
                )
            )
    return members


def difference(found: Sequence[Step], wanted: Sequence[Step]) -> str | None:
    """What two trainings disagree on, in words; None if they agree to rounding."""
    for step, (one, other) in enumerate(zip(found, wanted, strict=True), 1):
        for what, ours, plain in (
            ("outputs", {"forward": one.output}, {"forward": other.output}),
            ("gradients", one.gradients, other.gradients),
            ("buffers", one.buffers, other.buffers),
        ):
            # Buffers have units of their own: each stands for itself.
            largest = max((_size(x) for x in plain.values()), default=0.0)
            for name, x in plain.items():
                floor = FLOOR * (_size(x) if what == "buffers" else largest)
                if not close(ours[name], x, floor):
                    return f"{what} in '{name}' of step {step}"
    return None


def _size(x: Tensor) -> float:
    """The largest value that is finite; masks hold −∞."""
    finite = x.detach()[x.isfinite()] if x.is_floating_point() else x.new_empty(0)
    return float(finite.abs().max()) if finite.numel() else 0.0


def close(ours: Tensor, plain: Tensor, floor: float = 0.0) -> bool:
    """Alike to rounding: the largest difference against the largest value, and ``floor``."""
    if ours.shape != plain.shape or ours.dtype != plain.dtype:
        return False
    if not plain.is_floating_point():
        return torch.equal(ours, plain)
    return bool(
        torch.allclose(ours, plain, rtol=0.0, atol=TOLERANCE * _size(plain) + floor, equal_nan=True)
    )
