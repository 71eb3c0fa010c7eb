"""The same elements in other shapes."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.engine.native.computing import computed


def test_views() -> None:
    """Of memory, and of what isn't computed yet."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 7, 3, generator=generator)
    given = {name: x.clone() for name in "abcdef"} | {"flat": torch.zeros(105)}

    def mixed(t: dict[str, Tensor]) -> dict[str, Tensor]:
        a = t["a"]
        lazy = a * 2 + 1
        head, tail = lazy.split_with_sizes([2, 5], 2)
        return {
            "a": a.permute(0, 3, 1, 2).contiguous().view(1, 5, 7, 3) * 2,
            "b": lazy.transpose(1, 3).transpose(1, 3).unsqueeze(1).squeeze(1),
            "c": torch.cat([tail, head], 2) + lazy[:, 1:2],
            "d": a.select(3, -1).unsqueeze(-1).expand(1, 5, 7, 3) + lazy[..., :1],
            "e": lazy.reshape(1, 105).reshape(1, 7, 15).reshape(1, 5, 7, 3).exp(),
            "f": a[:, 2:3, 1:2].exp() + a,
            "flat": lazy.permute(0, 2, 1, 3).reshape(1, 105),
        }

    found = computed(mixed, **given)
    due = mixed({name: v.unsqueeze(0) for name, v in given.items()})
    for name, value in due.items():
        torch.testing.assert_close(found[name], value[0], rtol=1e-5, atol=1e-5)
