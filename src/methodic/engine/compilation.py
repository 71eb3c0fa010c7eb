"""Machine code for the two heavy functions of a step: the gradient, and the update behind it.

A function is traced once into a graph of tensor operations, which holds no Python and needs no
guards: all shapes of a cohort are fixed. Graphs that are alike are compiled once in a process, so
the gradient of a network is shared by all update rules and learning rates; what other processes or
earlier runs compiled is found in the user's cache folder.
"""

from __future__ import annotations

import contextlib
import functools
import getpass
import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch import Tensor, fx

from methodic.errors import InputError

Flat = Callable[..., tuple[Tensor, ...]]
_OPTIONS = {
    # Its patterns turn the products of a cohort of one into others, which round differently.
    "pattern_matcher": False,
    # A call of Python for each kernel would cost more than the kernels of a narrow cohort.
    "cpp_wrapper": True,
}


class Kernels:
    """The compiled functions of one cohort, made at their first call.

    Example:
        >>> kernels = Kernels()
        >>> kernels("double", lambda x: {"y": 2 * x}, torch.ones(3))    # doctest: +SKIP
        {'y': tensor([2., 2., 2.])}
    """

    def __init__(self) -> None:
        self._ready: dict[Hashable, tuple[Flat, pytree.TreeSpec]] = {}

    def __call__(self, name: Hashable, function: Callable[..., Any], *arguments: Any) -> Any:
        """``function(*arguments)``, compiled.

        Args:
            name: of the function in this cohort; its arguments have the same shapes each time.
            function: from trees (dicts, tuples) of tensors to a tree of tensors. Other tensors
                that it reads become constants.
            arguments: trees of tensors.
        """
        leaves, shape = pytree.tree_flatten(arguments)
        if name not in self._ready:
            graph, result = _traced(function, leaves, shape)
            self._ready[name] = _compiled(graph), result
        kernel, result = self._ready[name]
        return pytree.tree_unflatten(kernel(*leaves), result)


