"""Passes of a model over a few rows, for tests: parameters moved, buffers started, noise drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from methodic.models.parts.initialization import initial_buffers, initial_parameters
from methodic.rng import Draws, keys
from methodic.types import Pass

MEMBERS = 2


def scattered(model: Any, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Initial parameters, all of them moved: zeros and ones would hide mistakes."""
    generator = torch.Generator().manual_seed(3)
    return {
        name: value.to(dtype) + 0.2 * torch.randn(value.shape, generator=generator, dtype=dtype)
        for name, value in initial_parameters(model.parameters(), range(MEMBERS)).items()
    }


def started(model: Any, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Buffers before the first step."""
    return {k: v.to(dtype) for k, v in initial_buffers(model.buffers(), MEMBERS).items()}


def pass_of(
    model: Any,
    parameters: Mapping[str, Tensor],
    rows: int = 0,
    *,
    training: bool = True,
    collect: bool = False,
    buffers: Mapping[str, Tensor] | None = None,
    **numbers: float,
) -> Pass:
    """A pass; ``numbers`` by their last name: dropout=0.3 is "model.dropout"."""
    dtype = next(iter(parameters.values())).dtype
    noise = Draws(model.noise(rows))(keys(range(1, MEMBERS + 1))) if training and rows else {}
    given = {f"model.{k}": torch.full((MEMBERS,), v, dtype=dtype) for k, v in numbers.items()}
    held = started(model, dtype) if buffers is None else dict(buffers)
    return Pass(dict(parameters), held, noise, given, training, collect)


def table(
    rows: int, numeric: int = 3, sizes: tuple[int, ...] = (), dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Rows of numeric and categorical columns, others for each member."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    if numeric:
        found["numeric"] = torch.randn(MEMBERS, rows, numeric, generator=generator, dtype=dtype)
    if sizes:
        columns, start = [], 0
        for size in sizes:
            codes = torch.randint(start, start + size, (MEMBERS, rows, 1), generator=generator)
            columns.append(codes)
            start += size
        found["categorical"] = torch.cat(columns, 2)
    return found


def same_rows(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The first member's rows for all members, as `adapted` gets them."""
    return {name: x[:1].expand(MEMBERS, *x.shape[1:]) for name, x in inputs.items()}


def images(rows: int, *shape: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Rows of arrays."""
    generator = torch.Generator().manual_seed(0)
    return {"array": torch.randn(MEMBERS, rows, *shape, generator=generator, dtype=dtype)}


def gradients_are_right(
    model: Any,
    inputs: Mapping[str, Tensor],
    buffers: Mapping[str, Tensor] | None = None,
    **p: float,
) -> bool:
    """Each parameter's gradient by central differences in float64, in a training pass."""
    parameters = scattered(model, torch.float64)
    rows = next(iter(inputs.values())).shape[1]

    def outputs(*values: Tensor) -> Tensor:
        now = dict(zip(parameters, values, strict=True))
        return model(pass_of(model, now, rows, buffers=buffers, **p), inputs).tanh().mean(1)

    leaves = [value.requires_grad_() for value in parameters.values()]
    matter = torch.autograd.grad(outputs(*leaves).sum(), leaves, allow_unused=True)
    assert all(each is not None for each in matter), "a parameter that nothing depends on"
    return torch.autograd.gradcheck(outputs, leaves)
