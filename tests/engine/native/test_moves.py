"""What joins, picks, sums up and multiplies."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.engine.native.computing import computed


def test_moves() -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 7, 3, generator=generator)
    given = {name: x.clone() for name in "abcdefg"} | {
        "pick": torch.tensor([4, 0, 2, 2, 1]),
        "flat": torch.randn(105, generator=generator),
        "table": torch.randn(6, 3, generator=generator),
    }

    def mixed(t: dict[str, Tensor]) -> dict[str, Tensor]:
        a = t["a"]
        part = a[:, :, 1:-1]
        return {
            "a": torch.cat([a[:, 3:], a[:, :3]], 1),
            "b": a - a.sum((1, 2), keepdim=True),
            "c": a.amax(3, keepdim=True) + a.mean(1, keepdim=True) + a.sum(),
            "d": F.pad(part, (0, 0, 1, 1)) + F.pad(a, (0, 0, -1, -1, 0, 0)).sum(),
            "e": a.index_select(1, t["pick"].view(-1)),
            "f": torch.stack([a[..., 0], a[..., 1], a[..., 2]], -1) * (a * a).sum().sqrt(),
            "g": F.embedding(t["pick"].view(-1), t["table"][0]).unsqueeze(0).unsqueeze(2) + a,
            "flat": torch.linalg.vector_norm(t["flat"], dim=-1, keepdim=True) + t["flat"],
        }

    found = computed(mixed, **given)
    due = mixed({name: v.unsqueeze(0) for name, v in given.items()})
    for name, value in due.items():
        torch.testing.assert_close(found[name], value[0], rtol=1e-5, atol=1e-5)


def test_what_is_joined_from_what_was_joined() -> None:
    """The parts of a part lie where the whole does, too."""
    generator = torch.Generator().manual_seed(1)
    given = {name: torch.randn(6, 4, generator=generator) for name in "ab"}

    def joined(t: dict[str, Tensor]) -> dict[str, Tensor]:
        a, b = t["a"], t["b"]
        for _ in range(3):
            first = (a[:, :2] * b[:, :2].sum(-1, keepdim=True)).reshape(1, -1)
            inner = torch.cat([first, (a[:, 2:] * 0.5).reshape(1, -1)], 1).view(1, 6, 4)
            outer = torch.cat([inner.reshape(1, -1), (b * b).reshape(1, -1)], 1)
            a, b = outer[:, :24].view(1, 6, 4), outer[:, 24:].view(1, 6, 4)
        return {"a": a, "b": b}

    found = computed(joined, **given)
    due = joined({name: v.unsqueeze(0) for name, v in given.items()})
    for name, value in due.items():
        torch.testing.assert_close(found[name], value[0], rtol=1e-5, atol=1e-5)


def test_sums_of_truth_values_are_counts() -> None:
    def function(states: dict[str, Tensor]) -> dict[str, Tensor]:
        above = states["x"] > 0
        return {"x": states["x"] * above.sum(2, keepdim=True) + above.sum(1, keepdim=True)}

    x = torch.randn(4, 7)
    torch.testing.assert_close(computed(function, x=x)["x"], function({"x": x[None]})["x"][0])
