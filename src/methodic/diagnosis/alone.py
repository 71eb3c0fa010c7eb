"""A column that by itself predicts what all the others together can't.

Such a column mostly was written after the target was known: a code of the outcome, a date that only
some outcomes have, a number that was computed from it. A column may also just be that good; so it
is compared with the others, and the finding says what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from methodic.diagnosis.findings import Finding
from methodic.diagnosis.views import Array, View, codes, table

LEFT = 0.35
"""Suspicious is a column that leaves at most so much of the errors of guessing, and of those of all
other columns together."""
_HINT = 0.5  # what a quick look has to leave at most, before a closer one
_PERFECT = 0.02  # columns that leave no more are compared without each other
_MOST = 3  # columns that are looked at closely, for each target
_BINS = 64
_ROWS_A_BIN = 25
_CLOSE = 8_000  # rows of a closer look
_FOLDS = 3
_SURE = 3.3  # standard errors between a column's errors and those of the others
_FEWEST = 50
_SINGLE = 1e30


def alone(views: Sequence[View], targets: Sequence[View], *, less: bool = False) -> list[Finding]:
    """Columns that predict a target by themselves; see the module.

    Errors are wrong classes, or squared differences, on rows that the predictor wasn't fitted on.

    Args:
        views: the columns, without those that are a target in disguise.
        targets: what is to be predicted.
        less: there are such in disguise.
    """
    found = []
    for target in targets:
        known = np.flatnonzero(~np.isnan(target.values))
        if len(known) >= _FEWEST:
            mine = [view.part(known) for view in views]
            found += _of(mine, target.part(known), less)
    return found


def _of(views: Sequence[View], target: View, less: bool) -> list[Finding]:
    y = target.values
    guessed = _guess(y, target.words is not None)
    if guessed.mean() == 0:
        return []
    quick = [_quick(view, y, target.words is not None) / guessed.mean() for view in views]
    order = [int(i) for i in np.argsort(quick, kind="stable") if quick[i] <= _HINT]
    if not order:
        return []
    rows = np.arange(len(y))
    if len(y) > _CLOSE:
        rows = np.sort(np.random.Generator(np.random.Philox(1)).choice(len(y), _CLOSE, False))
    target, guessed = target.part(rows), guessed[rows]
    closer = {i: _tree([views[i].part(rows)], target) for i in order[:_MOST]}
    perfect = {i for i, wrong in closer.items() if wrong.mean() <= _PERFECT * guessed.mean()}
    found = []
    for i, wrong in closer.items():
        if wrong.mean() > LEFT * guessed.mean():
            continue
        rest = [view.part(rows) for j, view in enumerate(views) if j != i and j not in perfect]
        others = _forest(rest, target) if rest else guessed
        others = others if others.mean() < guessed.mean() else guessed
        # Per row, so that the standard error of the difference is that of paired rows.
        gap = LEFT * others - wrong
        if gap.mean() >= _SURE * gap.std() / np.sqrt(len(gap)):
            rivals = less or bool(perfect - {i})
            found.append(_finding(views[i], target, wrong, others, guessed, bool(rest), rivals))
    return found


def _finding(
    view: View,
    target: View,
    wrong: Array,
    others: Array,
    guessed: Array,
    rest: bool,
    rivals: bool,
) -> Finding:
    """``rest``: there are other columns; ``rivals``: not counting those that do as well."""
    whom = "all other columns together"
    if rivals:
        whom = "the other columns together, without those that predict it as well,"
    if target.words is not None:
        by_itself = f"{1 - wrong.mean():.1%} of rows right"
        without = f"{1 - others.mean():.1%}"
        nothing = f"the commonest class {1 - guessed.mean():.1%}"
    else:
        by_itself = f"{1 - wrong.mean() / guessed.mean():.1%} of the variance explained"
        without = f"{1 - others.mean() / guessed.mean():.1%}"
        nothing = "the mean 0%"
    compared = f"; {whom.rstrip(',')}, {without}; {nothing}" if rest else f"; {nothing}"
    return Finding(
        name="one column",
        what=f"'{view.name}' alone predicts the target '{target.name}'"
        + (f", which {whom} don't." if rest else "."),
        evidence=(f"By itself, on rows held out: {by_itself}{compared} ({len(wrong):,} rows).",),
        advice=f"Would you know '{view.name}' when you have to predict, and was it not made from "
        f"'{target.name}'? If in doubt, run once more with --drop {view.column}.",
        serious=True,
        columns=(view.column,),
        numbers={
            "error": float(wrong.mean()),
            "error of the others": float(others.mean()),
            "error of guessing": float(guessed.mean()),
            "rows": len(wrong),
        },
    )


def _guess(y: Array, classes: bool) -> Array:
    """The error of each row, when the commonest class or the mean is guessed."""
    found: Array = (y - y.mean()) ** 2
    if classes:
        found = (y != np.bincount(y.astype(np.int64)).argmax()).astype(np.float64)
    return found


def _quick(view: View, y: Array, classes: bool) -> float:
    """The mean error of predicting by the column's bins, each half of the rows by the other."""
    bins = int(np.clip(len(y) // _ROWS_A_BIN, 2, _BINS))
    code, size = codes(view, bins)
    half = np.arange(len(y)) % 2 == 0
    wrong = np.empty(len(y))
    for fit, seen in ((half, ~half), (~half, half)):
        if classes:
            kinds = int(y.max()) + 1
            flat = code[fit] * kinds + y[fit].astype(np.int64)
            counts = np.bincount(flat, minlength=size * kinds).reshape(size, kinds)
            # An empty bin takes the commonest class.
            usual = np.where(counts.sum(1), counts.argmax(1), counts.sum(0).argmax())
            wrong[seen] = usual[code[seen]] != y[seen]
        else:
            rows = np.bincount(code[fit], minlength=size)
            sums = np.bincount(code[fit], weights=y[fit], minlength=size)
            mean = np.where(rows, sums / np.maximum(rows, 1), y[fit].mean())
            wrong[seen] = (mean[code[seen]] - y[seen]) ** 2
    return float(wrong.mean())


def _tree(views: Sequence[View], target: View) -> Array:
    """The errors of a small tree on one column."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeRegressor if target.words is None else DecisionTreeClassifier
    leaves = int(np.clip(len(target.values) // _ROWS_A_BIN, 4, 2 * _BINS))
    return _held_out(
        lambda: kind(max_leaf_nodes=leaves, min_samples_leaf=2, random_state=0), views, target
    )


def _forest(views: Sequence[View], target: View) -> Array:
    """The errors of boosted trees on many columns."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if target.words is None else HistGradientBoostingClassifier
    kinds = 1 if target.words is None else len(np.unique(target.values))
    rounds = int(np.clip(60 // kinds, 5, 30))
    return _held_out(
        lambda: kind(max_iter=rounds, early_stopping=False, learning_rate=0.2, random_state=0),
        views,
        target,
    )


def _held_out(make: Callable[[], Any], views: Sequence[View], target: View) -> Array:
    """The error of each row, predicted by a model that was fitted on the others' folds."""
    from threadpoolctl import threadpool_limits

    x, y = table(views), target.values
    # Trees see single precision; columns beyond it keep their order when they are divided.
    largest = np.fmax.reduce(np.abs(x), axis=0, initial=0.0)
    x = x / np.where(largest > _SINGLE, largest, 1.0)
    fold = np.random.Generator(np.random.Philox(2)).permutation(len(y)) % _FOLDS
    wrong = np.empty(len(y))
    for each in range(_FOLDS):
        fit, seen = fold != each, fold == each
        if target.words is not None and len(np.unique(y[fit])) < 2:
            wrong[seen] = _guess(y, True)[seen]
            continue
        # OpenMP's threads wait for each other in loops that cost ten times the work.
        with threadpool_limits(1):
            predicted = make().fit(x[fit], y[fit]).predict(x[seen])
        wrong[seen] = (predicted - y[seen]) ** 2 if target.words is None else predicted != y[seen]
    return wrong
