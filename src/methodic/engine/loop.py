"""The loop: stages, turns and evaluations, read once from top to bottom.

Shapes: M members, T steps, P parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from methodic.data.batches import Rows
from methodic.engine import plateau
from methodic.engine.checkpoint import Standing
from methodic.engine.evaluation import Judge, measured_buffers, validated
from methodic.engine.keeper import Keeper
from methodic.engine.monitor import Fate, Monitor, Window
from methodic.engine.parts import Cohort, Stage, State, left
from methodic.engine.stretch import AHEAD, never
from methodic.engine.stretch import advance as advance
from methodic.models.own.module import ModuleModel
from methodic.models.parts.initialization import initial_buffers, initial_parameters
from methodic.plan import CurvePoint
from methodic.types import DataDriven


@dataclass(frozen=True)
class Trained:
    """A cohort after training; the weights are the ones to evaluate and to ship."""

    flat: Tensor  # [M, P]
    buffers: dict[str, Tensor]
    fates: Sequence[Fate]
    curves: Sequence[Sequence[CurvePoint]]
    steps_taken: int  # in the whole run
    batches_seen: int
    standing: Standing | None = None  # where it stands, of a training that was to halt on its way
    learnt: dict[str, Tensor] = field(default_factory=dict)  # see `State.learnt`


def initial_state(cohort: Cohort) -> State:
    """The state before the first step: weights from each member's seed."""
    if isinstance(cohort.model, ModuleModel):
        parameters, buffers = cohort.model.initial()
        parameters = {k: v.to(cohort.device) for k, v in parameters.items()}
        buffers = {k: v.to(cohort.device) for k, v in buffers.items()}
    else:
        parameters = initial_parameters(cohort.layout.specs, cohort.seeds, cohort.device)
        buffers = initial_buffers(cohort.model.buffers(), cohort.width, cohort.device)
    alive = torch.ones(cohort.width, dtype=torch.bool, device=cohort.device)
    return State(cohort.layout.flatten(parameters), buffers, [], {}, alive)


ADAPTED_ROWS = 1024  # training rows that a model may look at before the first step


def adapted(cohort: Cohort, state: State, rows: Rows, only: Collection[str] | None = None) -> State:
    """The state with what the model wants to learn from training rows before the first step.

    ``only``: names of what may change; None: all of it.
    """
    if not isinstance(cohort.model, DataDriven):
        return state
    some = rows.some_inputs(ADAPTED_ROWS, len(state.flat))
    before = cohort.layout.views(state.flat), state.buffers
    parameters, buffers = cohort.model.adapted(*before, some, only)
    return replace(state, flat=cohort.layout.flatten(parameters), buffers=buffers)


def renewed(cohort: Cohort, stage: Stage, state: State, rows: Rows) -> State:
    """The state with what the stage wants fresh, such as a new head, drawn anew.

    It begins as it would before the first step: with what it learns from training rows, and, where
    a layer is all fresh, without the statistics of the weights that it had.
    """
    if stage.fresh is None:
        return state
    again = initial_parameters(
        cohort.layout.specs, cohort.seeds, cohort.device, f"fresh/{stage.name}"
    )
    drawn = cohort.layout.flatten(again)
    fresh = cohort.layout.views(stage.fresh.unsqueeze(0))
    names = {name for name, chosen in fresh.items() if bool(chosen.all())}
    kept = {name.rpartition(".")[0] for name in fresh.keys() - names}
    layers = {name.rpartition(".")[0] for name in names} - kept
    empty = initial_buffers(cohort.model.buffers(), cohort.width, cohort.device)
    reset = {name: x for name, x in empty.items() if name.rpartition(".")[0] in layers}
    flat = torch.where(stage.fresh, drawn, state.flat)
    state = replace(state, flat=flat, buffers={**state.buffers, **reset})
    return adapted(cohort, state, rows, names | reset.keys())


def begin(stage: Stage, state: State) -> State:
    """The state at the start of a stage: weights stay, optimizers and averages start anew."""
    return replace(
        state,
        rules=[turn.rule.initial(state.flat) for turn in stage.turns],
        average=stage.average.initial(state.flat) if stage.average else {},
        pace=plateau.initial(stage, len(state.flat), state.flat.device),
        batches_seen=0,
        steps_taken=0,
    )


