"""The product of matrices, against torch in float64."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from methodic.engine.native.prelude import PRELUDE
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


def test_products_of_several_matrices() -> None:
    """One after the other; plain, turned, the same one for all, and out of a larger tensor."""
    generator = torch.Generator().manual_seed(0)
    given = {
        "a": torch.randn(5, 7, 3, generator=generator),
        "b": torch.randn(5, 3, 17, generator=generator),
        "c": torch.randn(5, 17, 3, generator=generator),
        "d": torch.randn(7, 5, 3, generator=generator),
        "plain": torch.zeros(5, 7, 17),
        "shared": torch.zeros(5, 7, 17),
        "turned": torch.zeros(5, 7, 17),
        "within": torch.zeros(5, 7, 17),
    }

    def products(t: dict[str, Tensor]) -> dict[str, Tensor]:
        a, b, c, d = (t[name].squeeze(0) for name in "abcd")
        made = {
            "plain": torch.bmm(a, b),
            "shared": torch.bmm(a, b[:1].expand(5, -1, -1)),
            "turned": torch.bmm(a, c.mT),
            "within": torch.bmm(d.transpose(0, 1), b),
        }
        return {name: value.unsqueeze(0) for name, value in made.items()}

    found = computed(products, **given)
    due = products({name: x.unsqueeze(0) for name, x in given.items()})
    for name, value in due.items():
        torch.testing.assert_close(found[name], value[0], rtol=1e-5, atol=1e-5)


def test_functions_leave_no_call_in_a_loop() -> None:
    """One that the compiler doesn't inline keeps its loop from vectors: six times the time."""
    functions = re.findall(r"^(.*?)(?:float|int\d+_t|vec) \w+\(.*\) \{", PRELUDE, re.MULTILINE)
    assert len(functions) > 15
    assert set(functions) == {"INLINE "}
    assert "always_inline" in PRELUDE
