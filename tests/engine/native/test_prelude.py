"""The product of matrices, against torch in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.engine.native.computing import computed

SIZES = [(1, 2, 2), (2, 1, 3), (6, 16, 5), (7, 17, 4), (20, 64, 33), (13, 65, 2), (128, 10, 64)]


@pytest.mark.parametrize("way", ["plain", "a turned", "b turned"])
def test_products(way: str) -> None:
    """All sizes and layouts, against float64; every row and column has its tail."""
    generator = torch.Generator().manual_seed(0)
    given = {}
    for n, (i, j, k) in enumerate(SIZES):
        a = (k, i) if way == "a turned" else (i, k)
        b = (j, k) if way == "b turned" else (k, j)
        given[f"a{n}"] = torch.randn(*a, generator=generator)
        given[f"b{n}"] = torch.randn(*b, generator=generator)
        given[f"c{n}"] = torch.zeros(i, j)

    def products(t: dict[str, Tensor]) -> dict[str, Tensor]:
        out = {}
        for n in range(len(SIZES)):
            a = t[f"a{n}"].mT if way == "a turned" else t[f"a{n}"]
            b = t[f"b{n}"].mT if way == "b turned" else t[f"b{n}"]
            out[f"c{n}"] = torch.bmm(a, b)
        return out

    found = computed(products, **given)
    due = products({name: x.double().unsqueeze(0) for name, x in given.items()})
    for n in range(len(SIZES)):
        torch.testing.assert_close(found[f"c{n}"], due[f"c{n}"][0].float(), rtol=1e-5, atol=1e-5)
