"""How much memory training needs, estimated before it begins, and how much of it there is.

What belongs to parameters is counted; what a forward pass keeps for the backward pass is measured
on a few rows. Nothing here takes the memory that it speaks of.

Shapes: M members, P parameters, B rows of a batch.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from methodic.data.batches import Rows
from methodic.data.room import available
from methodic.data.sizes import readable as readable
from methodic.engine import loop
from methodic.engine.evaluation import CHUNK
from methodic.engine.gradient import total_loss
from methodic.engine.parts import Cohort, Stage, Turn
from methodic.engine.stretch import sites
from methodic.engine.workers import private
from methodic.models.parts.initialization import initial_buffers
from methodic.rng import Draws, drawing, keys
from methodic.types import Pass

_FLOAT = 4  # bytes
_AHEAD = 256  # steps whose row numbers are prepared at once
_LEAST = 8  # tensors as large as the parameters: drawing initial weights takes so many
_VMAP = 1.5  # rules of vmap make copies that the forward pass doesn't keep
_PROCESS = 48 * 2**20  # libraries that are loaded when they are first used, buffers of kernels
_COMPILER = 300 * 2**20  # the compiler, which each worker imports
_SLACK = 1.1  # allocators keep some of what is given back
_FEW, _MORE = 2, 6  # rows of the passes that are measured
_SPARED = 0.1  # of the memory that is free: for the main process, the system and others


@dataclass(frozen=True)
class Need:
    """Bytes that training takes at its peak, besides the rows."""

    fixed: float  # whatever the width
    member: float  # for each member

    def of(self, members: int) -> int:
        """Bytes for a cohort of so many members."""
        return math.ceil(self.fixed + members * self.member)

    def width(self, room: int, members: int) -> int:
        """How many of ``members`` fit into ``room`` bytes at once: all, half of them …; 0: none."""
        while members and self.of(members) > room:
            members //= 2
        return members


def least(parameters: int) -> int:
    """Bytes without which no member of P ``parameters`` can even begin."""
    return parameters * _LEAST * _FLOAT


def need(cohort: Cohort, rows: Rows, judged: int) -> Need:
    """What training a wider cohort like this one takes.

    Args:
        cohort: one member, or two where members of a wider one train under vmap.
        rows: training rows; a few of them pass through the network.
        judged: rows of an evaluation.
    """
    stages = [_stage_bytes(cohort, stage, rows, judged) for stage in cohort.stages]
    if any(not stage.labelled for stage in cohort.stages[:-1]):
        stages = [each + _weights(cohort) for each in stages]  # `State.learnt`
    compiler = _COMPILER if cohort.program is not None else 0
    first = least(cohort.layout.total)
    return Need(_PROCESS + compiler, _SLACK * max(first, *stages))


def _stage_bytes(cohort: Cohort, stage: Stage, rows: Rows, judged: int) -> float:
    """Bytes for each member at the peak of a stage."""
    flat = cohort.layout.total * _FLOAT
    buffers = _weights(cohort) - flat
    example = torch.empty(1, cohort.layout.total, device="meta")
    tensors = [turn.rule.initial(example) for turn in stage.turns]
    tensors += [stage.average.initial(example)] if stage.average is not None else []
    copies = sum(x.numel() for each in tensors for x in each.values()) / example.numel()
    state = flat * (1 + copies) + buffers
    passes = [_measured(cohort, stage, turn, rows) for turn in stage.turns]
    largest = max(each.largest for each in passes)
    inputs = sum(x[:1].nbytes for x in (*rows.inputs.values(), rows.target))
    inputs += 0 if rows.weight is None else rows.weight[:1].nbytes
    batch = (stage.batch + stage.beside) * inputs
    noise = sum(
        math.prod(site.shape) * (4 if site.kind == "short" else 12)
        for site in sites(cohort, stage, stage.batch, stage.beside).values()
    )
    more = _VMAP if cohort.width > 1 and not cohort.model.native else 1.0
    count = max(stage.batch, stage.beside)
    gradient = max(
        each.constant + more * count * (each.row + 2 * each.largest + count * each.pair) + flat
        for each in passes
    )
    masked = any(t.decay_mask is not None or t.limits for t in stage.turns)
    update = (
        flat + state + (3 if masked or any(turn.proximal for turn in stage.turns) else 2) * flat
    )
    drawn = [cohort.orders[stage.name]] if not cohort.orders[stage.name].full else []
    drawn += [cohort.beside[stage.name]] if stage.beside else []
    order = sum(each.held * 44 + _AHEAD * each.batch * 16 for each in drawn)
    outputs = judged * cohort.model.outputs * 5 * _FLOAT
    # Statistics for averaged weights are measured on training rows, which may be more than judged.
    seen = max(judged, rows.every) if stage.averages and cohort.model.buffers() else judged
    evaluation = min(CHUNK, max(seen, 1)) * 3 * max(largest, inputs) + outputs
    # The loop holds the state with which a stretch began and the one before the step; a checkpoint
    # holds a third one while it is written. Kept weights lie in the monitor and in the checkpoint.
    held = 3 * state + 2 * (flat + buffers)
    return float(held + order + batch + noise + max(gradient, 2 * flat, update, evaluation))


def _weights(cohort: Cohort) -> int:
    """Bytes of a member's weights and buffers."""
    buffers = sum(math.prod(b.shape) for b in cohort.model.buffers().values())
    return (cohort.layout.total + buffers) * _FLOAT


