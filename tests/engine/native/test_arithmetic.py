"""Elementwise functions as machine code, against torch in float64."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.engine.native.computing import computed

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "expm1": torch.expm1,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "erf": torch.erf,
    "gelu": F.gelu,
    "softplus": F.softplus,
    "silu": F.silu,
    "elu": F.elu,
    "mish": F.mish,
    # At infinity torch finds no slope; it is 1.
    "slope of mish": lambda x: torch.ops.aten.mish_backward(
        torch.ones_like(x), x.clamp(-1e30, 1e30)
    ),
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
}
LARGEST = {"sin": 1e3, "cos": 1e3}  # beyond, digits of the angle itself are what is missing


def test_functions() -> None:
    """Close to the exact values everywhere, and right where there is none."""
    line = torch.cat([torch.linspace(-100, 100, 4001), torch.logspace(-30, 30, 2000)])
    x = torch.cat([line, -line, torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan])])
    found = computed(
        lambda t: {name: f(t[name]) for name, f in FUNCTIONS.items()},
        **{name: x.clone() for name in FUNCTIONS},
    )
    for name, function in FUNCTIONS.items():
        within = ~(x.isfinite() & (x.abs() > LARGEST.get(name, torch.inf)))
        due = function(x.double()).float()[within]
        ours = found[name][within]
        assert torch.equal(ours.isnan(), due.isnan()), name
        torch.testing.assert_close(
            ours, due, rtol=4e-6, atol=4e-7, equal_nan=True, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_whole_numbers_and_choices() -> None:
    """Bits, comparisons of numbers with others of another type, and limits that keep NaN."""
    generator = torch.Generator().manual_seed(1)
    given = {
        "bits": torch.randint(-(2**31), 2**31 - 1, (64,), generator=generator, dtype=torch.int32),
        "x": torch.cat([torch.randn(62, generator=generator), torch.tensor([torch.nan, 2.0])]),
        "y": torch.zeros(64),
    }

    def mixed(t: dict[str, Tensor]) -> dict[str, Tensor]:
        low = t["bits"].to(torch.float32)
        return {
            "bits": (t["bits"] >> 3).bitwise_xor(t["bits"] * 7) & 0xFFFF,
            "x": t["x"].clamp(-0.5, 1.0).maximum(t["y"]),
            "y": torch.where((low > t["x"]) & (t["bits"] != 3), t["x"], -1.0 - t["x"]),
        }

    found = computed(mixed, **given)
    due = mixed({name: v.unsqueeze(0) for name, v in given.items()})
    for name, value in due.items():
        torch.testing.assert_close(found[name], value[0], equal_nan=True)
