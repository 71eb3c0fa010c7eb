"""A graph as a program: the order of what is written, and what can't be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from methodic.errors import InputError
from tests.engine.native.computing import computed


def test_operations_that_write() -> None:
    """What was read before a tensor is written keeps its value; what is read after has the new."""

    def mixed(t: dict[str, Tensor]) -> dict[str, Tensor]:
        x = t["x"] * 3
        before = x + 1
        x.mul_(t["y"]).add_(2)
        y = t["y"].clone()
        y.copy_(x - before)
        scratch = torch.empty_like(x)
        torch.maximum(x, y, out=scratch)
        return {"x": x + scratch, "y": before * y}

    given = {"x": torch.linspace(-2, 2, 37), "y": torch.linspace(1, -3, 37)}
    found = computed(mixed, **given)
    due = mixed({name: v.unsqueeze(0) for name, v in given.items()})
    for name, value in due.items():
        torch.testing.assert_close(found[name], value[0])


def test_what_is_unknown_is_said() -> None:
    with pytest.raises(InputError, match="can't be turned into machine code") as caught:
        computed(lambda t: {"x": torch.cumsum(t["x"], 1)}, x=torch.ones(4))
    assert "cumsum" in (caught.value.found or "")
    with pytest.raises(InputError) as caught:
        computed(lambda t: {"x": t["x"] * 2}, x=torch.ones(4, dtype=torch.float64))
    assert "float64" in (caught.value.found or "")
