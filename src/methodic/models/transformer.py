"""FT-Transformer: each column of a table is a token, and tokens attend to each other.

Shapes: M members, B rows, D numeric columns, T tokens, W width, S heads, C outputs.

Source: Gorishniy, Rubachev, Khrulkov, Babenko 2021 (arXiv 2106.11959).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.models.network import TwoHalves
from methodic.models.parts.layers import Dropout, Layer, Linear
from methodic.models.parts.normalization import LayerNorm
from methodic.rng import Noise
from methodic.types import ParameterSpec, Pass


class Tokens(Layer):
    """A vector for each column, and one for the whole row in front: → [M, B, 1 + columns, W].

    A number is x·w_j + b_j, a category is its row of a table and b_j; the first token is trained.

    Args:
        inputs: what enters.
        width: W.
    """

    def __init__(self, inputs: Inputs, width: int) -> None:
        self.inputs, self.width = inputs, width
        self.columns = inputs.numeric + inputs.categorical

    def parameters(self) -> dict[str, ParameterSpec]:
        """Full name → specification."""
        bound = 1 / math.sqrt(self.width)

        def spec(rows: int, first: bool = False, decays: bool = False) -> ParameterSpec:
            return ParameterSpec(
                (rows, self.width),
                "spread",
                gain=bound,
                decays=decays,
                role="embedding",
                first=first,
            )

        specs = {"token.row": spec(1)}
        if self.inputs.numeric:
            # Categories beside them have rows of the table, where each value has one of its own.
            alone = not self.inputs.categorical
            specs["token.weight"] = spec(self.inputs.numeric, first=alone)
        if self.inputs.categorical:
            specs["embedding.table"] = spec(self.inputs.codes)
        specs["token.bias"] = spec(self.columns)
        return specs

    def tokens(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, 1 + columns, W]."""
        parts = []
        if self.inputs.numeric:
            weight = run.parameters["token.weight"].unsqueeze(1)
            parts.append(inputs["numeric"].unsqueeze(-1) * weight)
        if self.inputs.categorical:
            codes, table = inputs["categorical"], run.parameters["embedding.table"]
            offsets = torch.arange(len(codes), device=codes.device).view(-1, 1, 1)
            parts.append(F.embedding(codes + offsets * self.inputs.codes, table.flatten(0, 1)))
        columns = parts[0] if len(parts) == 1 else torch.cat(parts, 2)
        columns = columns + run.parameters["token.bias"].unsqueeze(1)
        row = run.parameters["token.row"].unsqueeze(1).expand(-1, columns.shape[1], -1, -1)
        return torch.cat([row, columns], 2)