def train(
    cohort: Cohort,
    rows: Rows,
    judge: Judge,
    evaluate: Sequence[int],
    keeper: Keeper | None = None,
    start: Standing | None = None,
    until: int | None = None,
) -> Trained:
    """Train all members of a cohort to the end of the plan, or on the way there.

    Args:
        cohort: the parts.
        rows: training rows on the cohort's device.
        judge: scores members on validation rows.
        evaluate: optimizer steps, counted over the whole run, after which the judge looks.
        keeper: saves the training on its way and lets it go on from there, with the same bits.
        start: where an earlier call halted; None begins at the first step.
        until: optimizer step of the whole run after which training halts, one of ``evaluate``;
            None goes to the end.

    Raises:
        Interrupted: the keeper was asked to stop; where training stood is saved.
        InputError: the keeper could not save it.
    """
    monitor = Monitor(cohort.stop, judge.metric.greater_is_better, cohort.width)
    saved = (keeper.load(cohort.device) if keeper is not None else None) or start
    standing = None
    if saved is None:
        first, done, batches, state = 0, 0, 0, adapted(cohort, initial_state(cohort), rows)
    else:
        first, done, batches, state = saved.stage, saved.steps, saved.batches, saved.state
        monitor.remember(saved.memory)
    pause = keeper.due if keeper is not None else never
    for number, stage in enumerate(cohort.stages[first:], first):
        if saved is not None:
            window, saved = saved.window, None
        else:
            state, window = begin(stage, renewed(cohort, stage, state, rows)), Window()
            monitor.restart()
        end = stage.steps if until is None else min(stage.steps, until - done)
        while state.steps_taken < end and not monitor.over:
            count = _stretch(done + state.steps_taken, done + end, evaluate)
            state = advance(cohort, stage, state, rows, count, window.add, pause)
            now = done + state.steps_taken
            if now in evaluate:
                flat, buffers = evaluated(cohort, stage, state, rows)
                scores = judge(validated(cohort, flat, buffers, judge.rows))
                seen = (now, scores, window, flat, buffers, state.alive)
                judged = stage.labelled or stage is cohort.stages[-1]
                alive = monitor.look(*seen, may_stop=judged)
                state, window = replace(state, alive=alive), Window()
                if judged:
                    state = plateau.looked(stage, state, scores.loss)
            if keeper is not None and keeper.due():
                keeper.keep(Standing(number, done, batches, state, monitor.memory(), window.copy()))
        halted = until is not None and (done + state.steps_taken >= until or monitor.over)
        if halted:
            standing = Standing(number, done, batches, state, monitor.memory(), window.copy())
        done += state.steps_taken
        batches += state.batches_seen
        flat, buffers = evaluated(cohort, stage, state, rows)
        if stage.averages:
            state = replace(state, flat=flat, buffers=buffers)
        if not stage.labelled and stage is not cohort.stages[-1]:
            state = replace(state, learnt=left(state))
        if monitor.over or halted:
            break
    flat, buffers = monitor.kept(flat, buffers)
    ends = monitor.fates, monitor.curves, done, batches, standing, state.learnt
    return Trained(flat, buffers, *ends)


def _averaged(stage: Stage, state: State) -> Tensor:
    """What averages of weights say, and rules that keep averages of their own: [M, P]."""
    if stage.average is not None:
        return stage.average.evaluation_weights(state.flat, state.average)
    flat = state.flat
    for turn, rule_state in zip(stage.turns, state.rules, strict=True):
        if turn.rule.averages:
            own = turn.rule.evaluation_weights(state.flat, rule_state)
            # An update that is scaled by a rate moves the average by as much less.
            away = own - state.flat
            flat = flat + (away if turn.rates is None else away * turn.rates)
    return flat


def _stretch(at: int, end: int, evaluate: Sequence[int]) -> int:
    """How many steps to go at once: to the next evaluation or the stage's end, and not too far."""
    return min([step - at for step in evaluate if at < step <= end] + [end - at, AHEAD])


def evaluated(
    cohort: Cohort, stage: Stage, state: State, rows: Rows
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weights that are evaluated and shipped: averaged ones where the recipe averages."""
    if not stage.averages:
        return state.flat, state.buffers
    flat = _averaged(stage, state)
    if not state.buffers:
        return flat, state.buffers
    fixed = frozenset.intersection(*(turn.fixed for turn in stage.turns))
    return flat, measured_buffers(cohort, flat, state.buffers, rows, fixed)
