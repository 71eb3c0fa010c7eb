"""Decisions after an evaluation: which weights are kept, and whose training ends.

Only evaluations that the plan lists come here, so looking at a run more often changes nothing.

Shapes: M members, T steps since the last evaluation, P parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from methodic.engine.evaluation import Scores
from methodic.engine.parts import StopRule
from methodic.engine.step import Seen
from methodic.plan import CurvePoint, Status

_ROWS = 256  # steps of a window that are gathered into one table
_BLOCK = 4096  # steps that are summed up together; a window has a row for fewer than two blocks


@dataclass
class Fate:
    """What became of one member."""

    status: Status = "finished"
    why: str = ""
    ended: int | None = None  # optimizer step at which its training ended early
    best_step: int = 0
    best_score: float = math.nan
    best_loss: float = math.inf
    waited: int = 0  # evaluations without a better score
    kept_step: int = 0  # of the weights that are kept: the best ones, or the last ones
    kept_score: float = math.nan
    kept_loss: float = math.inf


class Window:
    """What the steps since the last evaluation saw, in tables rather than a tensor for each step.

    A window doesn't grow without end: of all but the last steps it keeps sums. They are taken over
    blocks that begin at fixed steps, so that a window comes out the same whenever it was copied.

    Args:
        tables: losses, gradient norms and what was finite, [T, M] each, to begin with.
        folded: the sums of the steps before these: float64 [4, M], see `folded`.
    """

    def __init__(
        self, tables: Sequence[Tensor] | None = None, folded: Tensor | None = None
    ) -> None:
        self._tables = [tuple(tables)] if tables is not None and len(tables[0]) else []
        self._folded = folded
        self._recent: list[Seen] = []

    def __len__(self) -> int:
        return self._before() + sum(len(table[0]) for table in self._tables) + len(self._recent)

    def add(self, seen: Seen) -> None:
        """Take note of one more step."""
        self._recent.append(seen)
        if len(self._recent) == _ROWS:
            self._gather()

    def copy(self) -> Window:
        """Another window with the same steps; it doesn't grow along with this one."""
        self._gather()
        window = Window(folded=self._folded)
        window._tables = list(self._tables)
        return window

    def tables(self) -> tuple[Tensor, ...]:
        """Losses, gradient norms and what was finite of the last steps, [T, M]; T mustn't be 0."""
        self._gather()
        return tuple(torch.cat(parts) for parts in zip(*self._tables, strict=True))

    @property
    def folded(self) -> Tensor | None:
        """What is left of the steps before: float64 [4, M], None if `tables` holds all of them.

        By row: the sum of the losses that were finite, how many these are, the first step that
        wasn't finite (counted from 0; −1: none), how many steps.
        """
        self._gather()
        return self._folded

    def mean_losses(self) -> list[float]:
        """Each member's mean loss over all steps where it was finite; NaN if it never was."""
        sums, counts, _, _ = self._total(*self.tables())
        return [x / n if n else math.nan for x, n in zip(sums, counts, strict=True)]

    def first_broken(self) -> list[int]:
        """The first step at which each member wasn't finite, counted from 0; −1: none."""
        return [int(x) for x in self._total(*self.tables())[2]]

    def _before(self) -> int:
        return 0 if self._folded is None else int(self._folded[3, 0])

    def _gather(self) -> None:
        if self._recent:
            columns = zip(*((s.loss, s.gradient_norm, s.finite) for s in self._recent), strict=True)
            self._tables.append(tuple(torch.stack(column) for column in columns))
            self._recent = []
        if sum(len(table[0]) for table in self._tables) >= 2 * _BLOCK:
            self._fold()

    def _fold(self) -> None:
        joined = [torch.cat(parts) for parts in zip(*self._tables, strict=True)]
        while len(joined[0]) >= 2 * _BLOCK:
            block = [table[:_BLOCK] for table in joined]
            self._folded = torch.tensor(self._total(*block), dtype=torch.float64)
            joined = [table[_BLOCK:] for table in joined]
        self._tables = [tuple(table.clone() for table in joined)]  # a view would keep the blocks

    def _total(self, loss: Tensor, _: Tensor, finite: Tensor) -> list[list[float]]:
        """`folded` with some more rows."""
        losses, fine = loss.double().cpu().numpy(), finite.cpu().numpy()
        steps, members = losses.shape
        before = self._before()
        if self._folded is None:
            sums, counts, broken = [0.0] * members, [0.0] * members, [-1.0] * members
        else:
            sums, counts, broken = self._folded[:3].tolist()
        # A member at a time: sums over all of them at once would round by their number.
        for m in range(members):
            kept = losses[:, m][np.isfinite(losses[:, m])]
            sums[m] += float(kept.sum())
            counts[m] += kept.size
            if broken[m] < 0 and not fine[:, m].all():
                broken[m] = before + int(np.argmin(fine[:, m]))
        return [sums, counts, broken, [float(before + steps)] * members]


@dataclass(frozen=True)
class Memory:
    """All that a monitor knows, as it was at one moment."""

    fates: Sequence[Fate]
    curves: Sequence[Sequence[CurvePoint]]
    fresh: Sequence[bool]
    flat: Tensor | None
    buffers: Mapping[str, Tensor]


