"""Networks of one member, literally: row by row or layer by layer, from torch's own parts.

Each takes a network's parameters and buffers without the member axis, by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

Named = Mapping[str, Tensor]


def member(named: Mapping[str, Tensor], m: int) -> dict[str, Tensor]:
    """Parameters or buffers of one member."""
    return {name: value[m] for name, value in named.items()}


def dense(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    """A layer of torch's with these weights, [inputs, outputs]."""
    layer = nn.Linear(*weight.shape, bias=bias is not None, dtype=weight.dtype)
    layer.weight.data = weight.detach().T.clone()
    if bias is not None:
        layer.bias.data = bias.detach().clone()
    return layer


def piecewise_linear(x: float, edges: Sequence[float], bins: int) -> list[float]:
    """Equation 1 of arXiv 2203.05556, entry by entry, for one number; entries without a bin: 0."""
    there = len(edges) - 1
    found = []
    for t in range(bins):
        if t >= there:
            found.append(0.0)
            continue
        share = (x - edges[t]) / (edges[t + 1] - edges[t])
        if t > 0 and x < edges[t]:
            share = 0.0
        if t < there - 1 and x >= edges[t + 1]:
            share = 1.0
        found.append(share)
    return found


def edges(column: np.ndarray[tuple[int], np.dtype[np.float64]], bins: int) -> list[float]:
    """Quantiles of a column, equal ones once."""
    found = np.quantile(column, np.linspace(0, 1, bins + 1))
    return [float(e) for e in np.unique(found.astype(np.float32))]


def pbld(w: Named, x: Tensor) -> Tensor:
    """[B, D] → [B, D·E], column by column."""
    parts = []
    for d in range(x.shape[1]):
        angle = 2 * math.pi * x[:, d, None] * w["numeric.frequency"][d] + w["numeric.phase"][d]
        parts += [torch.cos(angle) @ w["numeric.weight"][d] + w["numeric.bias"][d], x[:, d, None]]
    return torch.cat(parts, 1)


def periodic(w: Named, x: Tensor) -> Tensor:
    """[B, D] → [B, D·E], column by column."""
    parts = []
    for d in range(x.shape[1]):
        angle = 2 * math.pi * x[:, d, None] * w["numeric.frequency"][d]
        waves = torch.cat([torch.cos(angle), torch.sin(angle)], 1)
        parts.append(torch.relu(waves @ w["numeric.weight"][d] + w["numeric.bias"][d]))
    return torch.cat(parts, 1)


def realmlp(w: Named, x: Tensor, depth: int, activation: nn.Module) -> Tensor:
    """Behind the front: [B, features] → [B, C]."""
    x = x * w["scale"]
    for i in range(depth):
        weight = w[f"hidden.{i}.weight"]
        x = x @ weight / math.sqrt(len(weight)) + w[f"hidden.{i}.bias"]
        mix = w[f"hidden.{i}.mix"]
        x = (1 - mix) * x + mix * activation(x)
    return x @ w["head.weight"] / math.sqrt(len(w["head.weight"])) + w["head.bias"]


def tabm(w: Named, x: Tensor, depth: int) -> Tensor:
    """Behind the front: [B, features] → [B, K, C], submodel by submodel."""
    outputs = []
    for k in range(len(w["head.weight"])):
        h = x
        for i in range(depth):
            h = (h * w[f"hidden.{i}.inward"][k]) @ w[f"hidden.{i}.weight"]
            h = torch.relu(h * w[f"hidden.{i}.outward"][k] + w[f"hidden.{i}.bias"][k])
        outputs.append(h @ w["head.weight"][k] + w["head.bias"][k])
    return torch.stack(outputs, 1)


def layer_norm(w: Named, name: str) -> nn.LayerNorm:
    norm = nn.LayerNorm(len(w[f"{name}.scale"]), dtype=w[f"{name}.scale"].dtype)
    norm.weight.data, norm.bias.data = w[f"{name}.scale"].clone(), w[f"{name}.shift"].clone()
    return norm


