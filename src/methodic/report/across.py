"""Finished runs beside each other: methods of several runs on one split, or on several data sets.

Only records are read; nothing is trained, and no model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from methodic.errors import InputError
from methodic.evidence.comparison import Entry, RunComparison
from methodic.evidence.comparison import compare as _compare
from methodic.evidence.ranks import Ranks
from methodic.evidence.ranks import ranks as _ranks
from methodic.metrics import get_metric
from methodic.plan import Plan
from methodic.report import cells
from methodic.report.finished import Side, Source, distinct, read, scores

# --- one split --------------------------------------------------------------------------------


def compare(runs: Sequence[Source]) -> RunComparison:
    """Compare the confirmed methods of finished runs on the same data, split, metric and test rows.

    Nothing is trained; test scores by seed are read from the runs' folders. Baselines take no part.

    Args:
        runs: two or more runs, or their folders.

    Raises:
        InputError: fewer than two runs, a run that isn't finished or confirmed nothing, or runs
            that differ in what has to be the same.

    Example:
        >>> import methodic as mt
        >>> mt.compare(["runs/digits-001", "runs/digits-002"]).verdict    # doctest: +SKIP
        'The best on test rows is adam with accuracy 97.2% …'
    """
    sides = read(runs, "a comparison")
    _check_same(sides)
    confirm = sides[0].plan.confirm
    assert confirm is not None
    ratio = None if confirm.splits == "one" else 1 / (confirm.folds - 1)
    metric = get_metric(sides[0].plan.metric, sides[0].plan.data.task)
    entries = [entry for side in sides for entry in _entries(side)]
    if len(entries) < 2:
        raise InputError("there is only one confirmed method", found=entries[0].method)
    return _compare(entries, metric, ratio=ratio, notes=_unequal(sides))


def _entries(side: Side) -> list[Entry]:
    """The confirmed methods of a run."""
    known = scores(side)
    rows = {row.name: row for row in side.board.rows}
    found = []
    for name in side.methods:
        pairs = known.get(name, [])
        finite = {seed: x for seed, x in pairs if x is not None}
        if finite:
            found.append(
                Entry(
                    run=side.name,
                    method=name,
                    scores=finite,
                    lost=len(pairs) - len(finite),
                    seconds=rows[name].seconds if name in rows else 0.0,
                    steps=rows[name].steps if name in rows else 0,
                )
            )
    if not found:
        raise InputError(
            f"{side.path}: no method of this run has a test score",
            advice="All models of its confirmation diverged, or time ran out before it: run it "
            "again with a larger budget or lower learning rates.",
        )
    return found


_SAME: tuple[tuple[str, Callable[[Plan], object]], ...] = (
    ("task", lambda plan: plan.data.task),
    ("target", lambda plan: plan.data.target),
    ("data", lambda plan: plan.data.fingerprint),
    ("columns left out", lambda plan: ", ".join(sorted(plan.data.reading.drop)) or "none"),
    ("further targets", lambda plan: ", ".join(plan.data.others) or "none"),
    ("weights", lambda plan: plan.data.reading.weight or "none"),
    ("groups", lambda plan: plan.data.reading.group or "none"),
    ("order in time", lambda plan: plan.data.reading.time or "none"),
    ("share or column of the split", lambda plan: plan.data.reading.split or "by default"),
    ("split (seed)", lambda plan: plan.data.split_seed),
    (
        "test rows",
        lambda plan: "a part of the data" if plan.data.reading.test is None else "your own",
    ),
    (
        "rows (training, validation, test)",
        lambda plan: ", ".join(f"{n:,}" for n in plan.data.rows),
    ),
    ("metric", lambda plan: plan.metric),
    ("splits of the confirmation", lambda plan: _splits(plan)),
)
"""What has to be the same in runs whose methods are compared."""


def _splits(plan: Plan) -> str:
    confirm = plan.confirm
    if confirm is None or confirm.splits == "one":
        return "one"
    return f"repeated cross-validation, {confirm.folds} folds"


def _check_same(sides: Sequence[Side]) -> None:
    differing = []
    for what, fact in _SAME:
        values = {side.name: fact(side.plan) for side in sides}
        if len({*values.values()}) > 1:
            if what == "data":  # the same data may go by two names, and other data by one
                values = {s.name: f"{s.plan.data.name}, {s.plan.data.fingerprint}" for s in sides}
            told = "; ".join(f"{name}: {value}" for name, value in values.items())
            differing.append((what, told))
    if differing:
        raise InputError(
            f"these runs can't be compared: they differ in {' and '.join(w for w, _ in differing)}",
            found=" · ".join(f"{what}: {told}" for what, told in differing),
            accepted="runs on the same data, split, test rows and metric",
            advice="Run both on the same data with the same --seed and --metric; of runs on "
            "different data `methodic ranks` compares the places of their methods.",
        )


def _unequal(sides: Sequence[Side]) -> list[str]:
    """What the runs needn't share, but a reader should know."""
    notes = []
    facts: tuple[tuple[str, Callable[[Plan], str]], ...] = (
        ("budgets", lambda p: "none" if p.budget is None else cells.seconds(p.budget)),
        ("networks", lambda p: "the recipes' own" if p.network is None else p.network.name),
        ("precisions", lambda p: p.machine.precision),
    )
    for what, fact in facts:
        values = {side.name: fact(side.plan) for side in sides}
        if len({*values.values()}) > 1:
            told = ", ".join(f"{value} ({name})" for name, value in values.items())
            notes.append(f"The runs had different {what}: {told}; a difference may come from that.")
    return notes


