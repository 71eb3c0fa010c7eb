"""Tracing: a graph does what its function does, beside torch's own tracer; what is refused."""

from __future__ import annotations

import operator
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, fx
from torch.func import grad, vmap

from methodic.engine.native.decompositions import decompositions
from methodic.engine.native.tracing import traced
from methodic.engine.native.values import UncompilableError


def done(graph: fx.Graph, constants: dict[str, Tensor], *given: Tensor) -> Any:
    """What a graph comes to."""
    root = torch.nn.Module()
    for name, x in constants.items():
        root.register_buffer(name, x)
    return fx.GraphModule(root, graph)(*given)


def loss(w: Tensor, x: Tensor) -> Tensor:
    return torch.nn.functional.softplus(x @ w).square().mean()


def in_place(x: Tensor, y: Tensor) -> Tensor:
    z = x * 2
    z.addcmul_(y, y, value=0.5)
    z += 1
    return z.mul_(y)


def parts(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    first, second = (x + y).split(2, dim=1)
    return second, first.sum()


LEAKY = torch.tensor([0.5, 2.0, -1.0, 3.0])

CASES: dict[str, Callable[..., Any]] = {
    "gradient": grad(loss),
    "gradients of members": vmap(grad(loss)),
    "in place": in_place,
    "several results": parts,
    "a constant of its own": lambda x, y: x * LEAKY + y.new_ones(4),
    "an argument as a result": lambda x, y: (y, x),
    "a number from a constant": lambda x, y: x * float(LEAKY[1]) + y,
}


@pytest.mark.parametrize("name", CASES)
def test_a_graph_does_what_its_function_does(name: str) -> None:
    """On other numbers than those it was traced with; torch's own tracer finds the same."""
    from torch.fx.experimental.proxy_tensor import make_fx

    function, random = CASES[name], torch.Generator().manual_seed(1)
    shape = (3, 4, 4) if "members" in name else (4, 4)
    examples, others = (
        tuple(torch.randn(shape, generator=random) for _ in range(2)) for _ in range(2)
    )
    graph, constants = traced(function, examples, decompositions())
    expected = function(*(x.clone() for x in others))
    torch.testing.assert_close(done(graph, constants, *others), expected, rtol=1e-6, atol=1e-6)
    if "constant" in name:
        return  # what becomes of constants alone is no operation here
    theirs = make_fx(function, decomposition_table=decompositions())(*examples)
    assert operations(graph) == operations(theirs.graph)


def operations(graph: fx.Graph) -> list[str]:
    """Of a graph, but for parts of results, for names of the same, and for what nobody reads."""
    graph.eliminate_dead_code()
    return sorted(
        str(node.target)
        for node in graph.nodes
        if node.op == "call_function"
        and node.target is not operator.getitem
        and "alias" not in str(node.target)
    )


def test_trees_in_and_out() -> None:
    x, y = torch.ones(2), torch.full((2,), 3.0)
    graph, constants = traced(lambda a: {"s": a["x"] + a["y"], "n": {}}, ({"x": x, "y": y},), {})
    assert torch.equal(done(graph, constants, x, y)["s"], torch.full((2,), 4.0))


def test_a_path_that_depends_on_a_tensor_is_an_error() -> None:
    with pytest.raises(UncompilableError, match="machine code") as caught:
        traced(lambda x: x if x.sum() > 0 else -x, (torch.ones(3),), decompositions())
    assert "what a tensor holds" in str(caught.value.found)


STEPS = """
import sys
import methodic as mt
for recipe in ("adamw_cosine", "sgd"):
    mt.train_method(mt.load("iris"), recipe, steps=2, compile=True, out=f"{sys.argv[1]}/{recipe}")
assert not {"torch._dynamo", "torch._inductor"} & set(sys.modules)
"""


def test_torchs_compiler_is_not_imported(tmp_path: Any) -> None:
    """It takes longer than all the rest."""
    done = subprocess.run(
        [sys.executable, "-c", STEPS, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def started_at_a_constant(x: Tensor, y: Tensor) -> Tensor:
    total = torch.tensor(0.0)
    total += x.sum()
    steps = torch.ones(4)
    steps[:] = y[0]
    return total * steps


def test_what_begins_as_a_constant_is_none() -> None:
    """It is written over while the function is traced."""
    graph, constants = traced(started_at_a_constant, (torch.ones(4, 4),) * 2, decompositions())
    x, y = torch.full((4, 4), 2.0), torch.full((4, 4), 3.0)
    assert torch.equal(done(graph, constants, x, y), torch.full((4,), 96.0))


def test_random_numbers_are_no_constants() -> None:
    graph, _ = traced(lambda x: x + torch.rand_like(LEAKY), (torch.ones(4),), {})
    assert any("rand" in str(node.target) for node in graph.nodes)


def test_what_nobody_reads_is_left_out() -> None:
    def wasteful(x: Tensor) -> Tensor:
        torch.fft.fft(x).real.sum()
        return x + 1

    graph, _ = traced(wasteful, (torch.ones(4),), decompositions())
    assert [node.op for node in graph.nodes] == ["placeholder", "call_function", "output"]


def in_part(x: Tensor) -> Tensor:
    y = x * 2
    y[:, 0].mul_(3.0)
    return y


def in_part_of_a_constant(x: Tensor) -> Tensor:
    y = LEAKY.clone()
    y[0] = x.sum()
    return x * y[:3]


def in_part_of_several(x: Tensor) -> Tensor:
    y = x * 2
    first, _ = y.split([1, 2])
    first += 1
    return y


def by_value(x: Tensor) -> Tensor:
    return x if torch.equal(x, x) else -x


@pytest.mark.parametrize("function", [in_part, in_part_of_a_constant, in_part_of_several, by_value])
def test_what_cannot_be_followed_is_an_error(function: Callable[..., Any]) -> None:
    with pytest.raises(UncompilableError):
        traced(function, (torch.ones(3, 3),), decompositions())