class Search(Kernels):
    """Compiles nothing, and finds out what would have to be compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: set[str] = set()  # keys of functions that aren't in the cache

    def __call__(self, name: Hashable, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ARG002
        """``function(*arguments)``, as it is."""
        graph, _ = _traced(function, *pytree.tree_flatten(arguments))
        if not graph.mark.exists():
            self.missing.add(graph.key)
        return function(*arguments)


def _traced(
    function: Callable[..., Any], leaves: list[Tensor], shape: pytree.TreeSpec
) -> tuple[_Graph, pytree.TreeSpec]:
    from torch.fx.experimental.proxy_tensor import make_fx

    results: list[pytree.TreeSpec] = []

    def flat(*tensors: Tensor) -> tuple[Tensor, ...]:
        found, result = pytree.tree_flatten(function(*pytree.tree_unflatten(tensors, shape)))
        results.append(result)
        return tuple(found)

    graph = make_fx(flat, decomposition_table=_decompositions())(*leaves)
    return _Graph(graph, leaves), results[-1]


def _decompositions() -> Mapping[Any, Callable[..., Any]]:
    """What the compiler would leave as calls of ready-made kernels, written so that it melts."""
    aten = torch.ops.aten
    return {
        aten.baddbmm.default: _baddbmm,
        aten.nll_loss2d_forward.default: _nll_loss,
        aten.nll_loss2d_backward.default: _nll_loss_backward,
        aten.sum.dim_IntList: _sum,
        aten.mean.dim: _mean,
    }


def _baddbmm(b: Tensor, x: Tensor, y: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    assert beta == alpha == 1
    return torch.bmm(x, y) + b


def _sum(
    x: Tensor, axes: list[int] | None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Tensor:
    """Σ over the second axis, [M, N] or [M, N, K], as a product with ones.

    The compiler chooses another order of additions for one member than for several; a product
    rounds alike for any number of them. Two rows of ones, since one would be no matrix product.
    """
    if x.ndim not in (2, 3) or axes != [1] or dtype is not None or not x.is_floating_point():
        return NotImplemented  # type: ignore[no-any-return]
    matrix = x if x.ndim == 3 else torch.stack([x, x], -1)
    total = torch.bmm(x.new_ones(x.shape[0], 2, x.shape[1]), matrix)[:, :1]
    total = total if x.ndim == 3 else total[..., 0]
    return total if keepdim else total.squeeze(1)


def _mean(
    x: Tensor, axes: list[int] | None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Tensor:
    total = _sum(x, axes, keepdim, dtype=dtype)
    return total if total is NotImplemented else total / x.shape[1]


def _nll_loss(
    log_p: Tensor, target: Tensor, weight: Tensor | None, reduction: int, *_: object
) -> tuple[Tensor, Tensor]:
    assert weight is None
    assert reduction == 0
    picked = torch.where(_hot(log_p, target), log_p, 0.0).sum(1)
    return -picked, log_p.new_zeros(())


def _nll_loss_backward(slope: Tensor, log_p: Tensor, target: Tensor, *_: object) -> Tensor:
    return torch.where(_hot(log_p, target), -slope.unsqueeze(1), 0.0)


def _hot(log_p: Tensor, target: Tensor) -> Tensor:
    classes = torch.arange(log_p.shape[1], device=log_p.device)
    return target.unsqueeze(1) == classes.view(-1, *[1] * (target.ndim - 1))


class _Graph:
    """A traced graph that equals any other with the same operations, constants and inputs."""

    def __init__(self, module: fx.GraphModule, inputs: list[Tensor]) -> None:
        self.module = module
        self.inputs = inputs
        digest = hashlib.sha256(module.code.encode())
        for tensor in inputs:
            digest.update(f"{tensor.shape} {tensor.stride()} {tensor.dtype}".encode())
            digest.update(f"{tensor.device} {tensor.requires_grad}".encode())
        for name, constant in sorted(module.named_buffers()):
            digest.update(f"{name} {constant.dtype} {constant.shape}".encode())
            digest.update(constant.detach().cpu().contiguous().numpy().tobytes())
        stack = (torch.__version__, torch.backends.cpu.get_cpu_capability(), _OPTIONS)
        digest.update(f"{stack} {torch.get_num_threads()}".encode())
        self.key = digest.hexdigest()

    @property
    def mark(self) -> Path:
        """A file that says that this graph was compiled by this user before."""
        return _marks() / self.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Graph) and self.key == other.key


@functools.lru_cache(maxsize=64)
def _compiled(graph: _Graph) -> Flat:
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder()))
    for node in graph.module.graph.nodes:
        node.meta.clear()  # of the tracing; the compiler makes its own
    # The number of threads is part of the cache's key: code for two is never run by one.
    options = {**_OPTIONS, "cpp.threads": torch.get_num_threads()}
    if any(tensor.device.type != "cpu" for tensor in graph.inputs):
        options["cpp_wrapper"] = False
    with warnings.catch_warnings():
        # The compiler uses parts of torch that torch itself gave up; users can't do anything.
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch._inductor import compile as machine_code

        try:
            kernel = machine_code(graph.module, list(graph.inputs), options=options)
        except (RuntimeError, OSError) as error:  # as where Python's header files are missing
            raise InputError(
                "the steps can't be turned into machine code on this machine",
                found=str(error).partition("\n")[0] or type(error).__name__,
                advice="Leave compilation out: --no-compile.",
            ) from None
    graph.inputs = []  # what was traced needn't stay in memory
    with contextlib.suppress(OSError):  # without the mark, the next run expects a cold cache
        graph.mark.parent.mkdir(parents=True, exist_ok=True)
        graph.mark.touch()
    return kernel  # type: ignore[no-any-return]


def cache_folder() -> Path:
    """Where compiled code is kept between runs: the user's cache, or a temporary folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "methodic" / "compiled"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if os.access(folder, os.W_OK):
        return folder
    return Path(tempfile.gettempdir()) / f"methodic-{getpass.getuser()}"


def _marks() -> Path:
    return cache_folder() / "known"


def anything_known() -> bool:
    """Whether this user ever compiled anything."""
    folder = _marks()
    return folder.is_dir() and any(folder.iterdir())


def missing_compiler() -> str | None:
    """Why nothing can be compiled on this machine; None where a compiler is found."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return "no C++ compiler on this machine"
    return None
