"""Many steps of a cohort in one call of machine code, one member after the other.

The step of one member is traced into a graph (it is `engine.step` itself), written as loops and
compiled. A member's weights and moments stay in the processor's cache for all its steps, and no
other member is near: width, place and neighbours can't change its bits.

Shapes: M members, T steps, B rows, P parameters, K coefficients.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch import Tensor

from methodic.data.batches import Rows, floating
from methodic.engine.native import library
from methodic.engine.native.source import source
from methodic.engine.parts import Cohort, Stage, State
from methodic.engine.step import Seen, proposed
from methodic.rng import Draws
from methodic.types import Batch

_ALIGN = 64  # bytes: a line of the processor's cache


@dataclass(frozen=True)
class Ahead:
    """What T steps read that is known before them.

    Args:
        names: of the coefficients.
        coefficients: [T, K, M].
        taken: steps that each member has taken before each of these, [T, M].
        keys: of the noise, int32 [T, 2, M, 1]; None without noise.
        index: rows, int64 [T, M·B] or, for all members, [T, B]; None: all of them.
        beside: the same of the rows beside each batch, U ones; None: there are none.
    """

    names: Sequence[str]
    coefficients: Tensor
    taken: Tensor
    keys: Tensor | None
    index: Tensor | None
    beside: Tensor | None = None

    def by_step(self, members: int, stage: Stage) -> dict[str, Tensor]:
        """Name → [T, M, …]."""
        count = len(self.coefficients)
        found = {
            "c": self.coefficients.transpose(1, 2),
            "taken": self.taken.to(torch.float32).unsqueeze(-1),
        }
        if self.keys is not None:
            found["keys"] = self.keys.squeeze(-1).transpose(1, 2)
        indices = (("index", self.index, stage.batch), ("beside", self.beside, stage.beside))
        for name, index, rows in indices:
            if index is not None:  # one order, or one for each member
                found[name] = index.view(count, -1, rows).expand(-1, members, -1)
        return {name: value.contiguous() for name, value in found.items()}


class Steps:
    """The machine code of one turn of a stage, for any cohort with the same program.

    Args:
        cohort, stage, which: whose turn.
        state: at any step; for its shapes.
        rows: that it trains on; for their shapes.
        draws: what it draws.
        names: of the coefficients.

    Raises:
        InputError: a part of the step can't be written as loops, or there is no working compiler.
    """

    def __init__(
        self,
        cohort: Cohort,
        stage: Stage,
        which: int,
        state: State,
        rows: Rows,
        draws: Draws,
        names: Sequence[str],
    ) -> None:
        self._which = which
        examples: dict[str, Tensor] = {"c": torch.ones(len(names)), "taken": torch.ones(1)}
        if draws:
            examples["keys"] = torch.ones(2, dtype=torch.int32)
        if not cohort.orders[stage.name].full:
            examples["index"] = torch.zeros(stage.batch, dtype=torch.int64)
        if stage.beside:
            examples["beside"] = torch.zeros(stage.beside, dtype=torch.int64)
        single = pytree.tree_map(
            lambda x: x[:1].clone(), (_states(state, which), _members(cohort, stage, which))
        )
        arguments = (single[0], examples, single[1], _shared(rows, stage))
        one = _one(cohort, stage, which, draws, names)
        self.text, self._constants, self._scratch, self._seen = source(
            one, arguments, range(*_places(single[0]))
        )

    def __call__(
        self, cohort: Cohort, stage: Stage, state: State, rows: Rows, ahead: Ahead
    ) -> tuple[State, Seen]:
        """T steps: the state after, and what the steps saw, [T, M] each."""
        run = library.loaded(self.text)
        count, members = len(ahead.coefficients), cohort.width
        assert len(state.flat) == members, "machine code would write beyond the state's memory"
        leaves, shape = pytree.tree_flatten(_states(state, self._which))
        now = [leaf.contiguous().clone() for leaf in leaves]
        spare = [torch.empty_like(leaf) for leaf in now]
        alive = state.alive.clone()
        finite = torch.empty(count, members, dtype=torch.bool)
        seen = [torch.empty(count, members) for _ in range(self._seen.num_leaves)]
        trees = (
            ahead.by_step(members, stage),
            _members(cohort, stage, self._which),
            _shared(rows, stage),
        )
        read = [x.contiguous() for tree in trees for x in pytree.tree_leaves(tree)]
        every = [*now, *spare, *read, *self._constants, alive, finite, *seen]
        pointers = (ctypes.c_void_p * len(every))(*(x.data_ptr() for x in every))

        def work(part: range) -> None:
            scratch = torch.empty(self._scratch + _ALIGN, dtype=torch.uint8)
            place = scratch.data_ptr() + -scratch.data_ptr() % _ALIGN
            sizes = (ctypes.c_int64(n) for n in (part.start, part.stop, members, count))
            run(pointers, *sizes, ctypes.c_void_p(place))

        _in_parts(work, members)
        flat, buffers, rule, average = pytree.tree_unflatten(now, shape)
        rules = [rule if n == self._which else old for n, old in enumerate(state.rules)]
        after = replace(
            state,
            flat=flat,
            buffers=buffers,
            rules=rules,
            average=average,
            alive=alive,
            batches_seen=state.batches_seen + count,
            steps_taken=state.steps_taken + count,
        )
        loss, terms, norm = pytree.tree_unflatten(seen, self._seen)
        return after, Seen(loss, terms, norm, finite)


class _Request:
    """All that a program depends on, in a key; and what it takes to make it."""

    def __init__(self, key: str, make: Callable[[], Steps]) -> None:
        self.key = key
        self.make: Callable[[], Steps] | None = make

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Request) and self.key == other.key


@functools.lru_cache(maxsize=128)
def _made(request: _Request) -> Steps:
    assert request.make is not None
    made, request.make = request.make(), None  # it holds on to a whole cohort
    return made


def steps_of(
    cohort: Cohort,
    stage: Stage,
    which: int,
    state: State,
    rows: Rows,
    draws: Draws,
    names: Sequence[str],
) -> Steps:
    """The machine code of a turn, made once in a process for all cohorts that are alike."""
    shapes = [(x.shape[1:], x.dtype) for x in pytree.tree_leaves(_shared(rows, stage))]
    key = f"{cohort.program} {stage.name} {which} {shapes} {sorted(cohort.numbers)}"
    return _made(_Request(key, lambda: Steps(cohort, stage, which, state, rows, draws, names)))


def _one(
    cohort: Cohort, stage: Stage, which: int, draws: Draws, names: Sequence[str]
) -> Callable[..., Any]:
    """One step of one member, as a function of trees of tensors."""
    turn, full = stage.turns[which], cohort.orders[stage.name].full

    def one(states: Any, steps: Any, members: Any, shared: Any) -> Any:
        flat, buffers, rule, average = states
        turns = [
            t if n != which else replace(t, **members["limits"]) for n, t in enumerate(stage.turns)
        ]
        single = replace(cohort, seeds=cohort.seeds[:1], numbers=members["numbers"], born=())
        rules = [rule if n == which else {} for n in range(len(turns))]
        alive = torch.ones(1, dtype=torch.bool)
        before = State(flat, buffers, rules, average, alive, steps_taken=steps["taken"])
        c = {name: steps["c"][n].view(1, 1) for n, name in enumerate(names)}
        if turn.decay_mask is not None:
            c["weight_decay"] = c["weight_decay"] * turn.decay_mask
        noise = draws(steps["keys"].view(2, 1, 1)) if draws else {}
        index = None if full else steps["index"]
        if full and stage.beside:  # rows without a target lie behind those with one
            index = torch.arange(stage.batch)
        batch = _batch(shared, index, stage.labelled)
        if stage.beside:
            batch = replace(batch, beside=_batch(shared, steps["beside"], False))
        after, seen = proposed(
            single, replace(stage, turns=tuple(turns)), which, before, batch, noise, c
        )
        new = (after.flat, after.buffers, after.rules[which], after.average)
        return new, seen.finite, (seen.loss, seen.terms, seen.gradient_norm)

    return one


def _members(cohort: Cohort, stage: Stage, which: int) -> dict[str, dict[str, Tensor]]:
    """What differs between members and stays through all steps, [M] each."""
    return {"numbers": dict(cohort.numbers), "limits": stage.turns[which].limits}


def _shared(rows: Rows, stage: Stage) -> dict[str, Any]:
    if stage.labelled and not stage.beside:
        rows = rows.labelled
    found: dict[str, Any] = {"inputs": dict(rows.inputs)}
    if stage.labelled:
        found["target"] = rows.target
    more = {"weight": rows.weight if stage.labelled else None, "soft": rows.soft}
    return found | {name: x for name, x in more.items() if x is not None}


def _states(state: State, which: int) -> tuple[Any, ...]:
    return (state.flat, dict(state.buffers), dict(state.rules[which]), dict(state.average))


def _batch(shared: Any, index: Tensor | None, labelled: bool) -> Batch:
    def take(x: Tensor) -> Tensor:
        return (x if index is None else x.index_select(0, index)).unsqueeze(0)

    inputs = {k: floating(take(v)) for k, v in shared["inputs"].items()}
    soft = take(shared["soft"]) if "soft" in shared else None
    if not labelled:
        return Batch(inputs, torch.zeros(1, 0), soft=soft)
    weight = take(shared["weight"]) if "weight" in shared else None
    return Batch(inputs, take(shared["target"]), weight, soft=soft)


def _in_parts(work: Any, members: int) -> None:
    """Members on as many threads as torch may use; each member's steps are one thread's."""
    threads = min(torch.get_num_threads(), members)
    if threads == 1:
        work(range(members))
        return
    size = math.ceil(members / threads)
    parts = [range(at, min(at + size, members)) for at in range(0, members, size)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, parts))


def _places(states: tuple[Any, ...]) -> tuple[int, int]:
    """Where the update rule's moments begin and end among the leaves of a state."""
    flat, buffers, rule, _ = states
    first = len(pytree.tree_leaves((flat, buffers)))
    return first, first + len(pytree.tree_leaves(rule))