class Monitor:
    """Keeps each member's best weights and its curve, and applies the stop criteria.

    Args:
        stop: the criteria.
        greater_is_better: of the metric.
        width: M.
    """

    def __init__(self, stop: StopRule, greater_is_better: bool, width: int) -> None:
        self.stop = stop
        self.sign = 1.0 if greater_is_better else -1.0
        self.fates = [Fate() for _ in range(width)]
        self.curves: list[list[CurvePoint]] = [[] for _ in range(width)]
        self.flat: Tensor | None = None
        self.buffers: dict[str, Tensor] = {}
        self._fresh = [True] * width  # whose kept weights the next evaluation replaces

    def restart(self) -> None:
        """A stage begins: what is kept must come from it, not from the pretraining before it."""
        for m, fate in enumerate(self.fates):
            if fate.ended is None:
                self._fresh[m] = True
                self.fates[m] = Fate()

    @property
    def over(self) -> bool:
        """Nobody trains any more, and it is known since when and why."""
        return all(fate.ended is not None for fate in self.fates)

    def memory(self) -> Memory:
        """A copy of all that is known by now."""
        return Memory(
            [replace(fate) for fate in self.fates],
            [list(curve) for curve in self.curves],
            list(self._fresh),
            None if self.flat is None else self.flat.clone(),
            {name: value.clone() for name, value in self.buffers.items()},
        )

    def remember(self, memory: Memory) -> None:
        """Go on as the monitor whose memory this is."""
        self.fates = [replace(fate) for fate in memory.fates]
        self.curves = [list(curve) for curve in memory.curves]
        self._fresh = list(memory.fresh)
        self.flat = None if memory.flat is None else memory.flat.clone()
        self.buffers = {name: value.clone() for name, value in memory.buffers.items()}

    def look(
        self,
        step: int,
        scores: Scores,
        window: Window,
        flat: Tensor,
        buffers: Mapping[str, Tensor],
        alive: Tensor,
        *,
        may_stop: bool = True,
    ) -> Tensor:
        """Take note of an evaluation after optimizer step ``step``; returns who goes on, bool [M].

        Args:
            step: optimizer steps taken in the whole run.
            scores: of the evaluated weights.
            window: what the steps since the last evaluation saw.
            flat, buffers: the evaluated weights.
            alive: who was still training after the last step.
            may_stop: the stop criteria apply; not while a stage trains for the ones behind it,
                whose head has learnt nothing yet.
        """
        losses, broken = window.mean_losses(), window.first_broken()
        norms = window.tables()[1][-1].tolist()
        better = [False] * len(self.fates)
        goes_on = alive.clone()
        for m, fate in enumerate(self.fates):
            if fate.ended is not None:
                continue
            self._note(m, step, losses[m], scores)
            better[m] = self._is_better(fate, scores, m)
            if better[m]:
                fate.best_step, fate.waited = step, 0
                fate.best_score, fate.best_loss = float(scores.score[m]), float(scores.loss[m])
            else:
                fate.waited += 1
            if better[m] or not self.stop.keep_best:
                fate.kept_step = step
                fate.kept_score, fate.kept_loss = float(scores.score[m]), float(scores.loss[m])
            if not bool(alive[m]):
                ended = step - len(window) + 1 + max(broken[m], 0)
                fate.status, fate.ended = "diverged", ended
                fate.why = f"not finite at step {ended}"
            elif may_stop and (why := self._enough(fate, losses[m], norms[m])) is not None:
                fate.status, fate.ended, fate.why = "stopped", step, why
                goes_on[m] = False
        self._keep(better, flat, buffers)
        return goes_on

    def kept(self, flat: Tensor, buffers: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The weights to ship: the best ones, or with ``keep_best`` off the last ones."""
        if self.flat is None or not self.stop.keep_best:
            return flat, buffers
        self._put(self._fresh, flat, buffers)
        return self.flat, self.buffers

    def _note(self, m: int, step: int, loss: float, scores: Scores) -> None:
        point = CurvePoint(
            step=step,
            train_loss=_or_none(loss),
            validation_loss=_or_none(float(scores.loss[m])),
            score=_or_none(float(scores.score[m])),
        )
        self.curves[m].append(point)

    def _is_better(self, fate: Fate, scores: Scores, m: int) -> bool:
        score, loss = self.sign * float(scores.score[m]), float(scores.loss[m])
        best = self.sign * fate.best_score
        if math.isnan(score):
            return False
        # Equal scores are common with few validation rows; the loss then decides.
        return math.isnan(best) or score > best or (score == best and loss < fate.best_loss)

    def _enough(self, fate: Fate, loss: float, norm: float) -> str | None:
        stop = self.stop
        if stop.loss is not None and loss < stop.loss:
            return f"training loss below {stop.loss:g}"
        if stop.gradient_norm is not None and norm < stop.gradient_norm:
            return f"gradient norm below {stop.gradient_norm:g}"
        if stop.patience is not None and fate.waited >= stop.patience:
            return f"{fate.waited} evaluations without a better validation score"
        return None

    def _keep(self, better: list[bool], flat: Tensor, buffers: Mapping[str, Tensor]) -> None:
        if self.flat is None:
            self.flat, self.buffers = flat.clone(), {k: v.clone() for k, v in buffers.items()}
        else:
            taken = [new or fresh for new, fresh in zip(better, self._fresh, strict=True)]
            self._put(taken, flat, buffers)
        self._fresh = [False] * len(better)

    def _put(self, which: list[bool], flat: Tensor, buffers: Mapping[str, Tensor]) -> None:
        if self.flat is None or not any(which):
            return
        rows = torch.tensor(which, device=flat.device).nonzero().squeeze(1)
        self.flat[rows] = flat[rows]
        for name, value in buffers.items():
            self.buffers[name][rows] = value[rows]


def _or_none(x: float) -> float | None:
    return x if math.isfinite(x) else None
