"""Single operations as machine code, against torch in float64."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.engine.native import library, steps
from methodic.errors import InputError

pytestmark = pytest.mark.skipif(
    library.missing_compiler() is not None, reason="no C++ compiler on this machine"
)


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def computed(function: Callable[[dict[str, Tensor]], dict[str, Tensor]], **given: Tensor) -> Any:
    """``function`` by machine code: some of the tensors that it was given, with new values."""

    def one(states: Any, *_: Any) -> Any:
        new = {**states, **function(states)}
        return new, torch.ones(1, dtype=torch.bool), (new[min(new)].sum(),)

    examples = {name: x.unsqueeze(0) for name, x in given.items()}
    text, constants, scratch, _ = steps._program(one, (examples, {}, {}, {}))
    now = [examples[name].clone() for name in examples]
    seen = [torch.zeros(1, dtype=torch.bool), torch.zeros(1, 1)]
    every = [*now, *map(torch.empty_like, now), *constants]
    every += [torch.ones(1, dtype=torch.bool), *seen]
    pointers = (ctypes.c_void_p * len(every))(*(x.data_ptr() for x in every))
    room = torch.empty(scratch + 64, dtype=torch.uint8)
    place = room.data_ptr() + -room.data_ptr() % 64
    sizes = (ctypes.c_int64(n) for n in (0, 1, 1, 1))
    library.loaded(text)(pointers, *sizes, ctypes.c_void_p(place))
    return {name: x[0] for name, x in zip(examples, now, strict=True)}


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
    "sqrt": torch.sqrt,
}


def test_functions() -> None:
    """Close to the exact values everywhere, and right where there is none."""
    line = torch.cat([torch.linspace(-100, 100, 4001), torch.logspace(-30, 30, 2000)])
    x = torch.cat([line, -line, torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan])])
    found = computed(
        lambda t: {name: f(t[name]) for name, f in FUNCTIONS.items()},
        **{name: x.clone() for name in FUNCTIONS},
    )
    for name, function in FUNCTIONS.items():
        due = function(x.double()).float()
        ours = found[name]
        assert torch.equal(ours.isnan(), due.isnan()), name
        torch.testing.assert_close(
            ours, due, rtol=4e-6, atol=4e-7, equal_nan=True, msg=lambda m, n=name: f"{n}: {m}"
        )


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


def test_shapes_and_sums() -> None:
    """Views, joins, pads, picks and sums over any axis."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 7, 3, generator=generator)
    given = {name: x.clone() for name in "abcdefgh"} | {
        "pick": torch.tensor([4, 0, 2, 2, 1]),
        "flat": torch.randn(105, generator=generator),
        "bits": torch.randint(-(2**31), 2**31 - 1, (64,), generator=generator, dtype=torch.int32),
    }

    def mixed(t: dict[str, Tensor]) -> dict[str, Tensor]:
        a = t["a"]
        return {
            "a": a.permute(0, 3, 1, 2).contiguous().view(1, 5, 7, 3) * 2,
            "b": a - a.sum((1, 2), keepdim=True),
            "c": torch.cat([a[:, 3:], a[:, :3]], 1),
            "d": a.amax(3, keepdim=True) + a.mean(1, keepdim=True),
            "e": F.pad(a[:, :, 1:-1], (0, 0, 1, 1)),
            "f": a.index_select(1, t["pick"].view(-1)),
            "g": torch.where(a > 0, a, -a).clamp(0.1, 1.0),
            "h": torch.stack([a[..., 0], a[..., 1], a[..., 2]], -1),
            "flat": (a * a).reshape(1, 105).sqrt() + t["flat"],
            "bits": (t["bits"] >> 3).bitwise_xor(t["bits"] * 7) & 0xFFFF,
        }

    found = computed(mixed, **given)
    due = mixed({name: v.unsqueeze(0) for name, v in given.items()})
    for name, value in due.items():
        torch.testing.assert_close(found[name], value[0], rtol=1e-5, atol=1e-5)


def test_what_is_unknown_is_said() -> None:
    with pytest.raises(InputError, match="can't be turned into machine code") as caught:
        computed(lambda t: {"x": torch.cumsum(t["x"], 1)}, x=torch.ones(4))
    assert "cumsum" in (caught.value.found or "")
    with pytest.raises(InputError) as caught:
        computed(lambda t: {"x": t["x"] * 2}, x=torch.ones(4, dtype=torch.float64))
    assert "float64" in (caught.value.found or "")
