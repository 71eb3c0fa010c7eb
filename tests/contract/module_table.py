"""Modules of users, one row each: how the preflight must judge them, and what it must say.

Each takes "numeric" rows [B, 4] and returns logits [B, 3].
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.utils.parametrizations as by
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

D, C = 4, 3


@dataclass(frozen=True)
class Row:
    """A module, the width that it may have, and words that the preflight's reason must hold."""

    name: str
    make: Callable[[], nn.Module]
    width: str
    words: tuple[str, ...] = ()
    repeatable: bool = True


class Head(nn.Module):
    """A linear layer, and whatever a subclass does around it."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(D, C)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x)


class Tied(nn.Module):
    """Two layers share one weight: it is one parameter under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(D, D), nn.Linear(D, D)
        self.second.weight = self.first.weight
        self.head = nn.Linear(D, C)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.second(torch.tanh(self.first(x)))))


class InPlace(Head):
    """A buffer of its own, updated in place, that the output depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(D))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.centre.mul_(0.9).add_(0.1 * x.mean(0))
        return self.head(x - self.centre)


class Reassigned(Head):
    """The same, but each pass puts a new tensor in the buffer's place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.total = self.total + x.sum()
        return self.head(x) * (1 + 0.01 * self.total)


class Causal(Head):
    """A mask with −∞, as attention that may not look ahead has one."""

    def __init__(self) -> None:
        super().__init__()
        mask = torch.triu(torch.full((D, D), float("-inf")), diagonal=1)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        scores = x.unsqueeze(1) * x.unsqueeze(2) + self.mask
        return self.head((scores.softmax(-1) @ x.unsqueeze(-1)).squeeze(-1))


class Sequence(nn.Module):
    """The four numbers as a sequence of four, through a recurrent layer."""

    def __init__(self, kind: type[nn.RNNBase], **options: Any) -> None:
        super().__init__()
        self.recurrent = kind(1, 6, batch_first=True, **options)
        self.head = nn.Linear(6, C)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x.unsqueeze(-1))[0][:, -1])


class Attention(nn.Module):
    """The four numbers as four tokens."""

    def __init__(self, mixer: nn.Module) -> None:
        super().__init__()
        self.enter, self.mixer, self.head = nn.Linear(1, 8), mixer, nn.Linear(8, C)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.enter(x.unsqueeze(-1))
        if isinstance(self.mixer, nn.MultiheadAttention):
            tokens = self.mixer(tokens, tokens, tokens, need_weights=False)[0]
        else:
            tokens = self.mixer(tokens)
        return self.head(tokens.mean(1))


class Codes(nn.Module):
    """Numbers cut to codes, and a vector for each."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(8, 5), nn.Linear(5, C)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.table((x * 2).long().clamp(-4, 3) + 4).mean(1))


class Item(Head):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(x) * (2.0 if x.sum().item() > 0 else 1.0)


class Masked(Head):
    def forward(self, x: Tensor) -> Tensor:
        out = self.head(x)
        return out + torch.zeros_like(out).masked_scatter(out > 0, out[out > 0])


class Recomputed(Head):
    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.head, x, use_reentrant=False)


class Keeping(Head):
    """Keeps what it computed, for people to look at."""

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.head(x)
        return self.last


class Elsewhere(Head):
    """Random numbers that no seed of torch decides."""

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x) * (1 + random.random())


class Counting(Head):
    """A Python number that decides the output and is no buffer."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.head(x) * self.calls


class _Swap(torch.autograd.Function):
    """Identity for one member; under vmap it swaps the members, as a wrong rule might."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> tuple[Tensor, int]:
        return _Swap.apply(x.flip(in_dims[0])), in_dims[0]


class _Half(_Swap):
    """Identity whose gradient is half of what it should be under vmap."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> tuple[Tensor, int]:
        return (x * 0.5 + x.detach() * 0.5), in_dims[0]


class MixedOutputs(Head):
    def forward(self, x: Tensor) -> Tensor:
        return _Swap.apply(self.head(x))


class MixedBuffers(InPlace):
    def forward(self, x: Tensor) -> Tensor:
        self.centre.mul_(0.9).add_(0.1 * _Swap.apply(x.mean(0)))
        return self.head(x)


class MixedGradients(Head):
    def forward(self, x: Tensor) -> Tensor:
        return _Half.apply(self.head(x))


