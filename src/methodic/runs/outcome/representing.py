"""Looking at what networks learnt without targets: their features, and what they make of them.

A worker looks at the best network of a confirmed unit when it has trained it, since decoders and
generators are no part of a bundle; at the verdict all looks are gathered. The looks change nothing:
what is shipped, compared and claimed is the same without them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from methodic.data.batches import Rows
from methodic.diagnosis import NAME as FINDINGS
from methodic.diagnosis import Findings, representations
from methodic.engine import loop
from methodic.engine.parts import Cohort
from methodic.evidence.closer import representation
from methodic.evidence.closer.representation import Look, Quality, Representation, Representations
from methodic.files import read_json, write_text
from methodic.metrics import get_metric
from methodic.models.around import encoder, inmost
from methodic.models.precision import computing
from methodic.objectives.unlabelled import Unlabelled
from methodic.plan import MemberRecord, Plan, UnitRecord
from methodic.runs.outcome import picturing
from methodic.runs.rows.preparation import Prepared
from methodic.types import Encoder, Pass

Array = npt.NDArray[Any]

SECONDS = 1.0
"""About as long as a look may compute features; what is made of them takes as long at most."""
_LEAST = 100  # rows
_PASSES = 10  # of rows through the network, about: three parts at three times, and statistics
_EAGER = 3.0  # machine code is so much faster than what a look computes with


def path(work: Path, unit: str) -> Path:
    """Where the look at a unit's best network lies until the verdict."""
    return work / f"{unit}.representation.json"


def learns_without_targets(cohort: Cohort) -> bool:
    """Whether an objective trains an encoder, and can do so without targets."""
    objectives = [o for s in cohort.stages for turn in s.turns for o, _ in turn.objectives]
    learns = any(isinstance(each, Unlabelled) for each in objectives)
    return learns and isinstance(inmost(cohort.model), Encoder)


def look(
    work: Path,
    plan: Plan,
    prepared: Prepared,
    cohort: Cohort,
    trained: loop.Trained,
    record: UnitRecord,
    seeds: Sequence[int],
) -> None:
    """Look at the best network of a unit, and keep what was seen; nothing where there is none.

    Args:
        work: RUN/work.
        plan: says how long a step takes.
        prepared: the rows that the unit trained on.
        cohort, trained: the unit's members, or for rules that train alone the first of them.
        record: of the unit.
        seeds: of the members' random numbers.
    """
    at = best(record.members, plan) if learns_without_targets(cohort) else None
    if at is None:
        return
    one = _alone(cohort, at, seeds[at])
    flat = trained.flat[at : at + 1]
    buffers = {name: value[at : at + 1] for name, value in trained.buffers.items()}
    rows = {part: prepared.rows[part].to(cohort.device) for part in ("train", "validation")}
    count = min(representation.rows_for(encoder(cohort.model).features), _affordable(plan, record))
    some = {part: each.spread(count) for part, each in rows.items()}
    whole = rows["train"].some_inputs(count, 1)
    truth = {part: _spread(prepared.truth[part], count) for part in some}

    def quality(weights: Tensor, statistics: dict[str, Tensor]) -> tuple[Quality | None, Array]:
        inputs = [*(each.everything(1).inputs for each in some.values()), whole]
        known, seen, every = (features(one, weights, statistics, each) for each in inputs)
        pairs = known, truth["train"], seen, truth["validation"]
        return representation.quality(plan.data.task, *pairs, every), seen

    after, seen = quality(flat, buffers)
    before, _ = quality(*start(one, rows["train"], some["train"]))
    learnt = {name: value[at : at + 1] for name, value in trained.learnt.items()}
    between = None
    if learnt:
        statistics = {k.removeprefix("buffers/"): v for k, v in learnt.items() if k != "flat"}
        between, _ = quality(learnt["flat"], statistics)
    if after is None or before is None:
        return
    member = record.members[at].member
    found = Look(
        quality=Representation(
            unit=record.unit.id,
            member=at,
            method=member.recipe,
            seed=member.seed,
            features=seen.shape[1],
            rows=(len(some["train"]), len(some["validation"])),
            score="r2" if plan.data.task == "regression" else "accuracy",
            trained=after,
            untrained=before,
            learnt=between,
            every=len(next(iter(whole.values()))[0]),
        ),
        sketch=representation.sketch(seen, truth["validation"]),
        pictures=picturing.pictures(
            one, flat, buffers, learnt, rows["validation"], prepared.inputs
        ),
    )
    write_text(path(work, record.unit.id), found.model_dump_json())


