"""Errors that name the layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from methodic.errors import InputError
from methodic.models.own.failures import (
    check_trainable,
    copied,
    failing_layer,
    failure,
    layer_name,
    out_of_memory,
)


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] == 1:
            raise KeyError("one row")
        return self.dense.forward(x)  # hooks of dense would see nothing


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({"a": nn.Identity(), "b": Inner()})

    def forward(self, x: Tensor) -> Tensor:
        return self.parts["b"](self.parts["a"](x))


def raised(rows: Tensor) -> tuple[Outer, Exception]:
    net = Outer()
    with pytest.raises((RuntimeError, KeyError)) as caught:
        net(rows)
    return net, caught.value


def test_the_innermost_layer_is_found() -> None:
    assert failing_layer(*raised(torch.zeros(2, 4))) == "layer 'parts.b.dense' (Linear)"
    assert failing_layer(*raised(torch.zeros(1, 3))) == "layer 'parts.b' (Inner)"
    assert failing_layer(Outer(), ValueError()) == "Outer", "no frame of any layer"
    assert layer_name(Outer(), "parts.b") == "layer 'parts.b' (Inner)"


def test_an_error_says_what_the_module_got() -> None:
    net, error = raised(torch.zeros(2, 4))
    said = failure(net, error, {"numeric": torch.zeros(2, 4)}, " under vmap")
    assert isinstance(said, InputError)
    assert said.problem == "layer 'parts.b.dense' (Linear) fails under vmap"
    assert (said.found or "").startswith("RuntimeError: mat1 and mat2")
    assert "numeric float32 [2, 4]" in (said.advice or "")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
        InputError("said already"),
    ],
)
def test_errors_that_stay_as_they_are(error: Exception) -> None:
    assert failure(Outer(), error, {}) is error
    assert out_of_memory(error) != isinstance(error, InputError)


def test_a_copy_keeps_ties_and_says_what_can_not_be_copied() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    twin = copied(net)
    assert twin[1].weight is twin[0].weight  # type: ignore[index]
    assert twin[0].weight is not net[0].weight  # type: ignore[index]
    net.seen = net(torch.zeros(1, 2))  # type: ignore[assignment]
    with pytest.raises(InputError, match="Sequential can't be copied") as caught:
        copied(net)
    assert "built but not called" in (caught.value.advice or "")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.ReLU(), "no parameters to train"),
        (nn.Linear(2, 2).requires_grad_(False), "no parameters to train"),
        (nn.Sequential(nn.LazyBatchNorm1d()), r"layer '0' \(LazyBatchNorm1d\) has no shape"),
        (nn.Sequential(nn.Embedding(3, 2, sparse=True)), r"layer '0' \(Embedding\) has sparse"),
        (nn.Linear(2, 2, dtype=torch.complex64), "'weight' of Linear can't be trained"),
    ],
)
def test_what_is_not_trainable(module: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_trainable(module)


def test_frozen_parameters_may_be_of_any_type() -> None:
    net = nn.Sequential(nn.Linear(2, 2).double().requires_grad_(False), nn.Linear(2, 2))
    check_trainable(net)
