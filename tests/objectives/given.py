"""Outputs, targets and losses for the tests of objectives."""

from __future__ import annotations

import torch

from methodic.types import Batch, Pass


def model(run, inputs):
    """A network whose outputs are its parameters."""
    return run.parameters["output"]


def loss(objective, output, target, numbers=None, **batch):
    """Of each member; ``numbers``: by field of the objective at "o"."""
    named = {
        f"o.{name}": torch.as_tensor(value, dtype=output.dtype)
        for name, value in (numbers or {}).items()
    }
    run = Pass({"output": output}, {}, {}, named, training=True)
    (value,) = objective(model, run, Batch({}, target, **batch)).values()
    return value


def classes(members, rows, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(members, rows, count, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, max(count, 2), (members, rows), generator=generator)


def numbers(members, rows, targets, seed=0, outputs=None):
    generator = torch.Generator().manual_seed(seed)
    shape = members, rows, outputs or targets
    output = torch.randn(*shape, generator=generator, dtype=torch.float64)
    target = torch.randn(members, rows, targets, generator=generator, dtype=torch.float64)
    return output, 2 * target


def rejected(mutants, theirs):
    """No mutant passes for the public implementation's result."""
    for name, mutant in mutants.items():
        assert not torch.allclose(mutant, theirs, rtol=1e-4), name