def best(members: Sequence[MemberRecord], plan: Plan) -> int | None:
    """The member whose kept weights score best on validation rows; None where all diverged."""
    sign = 1.0 if get_metric(plan.metric, plan.data.task).greater_is_better else -1.0

    def rank(at: int) -> tuple[float, float]:
        score, loss = members[at].validation[plan.metric], members[at].validation["loss"]
        return (
            -math.inf if score is None else sign * score,
            -math.inf if loss is None else -loss,
        )

    able = [at for at, each in enumerate(members) if each.status != "diverged"]
    return max(able, key=rank, default=None)


def _alone(cohort: Cohort, at: int, seed: int) -> Cohort:
    """A member as a cohort of its own."""
    numbers = {
        name: value[at : at + 1] if len(value) > 1 else value
        for name, value in cohort.numbers.items()
    }
    return replace(cohort, seeds=(seed,), numbers=numbers, born=())


def features(
    one: Cohort, flat: Tensor, buffers: dict[str, Tensor], inputs: Mapping[str, Tensor]
) -> Array:
    """The features of some rows, in the precision in which validation rows are seen: [N, F]."""
    run = Pass(one.layout.views(flat), buffers, {}, one.numbers, training=False)
    return _encoded(one, run, inputs)


def _encoded(one: Cohort, run: Pass, inputs: Mapping[str, Tensor]) -> Array:
    model = encoder(computing(one.model, one.precision))
    with torch.no_grad():
        found = model.encoded(run, inputs)
    return found[0].flatten(1).double().cpu().numpy()


def start(one: Cohort, rows: Rows, some: Rows) -> tuple[Tensor, dict[str, Tensor]]:
    """Weights and statistics before the first step; statistics of batches are those of ``some``.

    Args:
        one: a cohort of one member.
        rows: training rows.
        some: of them.
    """
    state = loop.adapted(one, loop.initial_state(one), rows)
    if not state.buffers:
        return state.flat, state.buffers
    views = one.layout.views(state.flat)
    run = Pass(views, state.buffers, {}, one.numbers, training=False, collect=True)
    _encoded(one, run, some.everything(1).inputs)
    return state.flat, {**state.buffers, **run.new_buffers}


def _affordable(plan: Plan, record: UnitRecord) -> int:
    """So many rows go through the network in about a second, by what the plan measured.

    The plan is frozen, so the same rows are looked at whenever it runs again.
    """
    name = record.unit.members[0].recipe
    contender = next(each for each in plan.contenders if each.recipe.name == name)
    stages = zip(contender.recipe.stages, contender.batch, strict=True)
    rows = max(1, len(contender.settings)) * max(batch + s.unlabelled for s, batch in stages)
    forward = contender.milliseconds / 1000 / rows / 3  # a gradient is about three passes
    if plan.machine.compiled and not contender.eager:
        forward *= _EAGER
    return max(_LEAST, min(1_000_000, int(SECONDS / max(forward * _PASSES, 1e-9))))


def _spread(truth: Array, count: int) -> Array:
    """As `Rows.spread` takes rows."""
    return truth if len(truth) <= count else truth[np.arange(count) * len(truth) // count]


# --- at the verdict ---------------------------------------------------------------------------


def gather(
    folder: Path,
    work: Path,
    plan: Plan,
    records: Sequence[UnitRecord],
    shipped: Sequence[tuple[str, int]],
) -> Representations | None:
    """Write all looks of a run to RUN/representation.json, and what was found to findings.json.

    Args:
        folder: the run's.
        work: RUN/work.
        plan: its plan.
        records: of confirmed units, in the order of the report.
        shipped: networks in the model that is kept, as unit and member; the first one that was
            looked at is shown with its pictures.

    Returns:
        None, and nothing is written, where no method learns without targets.
    """
    paths = [path(work, record.unit.id) for record in records]
    looks = [Look.model_validate(read_json(p, "look")) for p in paths if p.is_file()]
    if not looks:
        return None
    by_place = {(each.quality.unit, each.quality.member): each for each in looks}
    found = Representations(
        networks=tuple(each.quality for each in looks),
        shown=next((by_place[place] for place in shipped if place in by_place), None),
    )
    write_text(folder / representation.NAME, found.model_dump_json(indent=1) + "\n")
    _find(folder, plan, found)
    return found


def _find(folder: Path, plan: Plan, seen: Representations) -> None:
    """Add findings about features to those about the data."""
    place = folder / FINDINGS
    known = Findings()
    if place.is_file():
        known = Findings.model_validate(read_json(place, "findings"))
    found = representations.added(
        known.findings, representations.collapsed(seen.networks, plan.data)
    )
    if found != known.findings:
        changed = known.model_copy(update={"findings": found})
        write_text(place, changed.model_dump_json(indent=1) + "\n")
