"""Before a user's module trains: does it train as plain PyTorch trains it, alone and under vmap?

Two consecutive training steps of two members with different weights, buffers and rows, against
plain autograd of each member alone: outputs, gradients and buffers have to agree.

Shapes: M members, B rows of a batch, C outputs.
"""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from methodic.errors import InputError
from methodic.models.own.failures import copied, layer_name
from methodic.models.own.module import ModuleModel, put, state_of
from methodic.models.own.trials import (
    STEPS,
    Step,
    close,
    difference,
    model_steps,
    plain_output,
    plain_steps,
)
from methodic.rng import drawing


@dataclass(frozen=True)
class Preflight:
    """What the preflight of a module found.

    Args:
        width: "vmap": several members may train at once; "alone": one after the other.
        reason: why, in words.
        repeatable: False where training depends on more than parameters, buffers and torch's
            generator, so that the same plan may end in other weights.
    """

    width: Literal["vmap", "alone"]
    reason: str
    repeatable: bool = True


def preflight(
    module: nn.Module, outputs: int, batches: Sequence[Mapping[str, Tensor]]
) -> Preflight:
    """Find out how ``module`` can be trained.

    Args:
        module: the user's; it isn't changed.
        outputs: C.
        batches: two batches of equal size, name → [B, …].

    Returns:
        Whether members may train at once, and why.

    Raises:
        InputError: it can't even train alone; the error names the layer or the tensor.

    Example:
        >>> rows = torch.randn(2, 8, 4)
        >>> inputs = [{"numeric": rows[0]}, {"numeric": rows[1]}]
        >>> preflight(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), 3, inputs).width
        'vmap'
        >>> dropping = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.1))
        >>> preflight(dropping, 3, inputs).reason
        "layer '1' (Dropout) draws from torch's generator"
    """
    device = next(iter(batches[0].values())).device
    original = copied(module).to(device).train()
    ModuleModel(original, outputs)  # refuses what can't be trained at all
    with drawing(0, device), _foreign_generators():
        starts = [
            _warm(_varied(original, member), outputs, batch) for member, batch in enumerate(batches)
        ]
        plain = [
            plain_steps(_with(original, start), outputs, batch)
            for start, batch in zip(starts, batches, strict=True)
        ]
        unsteady = _unrepeatable(original, outputs, starts[0], batches[0], plain[0])
        if unsteady is not None:
            return Preflight("alone", unsteady, repeatable=False)
        for member, batch in enumerate(batches):
            _check_alone(original, outputs, starts[member], batch, plain[member])
        layer = _drawing(_with(original, starts[0]), outputs, batches[0], plain[0])
        if layer is not None:
            return Preflight("alone", f"{layer} draws from torch's generator")
        problem = _together(original, outputs, starts, batches, plain)
    if problem is not None:
        return Preflight("alone", problem)
    return Preflight(
        "vmap",
        "two training steps of two members at once agree with plain PyTorch: outputs, gradients "
        "and buffers",
    )


@contextlib.contextmanager
def _foreign_generators() -> Iterator[None]:
    """Leave Python's and NumPy's generators as they were found."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _foreign_state() -> bytes:
    return repr((random.getstate(), np.random.get_state(legacy=False))).encode()


# Members: copies of the module with weights and buffers of their own.


def _varied(original: nn.Module, member: int) -> nn.Module:
    """A copy with other weights, so that a mix-up of members shows."""
    generator = torch.Generator().manual_seed(member)
    module = copied(original)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator).to(parameter.device)
                parameter.add_(noise * (0.1 * parameter.abs().mean() + 0.01))
    return module


def _warm(module: nn.Module, outputs: int, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A member's state after a first pass: its buffers are its own then, and valid ones."""
    before = state_of(module)
    plain_output(module, outputs, batch)
    after = state_of(module)
    name = type(module).__name__
    for key in sorted({*before, *after}):
        if key not in before or key not in after:
            raise _restless(module, key, "comes or goes in forward", "Register it in __init__.")
        if before[key].shape != after[key].shape or before[key].dtype != after[key].dtype:
            raise _restless(
                module,
                key,
                "changes its shape or type in forward",
                "Register it as it is after the first pass.",
                f"{before[key].dtype} {list(before[key].shape)}, then {after[key].dtype} "
                f"{list(after[key].shape)}",
            )
    for key, parameter in module.named_parameters():
        if parameter.requires_grad and not torch.equal(before[key], after[key]):
            raise InputError(
                f"parameter '{key}' of {name} is written to in forward",
                advice="Make it a buffer, or a parameter with requires_grad=False.",
            )
    return after