# --- several data sets ------------------------------------------------------------------------


def ranks(runs: Sequence[Source]) -> Ranks:
    """Rank the methods that several finished runs confirmed, each run on other data.

    A method's score on a data set is its mean over the confirmed seeds, on test rows. Methods and
    baselines that all runs have take part, without the constant prediction, which only makes the
    critical difference larger.

    Args:
        runs: two or more runs, or their folders.

    Raises:
        InputError: fewer than two runs or common methods, a run that isn't finished or confirmed
            nothing, two runs on the same data, or metrics of which one is better when greater and
            the other when smaller.

    Example:
        >>> import methodic as mt
        >>> mt.ranks(["runs/digits-001", "runs/iris-001"]).methods[0].name    # doctest: +SKIP
        'adamw_cosine'
    """
    sides = read(runs, "a ranking over data sets")
    metrics = [get_metric(side.plan.metric, side.plan.data.task) for side in sides]
    if len({metric.greater_is_better for metric in metrics}) > 1:
        raise InputError(
            "these runs can't be ranked together: greater is better in some, smaller in others",
            found="; ".join(f"{s.name}: {m.name}" for s, m in zip(sides, metrics, strict=True)),
            advice="Run them with metrics of one kind (--metric).",
        )
    _check_other_data(sides)
    names = distinct([side.plan.data.name for side in sides], [side.name for side in sides])
    means = {
        name: {row.name: row.test.mean for row in side.board.rows if row.test}
        for name, side in zip(names, sides, strict=True)
    }
    every = dict.fromkeys(method for each in means.values() for method in each)
    common = [m for m in every if m != "constant" and all(m in each for each in means.values())]
    if len(common) < 2:
        raise InputError(
            "these runs have fewer than two confirmed methods in common",
            found="; ".join(f"{name}: {', '.join(each)}" for name, each in means.items()),
            advice="Name the methods to compare (--recipes A,B), and give the runs enough time "
            "to confirm them.",
        )
    notes = []
    if left := [m for m in every if m != "constant" and m not in common]:
        notes.append(f"Left out, since not every run confirmed them: {', '.join(left)}.")
    if len({metric.name for metric in metrics}) > 1:
        told = ", ".join(f"{m.name} ({n})" for n, m in zip(names, metrics, strict=True))
        notes.append(f"The runs have different metrics: {told}.")
    return _ranks(
        {name: {m: each[m] for m in common} for name, each in means.items()},
        greater_is_better=metrics[0].greater_is_better,
        notes=notes,
    )


def _check_other_data(sides: Sequence[Side]) -> None:
    seen: dict[tuple[str, str], Side] = {}
    for side in sides:
        key = (side.plan.data.fingerprint, side.plan.data.target)
        if key in seen:
            raise InputError(
                f"{seen[key].name} and {side.name} are runs on the same data",
                found=side.plan.data.name,
                accepted="runs on different data",
                advice="Compare runs on the same data with: methodic compare",
            )
        seen[key] = side
