"""Operations that are written by simpler ones before a graph becomes loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def decompositions() -> Mapping[Any, Callable[..., Any]]:
    """For tracing."""
    from torch._decomp import core_aten_decompositions, decomposition_table

    aten = torch.ops.aten
    table = dict(core_aten_decompositions())
    for name in (
        "_log_softmax",
        "_log_softmax_backward_data",
        "_softmax",
        "_softmax_backward_data",
        "native_layer_norm",
        "softplus",
        "silu",
        "softplus_backward",
        "sigmoid_backward",
        "tanh_backward",
        "gelu_backward",
        "elu_backward",
        "silu_backward",
        "leaky_relu_backward",
        "threshold_backward",
        "native_layer_norm_backward",
    ):
        packet = getattr(aten, name)
        for overload in packet.overloads():
            op = getattr(packet, overload)
            if op in decomposition_table:
                table[op] = decomposition_table[op]
    table[aten.nll_loss2d_forward.default] = _nll_loss
    table[aten.nll_loss2d_backward.default] = _nll_loss_backward
    table[aten.addcmul.default] = _addcmul
    table[aten.var_mean.correction] = _var_mean
    table[aten.eye.default] = _eye
    for kept in (aten.embedding_dense_backward, aten.mish, aten.mish_backward):
        table.pop(kept.default, None)
    # torch's own way for operations in place goes through its compiler, which isn't loaded here.
    for op in list(table):
        base = op.name().partition("::")[2].partition(".")[0]
        if base.endswith("_") and not base.endswith("__"):
            plain = getattr(getattr(aten, base[:-1]), op._overloadname, None)
            if plain is not None:
                table[op] = _in_place(plain)
    return table


def _in_place(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def written(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return x.copy_(plain(x, *args, **kwargs))

    return written


def _addcmul(x: Tensor, a: Tensor, b: Tensor, *, value: float = 1) -> Tensor:
    return x + value * a * b


def _var_mean(
    x: Tensor, axes: Sequence[int], *, correction: float = 1, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    mean = x.mean(list(axes), keepdim=True)
    count = math.prod(x.shape[axis] for axis in axes)
    variance = ((x - mean) * (x - mean)).sum(list(axes), keepdim=True) / (count - correction)
    return (
        (variance, mean) if keepdim else (variance.squeeze(tuple(axes)), mean.squeeze(tuple(axes)))
    )


def _eye(size: int, *, dtype: torch.dtype | None = None, **_: object) -> Tensor:
    place = torch.arange(size)
    return (place.unsqueeze(0) == place.unsqueeze(1)).to(dtype or torch.float32)


def _nll_loss(
    log_p: Tensor, target: Tensor, weight: Tensor | None, reduction: int, *_: object
) -> tuple[Tensor, Tensor]:
    assert weight is None
    assert reduction == 0
    picked = torch.where(_hot(log_p, target), log_p, 0.0).sum(1)
    return -picked, log_p.new_zeros(())


def _nll_loss_backward(slope: Tensor, log_p: Tensor, target: Tensor, *_: object) -> Tensor:
    return torch.where(_hot(log_p, target), -slope.unsqueeze(1), 0.0)


def _hot(log_p: Tensor, target: Tensor) -> Tensor:
    classes = torch.arange(log_p.shape[1], device=log_p.device)
    return target.unsqueeze(1) == classes.view(-1, *[1] * (target.ndim - 1))