def _restless(
    module: nn.Module, key: str, what: str, advice: str, found: str | None = None
) -> InputError:
    path, _, own = key.rpartition(".")
    where = layer_name(module, path)
    return InputError(f"buffer '{own}' of {where} {what}", found=found, advice=advice)


def _with(original: nn.Module, values: Mapping[str, Tensor]) -> nn.Module:
    return put(copied(original), values)


# What is asked of them.


def _check_alone(
    original: nn.Module,
    outputs: int,
    start: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    plain: Sequence[Step],
) -> None:
    """At width 1 the engine's model has to be the module."""
    model = ModuleModel(original, outputs, [_with(original, start)])
    differs = difference(model_steps(model, [batch])[0], plain)
    if differs is not None:
        raise InputError(
            f"{type(original).__name__} doesn't train as in plain PyTorch: {differs} differ",
            advice="What forward reads and changes must be parameters and buffers of the module.",
        )


def _unrepeatable(
    original: nn.Module,
    outputs: int,
    start: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    plain: Sequence[Step],
) -> str | None:
    """Why the same seed may give other results, or None."""
    foreign = _foreign_state()
    again = _with(original, start)
    differs = difference(plain_steps(again, outputs, batch), plain)
    if differs is not None or _foreign_state() != foreign:
        return (
            "it draws from another generator than torch's own (Python's, NumPy's or one of its "
            "own), so its training can't be repeated"
        )
    # The module after its steps, and a fresh one that got its parameters and buffers.
    fresh = _with(original, state_of(again))
    outs = []
    for each in (again, fresh):
        with drawing(STEPS, next(iter(batch.values())).device):
            outs.append(plain_output(each, outputs, batch).detach())
    if not close(outs[0], outs[1]):
        return (
            "its output depends on an attribute that forward changes and that is no buffer, so "
            "resumed training would differ; use register_buffer"
        )
    return None


def _drawing(
    module: nn.Module, outputs: int, batch: Mapping[str, Tensor], plain: Sequence[Step]
) -> str | None:
    """The layer that draws random numbers in training, in words; None if none does."""
    found: list[str] = []
    seen: list[Tensor] = []

    def after(path: str) -> Callable[..., None]:
        def look(*_: object) -> None:
            state = torch.get_rng_state()
            if not torch.equal(state, seen[-1]):
                found.append(layer_name(module, path))  # the innermost layer ends first
            seen.append(state)

        return look

    hooks = [layer.register_forward_hook(after(path)) for path, layer in module.named_modules()]
    with drawing(1, next(iter(batch.values())).device):
        seen.append(torch.get_rng_state())
        other = plain_output(module, outputs, batch).detach()
    for hook in hooks:
        hook.remove()
    if found:
        return found[0]
    # A generator elsewhere than on the processor shows in the output only.
    return None if close(other, plain[0].output) else type(module).__name__


def _together(
    original: nn.Module,
    outputs: int,
    starts: Sequence[Mapping[str, Tensor]],
    batches: Sequence[Mapping[str, Tensor]],
    plain: Sequence[Sequence[Step]],
) -> str | None:
    """Why members can't train under vmap, or None."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            model = ModuleModel(original, outputs, [_with(original, start) for start in starts])
            steps = model_steps(model, batches)
        except InputError as error:
            return f"{error.problem} ({error.found})"
    for warning in said:
        if "batching rule for" in str(warning.message):
            kernel = str(warning.message).split("batching rule for ")[1].split(". ")[0]
            return f"vmap has no batched kernel for {kernel} and would loop over the members"
    for member, (found, wanted) in enumerate(zip(steps, plain, strict=True)):
        differs = difference(found, wanted)
        if differs is not None:
            return f"under vmap {differs} differ (member {member})"
    return None
