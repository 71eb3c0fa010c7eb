"""Compiled functions: the same numbers as without, and the same bits in any company."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import compilation, loop
from methodic.engine.compilation import Kernels, Search, cache_folder, missing_compiler
from methodic.errors import InputError
from methodic.models.mlp import Inputs
from methodic.recipes.types import Recipe

needs_compiler = pytest.mark.skipif(
    missing_compiler() is not None, reason="no C++ compiler on this machine"
)
ROWS, FEATURES, CLASSES = 90, 5, 3


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def rows(task: str = "classes") -> Rows:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, FEATURES, generator=generator)
    if task == "classes":
        return Rows({"numeric": x}, torch.randint(0, CLASSES, (ROWS,), generator=generator))
    return Rows({"numeric": x}, torch.randn(ROWS, 1, generator=generator))


def recipe(member: int, model: dict[str, Any] | None = None, **stage: Any) -> Recipe:
    rate = 0.01 * (1 + member / 10)
    one = {
        "batch": 16,
        "objectives": [{"kind": "cross_entropy"}],
        "optimizer": {"kind": "adam", "lr": rate},
        **stage,
    }
    if "lr" not in one["optimizer"]:
        one["optimizer"] = {**one["optimizer"], "lr": rate}
    network = {"kind": "mlp", "width": 8, "depth": 2, "dropout": 0.2, **(model or {})}
    return Recipe.model_validate({"name": "r", "model": network, "stages": [one]})


def trained(
    members: list[int], compiled: bool, steps: int = 20, task: str = "classes", **how: Any
) -> Tensor:
    cohort = build.cohort(
        [recipe(m, **how) for m in members],
        members,
        steps=[steps],
        inputs=Inputs(numeric=FEATURES),
        outputs=CLASSES if task == "classes" else 1,
        rows=ROWS,
        compiled=compiled,
    )
    state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
    return loop.advance(cohort, cohort.stages[0], state, rows(task), steps, lambda _: None).flat


MSE = {"objectives": [{"kind": "mean_squared_error"}]}
CASES: dict[str, dict[str, Any]] = {
    "adam, dropout, clipped": {"clip": {"norm": 0.5}},
    "sgd, batch norm, ema": {
        "model": {"normalization": "batch", "dropout": 0.0},
        "optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": True},
        "regularizers": [{"kind": "ema", "decay": 0.9}],
    },
    "adamw, layer norm, gelu, l2, regression": {
        "model": {"normalization": "layer", "activation": "gelu", "width": 7},
        "optimizer": {"kind": "adamw", "weight_decay": 0.1},
        "regularizers": [{"kind": "l2", "weight": 0.01}],
        "task": "regression",
        **MSE,
    },
    "rmsprop, tanh, smoothing, proximal": {
        "model": {"activation": "tanh", "depth": 1},
        "optimizer": {"kind": "rmsprop", "momentum": 0.5, "centered": True},
        "objectives": [{"kind": "cross_entropy", "label_smoothing": 0.1}],
        "regularizers": [{"kind": "proximal_l1", "weight": 0.01}],
    },
}
_ONE, *_MORE = CASES


@needs_compiler
@pytest.mark.parametrize("case", [_ONE, *(pytest.param(c, marks=pytest.mark.heavy) for c in _MORE)])
def test_a_member_trains_alike_alone_and_in_company(case: str) -> None:
    """Bit-equal in every company; the same as without compilation up to rounding."""
    how = CASES[case]
    together = trained([0, 1, 2, 3], True, **how)
    torch.testing.assert_close(together, trained([0, 1, 2, 3], False, **how), rtol=1e-3, atol=1e-4)
    assert torch.equal(trained([2], True, **how)[0], together[2])
    assert torch.equal(trained([3, 2], True, **how), together[[3, 2]])


@needs_compiler
def test_functions_that_are_alike_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other rates and seeds, the same machine code; and a search finds it in the cache."""
    compilation._compiled.cache_clear()
    trained([0, 1], True, steps=2)
    first = compilation._compiled.cache_info().misses
    assert first == 2, "the gradient and the update"
    trained([5, 6], True, steps=2)
    assert compilation._compiled.cache_info().misses == first
    trained([0, 1], True, steps=2, optimizer={"kind": "sgd"})
    assert compilation._compiled.cache_info().misses == first + 1, "only the update differs"
    search = Search()
    assert torch.equal(search("f", lambda x: 3 * x, torch.ones(2)), 3 * torch.ones(2))
    assert len(search.missing) == 1
    kernels = Kernels()
    assert torch.equal(kernels("f", lambda x: 3 * x, torch.ones(2)), 3 * torch.ones(2))
    search = Search()
    search("f", lambda x: 3 * x, torch.ones(2))
    assert not search.missing


def test_constants_and_shapes_make_another_function(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []

    def note(graph: compilation._Graph) -> Any:
        keys.append(graph.key)
        return lambda *tensors: graph.module(*tensors)

    monkeypatch.setattr(compilation, "_compiled", note)
    for constant in (1.0, 2.0, 1.0):
        weights = torch.full((3,), constant)
        out = Kernels()("f", lambda x, w=weights: x * w, torch.ones(3))
        assert torch.equal(out, weights)
    Kernels()("f", lambda x: x * torch.ones(3), torch.ones(2, 3))
    assert keys[0] == keys[2] != keys[1]
    assert len(set(keys)) == 3


def test_trees_go_in_and_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        compilation, "_compiled", lambda graph: lambda *tensors: graph.module(*tensors)
    )
    kernels = Kernels()
    for x in (1.0, 4.0):
        arguments = ({"a": torch.tensor([x])}, (torch.tensor([2.0]),))
        out = kernels("f", lambda d, t: {"sum": d["a"] + t[0], "both": (d["a"], t[0])}, *arguments)
        assert out == {
            "sum": torch.tensor([x + 2]),
            "both": (torch.tensor([x]), torch.tensor([2.0])),
        }


@pytest.mark.parametrize("target", [torch.tensor([[0, 2, 1, 1]]), torch.tensor([[2, 2, 2, 0]])])
def test_the_picked_class_is_that_of_the_loss(target: Tensor) -> None:
    log_p = torch.log_softmax(torch.randn(1, 3, 4), 1).requires_grad_()
    expected = torch.nn.functional.nll_loss(log_p, target, reduction="none")
    (slope,) = torch.autograd.grad(expected.sum(), log_p)
    found, _ = compilation._nll_loss(log_p, target, None, 0, -100)
    assert torch.equal(found, expected)
    back = compilation._nll_loss_backward(
        torch.ones(1, 4), log_p, target, None, 0, -100, torch.zeros(())
    )
    assert torch.equal(back, slope)


def test_what_cannot_be_compiled_is_the_machine_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("fatal error: Python.h: No such file\nand more")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import torch._inductor
    monkeypatch.setattr(torch._inductor, "compile", refuse)
    compilation._compiled.cache_clear()
    with pytest.raises(InputError, match="machine code") as caught:
        Kernels()("f", lambda x: 5 * x, torch.ones(2))
    assert caught.value.found == "fatal error: Python.h: No such file"
    assert "--no-compile" in (caught.value.advice or "")


def test_the_cache_lies_with_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "methodic" / "compiled"
    assert cache_folder().is_dir()
    assert not compilation.anything_known()
    (cache_folder() / "known").mkdir()
    assert not compilation.anything_known()
    (cache_folder() / "known" / "key").touch()
    assert compilation.anything_known()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert tmp_path not in cache_folder().parents