def ft_transformer(w: Named, numeric: Tensor, codes: Tensor, depth: int, heads: int) -> Tensor:
    """[B, D] and [B, columns] → [B, C], by torch's own attention over all tokens in each block."""
    tokens = [w["token.row"][0].expand(len(numeric), -1)]
    for d in range(numeric.shape[1]):
        tokens.append(numeric[:, d, None] * w["token.weight"][d] + w["token.bias"][d])
    for c in range(codes.shape[1]):
        tokens.append(w["embedding.table"][codes[:, c]] + w["token.bias"][numeric.shape[1] + c])
    x = torch.stack(tokens, 1)
    width = x.shape[-1]
    for i in range(depth):
        at = f"block.{i}.attention"
        attention = nn.MultiheadAttention(width, heads, batch_first=True, dtype=x.dtype)
        parts = [w[f"{at}.{name}.weight"].T for name in ("query", "key", "value")]
        attention.in_proj_weight.data = torch.cat(parts)
        attention.in_proj_bias.data = torch.cat(
            [w[f"{at}.{name}.bias"] for name in ("query", "key", "value")]
        )
        attention.out_proj.weight.data = w[f"{at}.out.weight"].T.clone()
        attention.out_proj.bias.data = w[f"{at}.out.bias"].clone()
        y = x if i == 0 else layer_norm(w, f"{at}.norm")(x)
        x = x + attention(y, y, y, need_weights=True)[0]
        y = layer_norm(w, f"block.{i}.gated.norm")(x)
        wide = y @ w[f"block.{i}.gated.in.weight"] + w[f"block.{i}.gated.in.bias"]
        half = wide.shape[-1] // 2
        gated = wide[..., :half] * torch.relu(wide[..., half:])
        x = x + gated @ w[f"block.{i}.gated.out.weight"] + w[f"block.{i}.gated.out.bias"]
    last = torch.relu(layer_norm(w, "head.norm")(x[:, 0]))
    return last @ w["head.weight"] + w["head.bias"]


def convolution(w: Named, name: str, kernel: int, stride: int = 1) -> nn.Conv2d:
    weight, bias = w[f"{name}.weight"], w.get(f"{name}.bias")
    out, inside = weight.shape[:2]
    layer = nn.Conv2d(
        inside, out, kernel, stride, kernel // 2, bias=bias is not None, dtype=weight.dtype
    )
    layer.weight.data = weight.detach().clone()
    if bias is not None and layer.bias is not None:
        layer.bias.data = bias.detach().clone()
    return layer


def image_norm(
    w: Named, buffers: Named, name: str, groups: int = 0, *, flat: bool = False
) -> nn.Module:
    """Batch norm (of rows without places: ``flat``), or group norm where ``groups`` is above 0."""
    features = len(w[f"{name}.scale"])
    norm: nn.GroupNorm | nn.BatchNorm1d | nn.BatchNorm2d
    if groups:
        norm = nn.GroupNorm(groups, features)
    else:
        norm = (nn.BatchNorm1d if flat else nn.BatchNorm2d)(features)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.data = buffers[f"{name}.mean"].clone()
        norm.running_var.data = buffers[f"{name}.variance"].clone()
    norm.weight.data, norm.bias.data = w[f"{name}.scale"].clone(), w[f"{name}.shift"].clone()
    return norm


class ResNetTwin(nn.Module):
    """`ResNet` from torch's layers; its norms keep their statistics."""

    def __init__(
        self, w: Named, buffers: Named, channels: Sequence[int], blocks: int, groups: int = 0
    ) -> None:
        super().__init__()

        def normed(name: str, kernel: int = 3, stride: int = 1) -> nn.Sequential:
            conv = convolution(w, name, kernel, stride)
            self.norms[f"{name}.norm".replace(".", "/")] = image_norm(
                w, buffers, f"{name}.norm", groups
            )
            return nn.Sequential(conv, self.norms[f"{name}.norm".replace(".", "/")])

        self.norms = nn.ModuleDict()
        self.stem = normed("stem")
        self.blocks = nn.ModuleList()
        before = channels[0]
        for g, after in enumerate(channels):
            for b in range(blocks):
                stride = 2 if g > 0 and b == 0 else 1
                first = normed(f"group.{g}.{b}.0", stride=stride)
                second = normed(f"group.{g}.{b}.1")
                past: nn.Module = nn.Identity()
                if stride != 1 or before != after:
                    past = normed(f"group.{g}.{b}.past", 1, stride)
                self.blocks.append(nn.ModuleList([first, second, past]))
                before = after
        self.head = dense(w["head.weight"], w["head.bias"])

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for block in self.blocks:
            first, second, past = block  # type: ignore[misc]
            x = torch.relu(second(torch.relu(first(x))) + past(x))
        return self.head(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))
