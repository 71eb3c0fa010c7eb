"""The C++ file of a step: traced, lowered, and put into a loop over steps and members."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch import Tensor, fx

from methodic.engine.native.decompositions import decompositions
from methodic.engine.native.lowering import Lowering
from methodic.engine.native.prelude import PRELUDE
from methodic.engine.native.program import Program
from methodic.engine.native.tracing import traced
from methodic.engine.native.values import C_TYPES, Storage, View, strides_of, unsupported

# What a step reads, by where it differs: for each member and step, for each member, for none.
_STATE, _STEP, _MEMBER, _SHARED = "state", "step", "member", "shared"


@dataclass(frozen=True)
class _Input:
    kind: str
    shape: tuple[int, ...]  # of one member's tensor
    dtype: torch.dtype


def source(
    one: Any, arguments: Any, moments: Sequence[int] = ()
) -> tuple[str, list[Tensor], int, pytree.TreeSpec]:
    """C++ for ``one``, the constants that it reads, bytes of scratch, and the tree that it saw."""
    graph, constants, outputs = _traced(one, arguments)
    program = Program()
    kinds = (_STATE, _STEP, _MEMBER, _SHARED)
    inputs = [
        _Input(kind, tuple(leaf.shape), leaf.dtype)
        for kind, tree in zip(kinds, arguments, strict=True)
        for leaf in pytree.tree_leaves(tree)
    ]
    inputs += [_Input(_SHARED, tuple(x.shape), x.dtype) for x in constants.values()]
    views = [_stored(f"in{n}", each) for n, each in enumerate(inputs)]
    by_name = dict(zip(constants, views[len(inputs) - len(constants) :], strict=True))
    states = sum(each.kind == _STATE for each in inputs)
    targets = [_stored(f"out{n}", inputs[n]) for n in range(states)]
    given = views[: len(inputs) - len(constants)]
    values = Lowering(program, given, by_name, targets).run(graph)
    for n, value in enumerate(values):
        kind = torch.bool if n == 0 else torch.float32
        program.copy(
            value,
            View(Storage(f"seen{n}", kind, 1, False), 0, value.shape, (0,) * len(value.shape)),
        )
    # Moments are written over, which spares the processor's cache. Weights aren't: a member that
    # turns out not to be finite keeps its old ones, and its moments are of no use to anyone.
    over = {n for n in moments if program.in_place(views[n].storage, targets[n].storage)}
    body, scratch = program.text()
    text = _text(inputs, states, over, len(values), body)
    return text, list(constants.values()), scratch, outputs


def _traced(one: Any, arguments: Any) -> tuple[fx.Graph, dict[str, Tensor], pytree.TreeSpec]:
    seen: list[pytree.TreeSpec] = []

    def noted(*trees: Any) -> Any:
        new, finite, rest = one(*trees)
        seen.append(pytree.tree_structure(rest))
        return new, finite, rest

    try:
        graph, constants = traced(noted, arguments, decompositions())
    except RuntimeError as error:  # of torch.func, about what a function may not do
        raise unsupported(str(error).splitlines()[0]) from None
    return graph, {name: x.contiguous() for name, x in constants.items()}, seen[-1]


def _stored(name: str, each: _Input) -> View:
    if each.dtype not in C_TYPES:
        raise unsupported(f"numbers of type {each.dtype}")
    storage = Storage(name, each.dtype, math.prod(each.shape), scratch=False)
    return View(storage, 0, each.shape, strides_of(each.shape))


def _text(
    inputs: Sequence[_Input], states: int, over: AbstractSet[int], seen: int, body: str
) -> str:
    """The whole file: the step of one member as a function, and the loop over steps and members."""
    reads = [f"const {C_TYPES[x.dtype]}* __restrict in{n}" for n, x in enumerate(inputs)]
    writes = [f"{C_TYPES[inputs[n].dtype]}* __restrict out{n}" for n in range(states)]
    sees = [f"{'bool' if n == 0 else 'float'}* __restrict seen{n}" for n in range(seen)]
    given, ahead = [], []
    for n, x in enumerate(inputs):
        ctype, size = C_TYPES[x.dtype], math.prod(x.shape)
        at = n if n < states else n + states
        pointer = f"({ctype}*)a[{at}]"
        match x.kind:
            case "state":
                ahead.append(f"{ctype}* p{n} = {pointer} + m*{size};")
                ahead.append(f"{ctype}* q{n} = ({ctype}*)a[{states + n}] + m*{size};")
                given.append(f"p{n}")
            case "step":
                given.append(f"{pointer} + (t*members + m)*{size}")
            case "member":
                given.append(f"{pointer} + m*{size}")
            case _:
                given.append(pointer)
    given += [f"p{n}" if n in over else f"q{n}" for n in range(states)]
    apart = [n for n in range(states) if n not in over]
    base = len(inputs) + states
    given += ["&finite"]
    given += [f"(float*)a[{base + 1 + n}] + t*members + m" for n in range(1, seen)]
    swap = "".join(f"{{ auto x = p{n}; p{n} = q{n}; q{n} = x; }} " for n in apart)
    back = "".join(
        f"if (p{n} != ({C_TYPES[inputs[n].dtype]}*)a[{n}] + m*{math.prod(inputs[n].shape)}) "
        f"memcpy(q{n}, p{n}, {math.prod(inputs[n].shape)}*sizeof(*p{n}));\n"
        for n in apart
    )
    blank = "".join(f"((float*)a[{base + 1 + n}])[t*members + m] = NAN; " for n in range(1, seen))
    return f"""{PRELUDE}
static void step({", ".join([*reads, *writes, *sees, "char* scratch"])}) {{
{body}
}}

extern "C" void run(void** a, int64_t first, int64_t last, int64_t members, int64_t steps,
                    char* scratch) {{
  for (int64_t m = first; m < last; ++m) {{
    {" ".join(ahead)}
    bool* alive = (bool*)a[{base}] + m;
    for (int64_t t = 0; t < steps; ++t) {{
      bool finite = false;
      if (*alive) {{
        step({", ".join(given)}, scratch);
        if (finite) {{ {swap}}} else *alive = false;
      }} else {{ {blank}}}
      ((bool*)a[{base + 1}])[t*members + m] = finite;
    }}
    {back}
  }}
}}
"""