@dataclass(frozen=True)
class _Measured:
    """What a forward pass keeps for the backward pass, in bytes for each member."""

    constant: float
    row: float
    largest: float  # the largest single tensor, for each row
    pair: float  # for each pair of rows, with what the way back takes besides


def _measured(cohort: Cohort, stage: Stage, turn: Turn, rows: Rows) -> _Measured:
    few, more = (_saved(cohort, stage, turn, rows, count) for count in (_FEW, _MORE))
    if len(few) != len(more):  # a user's forward may go other ways with other rows
        few, more = {0: sum(few.values())}, {0: sum(more.values())}
    both = list(zip(few.values(), more.values(), strict=True))
    members = cohort.width
    # What compares all rows with each other grows with their square, and with nothing else.
    squares = [a / _FEW**2 / members for a, b in both if b * _FEW**2 == a * _MORE**2]
    pairs = [(a, b) for a, b in both if b * _FEW**2 != a * _MORE**2]
    slopes = [max(0.0, (b - a) / (_MORE - _FEW)) / members for a, b in pairs]
    constant = sum(a for a, _ in pairs) / members - _FEW * sum(slopes)
    pair = sum(squares) + 2 * max(squares, default=0.0)
    return _Measured(max(0.0, constant), sum(slopes), max(slopes, default=0.0), pair)


def _saved(cohort: Cohort, stage: Stage, turn: Turn, rows: Rows, count: int) -> dict[int, int]:
    """Storages that a pass over ``count`` rows keeps, address → bytes; parameters left out."""
    members, layout = cohort.width, cohort.layout
    if cohort.model.native:
        # Zeros of NumPy's are pages that take no memory until somebody writes to them.
        flat = torch.from_numpy(np.zeros((members, layout.total), dtype=np.float32))
        flat = flat.to(cohort.device)
        buffers = initial_buffers(cohort.model.buffers(), members, cohort.device)
    else:
        state = loop.initial_state(cohort)
        flat, buffers = state.flat, state.buffers
    views = {name: view.requires_grad_() for name, view in layout.views(flat).items()}
    draws = Draws(sites(cohort, stage, count, count if stage.beside else 0), cohort.device)
    noise = draws(keys(cohort.seeds, "memory", device=cohort.device)) if draws else {}
    index = torch.arange(members * count, device=cohort.device) % count % len(rows)
    batch = rows.gather(index, members) if stage.labelled else rows.without_targets(index, members)
    if stage.beside:
        batch = replace(batch, beside=rows.without_targets(index, members))
    ours = {_address(x) for x in (flat, *buffers.values())}
    found: dict[int, int] = {}

    def note(x: Tensor) -> Tensor:
        if _address(x) not in ours:
            found[_address(x)] = x.untyped_storage().nbytes()
        return x

    run = Pass(views, buffers, noise, cohort.numbers, training=True)
    if stage.taught:
        run.teacher = layout.views(flat.detach())
    randomness = contextlib.nullcontext() if cohort.model.native else drawing(0, cohort.device)
    with randomness, torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        # The graph keeps what is noted alive, so that no two have the same address.
        loss, _ = total_loss(turn, cohort.model, run, batch)
    del loss
    return found


def _address(x: Tensor) -> int:
    return x.untyped_storage().data_ptr()


# --- what there is ---------------------------------------------------------------------------


def share(device: str, workers: int) -> int:
    """Bytes that this process may take, when memory is shared fairly among ``workers``.

    What the others have taken already is theirs; so all of them get the same answer at any time.
    """
    target = torch.device(device)
    if target.type == "cuda":
        return int(torch.cuda.mem_get_info(target)[0] * (1 - _SPARED) / max(workers, 1))
    import psutil

    own = psutil.Process()
    parent = own.parent() if workers > 1 else None
    company = [own] if parent is None else parent.children()
    taken = sum(private(process) for process in company)
    whole = available() * (1 - _SPARED) + taken
    return max(0, int(whole / max(workers, 1)) - private(own))