@dataclass(frozen=True)
class Attention(Layer):
    """Softmax(q·kᵀ/√(W/S))·v with S heads, and a linear layer behind: [M, B, T, W], same shape.

    Args:
        name: prefix of the names.
        width, heads: W and S, which divides W.
        tokens: T.
        dropout: path of the Number with the share of attention that is dropped; None.
        only_first: queries are those of the first token, so that the result has T = 1.

    Source: Vaswani et al. 2017.
    """

    name: str
    width: int
    heads: int
    tokens: int
    dropout: str | None = None
    only_first: bool = False

    def _linears(self) -> dict[str, Linear]:
        kind = "xavier_uniform"
        names = ("query", "key", "value", "out")
        return {n: Linear(f"{self.name}.{n}", self.width, self.width, True, kind) for n in names}

    def _drop(self) -> Dropout | None:
        queries = 1 if self.only_first else self.tokens
        size = self.heads * queries * self.tokens
        return None if self.dropout is None else Dropout(f"{self.name}.drop", size, self.dropout)

    def parameters(self) -> dict[str, ParameterSpec]:
        return {k: v for each in self._linears().values() for k, v in each.parameters().items()}

    def noise(self, rows: int) -> dict[str, Noise]:
        drop = self._drop()
        return {} if drop is None else drop.noise(rows)

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        by_name = self._linears()
        members, rows, tokens, _ = x.shape
        asking = x[:, :, :1] if self.only_first else x
        queries = asking.shape[2]
        each = self.width // self.heads

        def split(name: str, y: Tensor) -> Tensor:
            """[M, B, t, W] → [M·B·S, t, W/S]."""
            flat = by_name[name](run, y.flatten(1, 2))
            shaped = flat.view(members, rows, -1, self.heads, each).transpose(2, 3)
            return shaped.reshape(-1, y.shape[2], each)

        q, k, v = split("query", asking), split("key", x), split("value", x)
        weights = torch.softmax(_product(q, k.mT) * (1 / math.sqrt(each)), -1)
        drop = self._drop()
        if drop is not None:
            weights = drop(run, weights.view(members, rows, -1)).view(-1, queries, tokens)
        seen = _product(weights, v).view(members, rows, self.heads, queries, each)
        joined = seen.transpose(2, 3).reshape(members, rows * queries, self.width)
        return by_name["out"](run, joined).view(members, rows, queries, self.width)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a·b of many small matrices, [n, I, K] and [n, K, J]; sizes of 1 padded as in `linear`."""
    rows, inner, columns = a.shape[1], a.shape[2], b.shape[2]
    a = F.pad(a, (0, int(inner == 1), 0, int(rows == 1)))
    b = F.pad(b, (0, int(columns == 1), 0, int(inner == 1)))
    return torch.bmm(a, b)[:, :rows, :columns]


class FTTransformer(TwoHalves):
    """Tokens of all columns, ``depth`` pre-norm blocks of attention and a gated layer, a head.

    A block: x ← x + attention(norm(x)); x ← x + W₂·dropout(a·relu(g)) with [a, g] = W₁·norm(x). The
    first block has no norm in front of its attention; the last one is computed for the row's own
    token, from which the head reads: linear(relu(norm(token))).

    Args:
        inputs: what enters: numeric and categorical columns.
        outputs: C, classes or predicted numbers.
        width: W, numbers for each token.
        depth: blocks.
        heads: S, which divides the width.
        expansion: units of a block's gated layer, as a multiple of the width.
        dropout: path of the Number with the rate in gated layers; None.
        attention_dropout: path of the Number with the rate of attention; None.
        residual_dropout: path of the Number with the rate on what a block adds; None.

    Raises:
        InputError: the data have no columns, but arrays.
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: int,
        *,
        width: int = 192,
        depth: int = 3,
        heads: int = 8,
        expansion: float = 4 / 3,
        dropout: str | None = None,
        attention_dropout: str | None = None,
        residual_dropout: str | None = None,
    ) -> None:
        if inputs.array or not inputs.numeric + inputs.categorical:
            raise InputError(
                "the network ft_transformer turns columns into tokens",
                found="arrays" if inputs.array else "no columns",
                accepted="data with numeric or categorical columns",
                advice="Choose another network for images, such as cnn or resnet.",
            )
        self.outputs = outputs
        self.front = Tokens(inputs, width)
        tokens = 1 + self.front.columns
        inner = int(width * expansion)
        self.blocks: list[_Block] = []
        for i in range(depth):
            last = i == depth - 1
            self.blocks.append(
                _Block(
                    norm=None if i == 0 else LayerNorm(f"block.{i}.attention.norm", width),
                    attention=Attention(
                        f"block.{i}.attention", width, heads, tokens, attention_dropout, last
                    ),
                    second=LayerNorm(f"block.{i}.gated.norm", width),
                    wide=Linear(f"block.{i}.gated.in", width, 2 * inner, True, "kaiming_uniform"),
                    narrow=Linear(f"block.{i}.gated.out", inner, width, True, "kaiming_uniform"),
                    drops=tuple(
                        Dropout(f"block.{i}.{name}", size * (1 if last else tokens), path)
                        if path
                        else Layer()
                        for name, size, path in (
                            ("gated.drop", inner, dropout),
                            ("drop/0", width, residual_dropout),
                            ("drop/1", width, residual_dropout),
                        )
                    ),
                )
            )
        self.features = width
        self.norm = LayerNorm("head.norm", width)
        self.head = Linear("head", width, outputs, True, "kaiming_uniform", role="head")

    def layers(self) -> Sequence[Layer]:
        """Tokens, blocks, head."""
        return [self.front, *(x for b in self.blocks for x in b.layers()), self.norm, self.head]

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """The row's own token: [M, B, W]."""
        x = self.front.tokens(run, inputs)
        for block in self.blocks:
            x = block(run, x)
        return torch.relu(self.norm(run, x[:, :, 0]))

    def answered(self, run: Pass, features: Tensor) -> Tensor:
        """[M, B, W] → [M, B, C]."""
        return self.head(run, features)


@dataclass(frozen=True)
class _Block:
    norm: LayerNorm | None
    attention: Attention
    second: LayerNorm
    wide: Linear
    narrow: Linear
    drops: tuple[Layer, ...]

    def layers(self) -> list[Layer]:
        every = (self.norm, self.attention, self.second, self.wide, self.narrow, *self.drops)
        return [each for each in every if each is not None]

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        inside, first, second = self.drops
        seen = self.attention(run, x if self.norm is None else self.norm(run, x))
        x = x[:, :, : seen.shape[2]] + _dropped(first, run, seen)
        flat = self.second(run, x).flatten(1, 2)
        linear, gate = self.wide(run, flat).chunk(2, -1)
        gated = (linear * torch.relu(gate)).view(*x.shape[:3], -1)
        back = self.narrow(run, _dropped(inside, run, gated).flatten(1, 2))
        return x + _dropped(second, run, back.view(x.shape))


def _dropped(layer: Layer, run: Pass, x: Tensor) -> Tensor:
    return layer(run, x.flatten(2)).view(x.shape)
