"""Small networks, passes and rows for the tests of objectives without targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from methodic.models.extended import Extended
from methodic.models.inputs import Inputs
from methodic.models.mlp import MLP
from methodic.models.parts.initialization import initial_buffers, initial_parameters
from methodic.rng import Draws, keys
from methodic.types import Batch, Model, Pass

MEMBERS, ROWS = 2, 6
TABLE = Inputs(numeric=3, categorical=2, codes=7, sizes=(3, 4))
NUMBERS = Inputs(numeric=4)


def mlp(inputs: Inputs = NUMBERS, outputs: int = 3, **how: Any) -> MLP:
    """Smooth, so that differences tell its gradient."""
    return MLP(inputs, outputs, **{"width": 5, "depth": 1, "activation": "tanh", **how})


def extended(network: Model, objective: Any) -> Model:
    more = objective.parameters()
    return Extended(network, more) if more else network


def weights(model: Model, members: int = MEMBERS, dtype: torch.dtype = torch.float64):
    """Initial weights, all of them moved: zeros would hide mistakes."""
    generator = torch.Generator().manual_seed(5)
    drawn = initial_parameters(model.parameters(), range(members))
    return {
        name: x.to(dtype) + 0.2 * torch.randn(x.shape, generator=generator, dtype=dtype)
        for name, x in drawn.items()
    }


def noise(objective: Any, rows: int = ROWS, members: int = MEMBERS, dtype=torch.float64):
    drawn = Draws(objective.noise(rows))(keys(range(members), "noise"))
    return {k: x if x.dtype == torch.int16 else x.to(dtype) for k, x in drawn.items()}


def given(
    objective: Any,
    model: Model,
    rows: int = ROWS,
    members: int = MEMBERS,
    dtype: torch.dtype = torch.float64,
    **numbers: Any,
) -> Pass:
    """A training pass; ``numbers``: by their names in the objective, whose path is "o"."""
    named = {
        f"o.{name}".replace("o.model_", "model."): torch.as_tensor(value, dtype=dtype).expand(
            members
        )
        for name, value in numbers.items()
    }
    buffers = {k: v.to(dtype) for k, v in initial_buffers(model.buffers(), members).items()}
    drawn = noise(objective, rows, members, dtype)
    return Pass(weights(model, members, dtype), buffers, drawn, named, training=True)


def table(
    inputs: Inputs = NUMBERS, rows: int = ROWS, members: int = MEMBERS, dtype=torch.float64, seed=0
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, Tensor] = {}
    if inputs.numeric:
        shape = members, rows, inputs.numeric
        found["numeric"] = torch.randn(*shape, generator=generator, dtype=dtype)
    if inputs.array:
        shape = (members, rows, *(inputs.shape or (inputs.array,)))
        found["array"] = torch.rand(*shape, generator=generator, dtype=dtype)
    start, parts = 0, []
    for size in inputs.sizes:
        ends = start, start + size
        parts.append(torch.randint(*ends, (members, rows, 1), generator=generator))
        start += size
    if parts:
        found["categorical"] = torch.cat(parts, 2)
    return found


def batch(inputs: Mapping[str, Tensor], target: Tensor | None = None, **more: Any) -> Batch:
    first = next(iter(inputs.values()))
    nothing = torch.zeros(len(first), 0, dtype=torch.int64)
    return Batch(dict(inputs), nothing if target is None else target, **more)


def cost(objective: Any, model: Model, run: Pass, batch: Batch) -> Tensor:
    """The only term: [M]."""
    ((name, value),) = objective(model, run, batch).items()
    assert name == objective.name
    return value


def layers(perceptron: Any, run: Pass, member: int) -> list[tuple[Any, Any]]:
    """A perceptron's weights and biases as lists, for the literal version."""
    found = []
    for layer in perceptron.layers:
        bias = run.parameters.get(f"{layer.name}.bias")
        weight = run.parameters[f"{layer.name}.weight"][member].tolist()
        found.append((weight, None if bias is None else bias[member].tolist()))
    return found


def close(found: Tensor, wanted: list[float], rel: float = 1e-9) -> bool:
    """Float64, member by member."""
    other = torch.tensor(wanted, dtype=found.dtype)
    return torch.allclose(found, other, rtol=rel, atol=1e-12)


def formula(rows: int = 5, dims: int = 4) -> tuple[Tensor, Tensor]:
    """Two projections [1, B, D] that no generator draws: inputs of golden numbers."""
    i = torch.arange(rows, dtype=torch.float64)[:, None]
    j = torch.arange(dims, dtype=torch.float64)
    first = torch.sin(1.3 * i + 2.1 * j + 0.4 * i * j) * (1 + 0.2 * j)
    second = torch.cos(0.7 * i - 1.9 * j + 0.3 * i * j) * (1 + 0.1 * i)
    return first[None], second[None]