def frozen() -> nn.Module:
    net = nn.Sequential(nn.Linear(D, 6), nn.ReLU(), nn.Linear(6, C))
    net[0].requires_grad_(False)
    return net


def image(*layers: nn.Module) -> nn.Module:
    """The four numbers as 2 × 2 pixels."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 4, 3, padding=1), *layers, nn.Flatten(),
        nn.Linear(16, C),
    )  # fmt: skip


def encoder(dropout: float) -> nn.Module:
    return Attention(nn.TransformerEncoderLayer(8, 2, 16, dropout=dropout, batch_first=True))


def attention(dropout: float) -> nn.Module:
    return Attention(nn.MultiheadAttention(8, 2, dropout=dropout, batch_first=True))


def perceptron(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(D, 8), *layers, nn.ReLU(), nn.Linear(8, C))


DRAWS = "draws from torch's generator"
UNDER = "under vmap"

ROWS = [
    Row("plain", perceptron, "vmap"),
    Row("tied", Tied, "vmap"),
    Row("batch norm", lambda: perceptron(nn.BatchNorm1d(8)), "vmap"),
    Row("batch norm, images", lambda: image(nn.BatchNorm2d(4), nn.ReLU()), "vmap"),
    Row("group norm", lambda: image(nn.GroupNorm(2, 4), nn.ReLU()), "vmap"),
    Row("layer norm", lambda: perceptron(nn.LayerNorm(8)), "vmap"),
    Row(
        "convolution in one dimension",
        lambda: nn.Sequential(
            nn.Unflatten(1, (1, D)), nn.Conv1d(1, 3, 3), nn.Flatten(), nn.Linear(6, C)
        ),
        "vmap",
    ),
    Row("buffer in place", InPlace, "vmap"),
    Row("buffer reassigned", Reassigned, "vmap"),
    Row("mask with infinities", Causal, "vmap"),
    Row("embedding", Codes, "vmap"),
    Row("attention", lambda: attention(0.0), "vmap"),
    Row("transformer", lambda: encoder(0.0), "vmap"),
    Row("frozen", frozen, "vmap"),
    Row("keeps activations", Keeping, "vmap"),
    Row("dropout of 0", lambda: perceptron(nn.Dropout(0.0)), "vmap"),
    Row("dropout", lambda: perceptron(nn.Dropout(0.2)), "alone", ("layer '1' (Dropout)", DRAWS)),
    Row("attention, dropout", lambda: attention(0.2), "alone", ("layer 'mixer'", DRAWS)),
    Row("transformer, dropout", lambda: encoder(0.2), "alone", ("'mixer.self_attn'", DRAWS)),
    Row("lstm", lambda: Sequence(nn.LSTM), "alone", ("layer 'recurrent' (LSTM)", UNDER)),
    Row("gru", lambda: Sequence(nn.GRU), "alone", ("layer 'recurrent' (GRU)", UNDER)),
    Row(
        "lstm, dropout",
        lambda: Sequence(nn.LSTM, num_layers=2, dropout=0.2),
        "alone",
        ("layer 'recurrent' (LSTM)", DRAWS),
    ),
    Row(
        "weight norm",
        lambda: nn.Sequential(by.weight_norm(nn.Linear(D, C))),
        "alone",
        ("no batched kernel", "weight_norm"),
    ),
    Row(
        "spectral norm",
        lambda: nn.Sequential(by.spectral_norm(nn.Linear(D, C))),
        "alone",
        ("SpectralNorm", UNDER),
    ),
    Row("item", Item, "alone", ("Item fails under vmap", ".item()")),
    Row("boolean index", Masked, "alone", ("Masked fails under vmap",)),
    Row(
        "batch norm without momentum",
        lambda: perceptron(nn.BatchNorm1d(8, momentum=None)),
        "alone",
        ("layer '1' (BatchNorm1d)", UNDER),
    ),
    Row("checkpointing", Recomputed, "alone", ("layer 'head' (Linear)", UNDER)),
    Row("outputs of another member", MixedOutputs, "alone", (UNDER, "outputs in 'forward'")),
    Row("buffers of another member", MixedBuffers, "alone", (UNDER, "buffers in 'centre'")),
    Row("half of the gradient", MixedGradients, "alone", (UNDER, "gradients in 'head.weight'")),
    Row("another generator", Elsewhere, "alone", ("another generator",), repeatable=False),
    Row("a counter", Counting, "alone", ("no buffer",), repeatable=False),
]
