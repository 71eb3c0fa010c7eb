"""Training, validation and test rows.

Pure functions of (data, seed, fractions): no generator is left behind or advanced elsewhere. What
the user says about parts goes first (`given`), then time (`timed`), then groups (`grouped`);
otherwise rows are drawn at random (`stratified`). In an experiment with few labels (`few`) most of
the rows that aren't test rows then lose their targets; and not all rows that never had one may
train beside every split (`beside`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from methodic.data.splits import beside, few, given, grouped, stratified, timed
from methodic.data.splits.given import TEST, TRAIN, VALIDATION
from methodic.data.splits.stratified import Rows
from methodic.errors import InputError

if TYPE_CHECKING:
    from methodic.data.dataset import DataSet

__all__ = ["FOLDS", "Rows", "Split", "fold", "rule", "split", "uncrossable"]

FOLDS = 5
"""Folds of a repetition of cross-validation."""

_VALIDATION = 0.15  # of all rows
_USUAL = (0.7, _VALIDATION, 0.15)


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers, ascending, into ``DataSet.frame``.

    With test rows of the user's own, ``test`` numbers the rows of ``DataSet.test``. Rows that train
    without a target: ``hidden`` have one that nobody may read, and ``beside`` numbers rows of
    ``DataSet.unlabelled``.
    """

    train: Rows
    validation: Rows
    test: Rows
    hidden: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    beside: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


def split(
    dataset: DataSet, seed: int = 0, fractions: tuple[float, float, float] | None = None
) -> Split:
    """Split the rows in three, as the user said or else at random.

    - A column of parts (`Schema.part`): as its cells say; without cells for validation, these rows
      are made of the training rows in one of the ways below.
    - A column of times: the test rows are the latest, the validation rows come before them; rows of
      one time stay together. Of a group its last row counts.
    - A column of groups: rows of one group stay on one side, and so do groups that have a row in
      common; the parts are those of several draws that are nearest to the fractions, in rows and
      in each class (or range of a numeric target).
    - Otherwise at random, each class in proportion. Rows that are equal in every input and target
      count as one and land on one side: otherwise the model would be tested on rows that it was
      trained on. Without such rows the parts of each class are within two rows of the fractions and
      the parts of the whole within one or two. Each class has a row in training; equal rows that
      are more than half of their class stay there.

    Where the user asked for few labels (`Reading.labels`), so many of the training and validation
    rows stay these, and the others train without their targets; see `few`.

    Args:
        dataset: what to split.
        seed: another seed gives another split, but for columns of times or parts.
        fractions: of training, validation and test; all above 0, together 1; by default 70%, 15%
            and the share that the user asked for, or 15%. With test rows of the user's own,
            training and validation share the frame in proportion of the first two.

    Raises:
        InputError: bad fractions, too few different rows, groups or times, too few or too many
            labels, or a cell that is no time or names no part.

    Example:
        >>> from methodic.data.loading import load
        >>> parts = split(load("iris"))
        >>> len(parts.train) + len(parts.validation) + len(parts.test)
        150
    """
    train, validation, test = _fractions(dataset, fractions)
    every = np.arange(dataset.frame.height, dtype=np.int64)
    inside = validation / (train + validation)  # of what isn't tested
    named = False
    if dataset.schema.part is not None and dataset.test is None:
        parts = given.parts_of(dataset.frame[dataset.schema.part], dataset.name)
        rest = np.flatnonzero(parts == TRAIN).astype(np.int64)
        named = bool((parts == VALIDATION).any())
        if not named:
            parts[rest] = _divided(dataset, rest, (inside, 0.0), seed)
    elif dataset.test is not None:
        parts = _divided(dataset, every, (inside, 0.0), seed)
    else:
        parts = _divided(dataset, every, (validation, test), seed)
    return _finished(dataset, parts, seed, named, "to split in three", None)


def fold(dataset: DataSet, number: int, seed: int = 0, folds: int = FOLDS) -> Split:
    """One split of repeated cross-validation: its test rows are a fold of them.

    Repetition r = number // folds shuffles all rows anew and deals them, each class (or range of a
    numeric target) evenly, into ``folds`` parts; part number % folds are the test rows. So the test
    rows of a repetition's splits are all rows, each once. Of the other rows so many become
    validation rows as in `split`. Equal rows stay together as they do there; what has to stay in
    training (the larger half of a class, or its only rows) is never tested. The user's groups stay
    whole, too, and each of them is tested.

    Args:
        dataset: what to split; see `uncrossable`.
        number: of the split, from 0.
        seed: of the run.
        folds: of a repetition, at least 2.

    Raises:
        InputError: test rows of the user's own, rows in the order of time, or too few different
            rows or groups.

    Example:
        >>> from methodic.data.loading import load
        >>> iris = load("iris")
        >>> tested = np.concatenate([fold(iris, i).test for i in range(FOLDS)])
        >>> len(tested), len(set(tested.tolist()))
        (150, 150)
    """
    if number < 0 or folds < 2:
        raise ValueError(f"fold({number}) of {folds} folds doesn't exist")
    reason = uncrossable(dataset)
    if reason is not None:
        raise InputError(f"{dataset.name}: {reason}", advice="Ask for one split (--splits one).")
    repetition, number_inside = divmod(number, folds)
    own = seed ^ ((number + 1) << 40)  # each split draws its validation rows by itself
    share = _VALIDATION * folds / (folds - 1)
    equal = stratified.equal_rows(dataset)
    if dataset.schema.group is None:
        size = np.bincount(equal)
        stratum = stratified.strata(dataset, _firsts(equal))
        dealt = stratified.dealt(stratum, size, folds, seed, repetition)
        rest = np.flatnonzero(dealt != number_inside)
        of_group = np.full(len(size), TEST, dtype=np.int64)
        of_group[rest] = stratified.assigned(stratum[rest], size[rest], (share, 0.0), own)
        parts = of_group[equal]
    else:
        what, where = dataset.schema.group, dataset.name
        group = grouped.groups(dataset.frame[what], equal)
        stratum = stratified.strata(dataset, np.arange(len(group), dtype=np.int64))
        dealt = grouped.dealt(group, stratum, folds, seed, repetition, what, where)
        rest = np.flatnonzero(dealt != number_inside)
        parts = np.full(len(group), TEST, dtype=np.int64)
        inner = stratified.numbered(group[rest])
        parts[rest] = grouped.assigned(inner, stratum[rest], (share, 0.0), own, what, where)
    advice = "Ask for one split (--splits one)."
    return _finished(dataset, parts, own, False, f"for {folds} folds", advice)


def uncrossable(dataset: DataSet) -> str | None:
    """Why cross-validation of these data would be wrong; None where it is not."""
    if dataset.test is not None:
        return "cross-validation makes test rows of all rows, but you gave your own"
    if dataset.schema.part is not None:
        return (
            "cross-validation makes test rows of all rows, but the column "
            f"'{dataset.schema.part}' names them"
        )
    if dataset.schema.time is not None:
        return (
            "cross-validation would train on rows that are later than its test rows, and "
            f"'{dataset.schema.time}' orders them"
        )
    if dataset.large is not None:
        return (
            "cross-validation would write all rows once for each of its splits, and they don't fit "
            "into memory"
        )
    if dataset.reading.teacher is not None:
        return (
            "cross-validation tests all rows, and the teacher may have learnt from some of them: "
            f"{dataset.reading.teacher}"
        )
    return None


def rule(dataset: DataSet) -> str:
    """How these data are split, in a sentence for people; "" for the usual way."""
    schema = dataset.schema
    said = []
    if dataset.test is not None:
        said.append("the test rows are your own")
    elif schema.part is not None:
        said.append(f"'{schema.part}' names each row's part")
    elif dataset.reading.split is not None:
        said.append(f"{_fractions(dataset, None)[TEST]:.3g} of the rows are test rows, as asked")
    if schema.time is not None:
        ours = dataset.test is None and schema.part is None
        latest = (
            "test rows are the latest" if ours else "validation rows are the latest of the rest"
        )
        said.append(f"{latest} by '{schema.time}'")
    if schema.group is not None:
        said.append(f"rows of one '{schema.group}' stay on one side")
    if dataset.reading.labels is not None:
        said.append(_labelled(dataset))
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _labelled(dataset: DataSet) -> str:
    """What becomes of the rows where the user asked for few labels."""
    schema, labels = dataset.schema, str(dataset.reading.labels).strip()
    about = "about " if schema.group is not None else ""
    text = (
        f"{about}{labels} of the rows that aren't test rows keep their targets, as asked, to train "
        "and to choose by; the others train without"
    )
    named = False
    if schema.part is not None and dataset.test is None:
        parts = given.parts_of(dataset.frame[schema.part], dataset.name)
        named = bool((parts == VALIDATION).any())
    if schema.time is not None or named:
        text += ", but for validation rows, which are left out then"
    return text


def _fractions(
    dataset: DataSet, fractions: tuple[float, float, float] | None
) -> tuple[float, float, float]:
    """Training, validation and test, as given, as the user asked, or the usual ones."""
    asked = dataset.reading.split
    if fractions is None and asked is not None and dataset.schema.part is None:
        given.check(asked, dataset.frame.columns, dataset.name)
        test = given.share_of(asked) or 0.0
        rest = (1 - test) / (1 - _USUAL[TEST])
        return _USUAL[TRAIN] * rest, _USUAL[VALIDATION] * rest, test
    fractions = fractions or _USUAL
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise InputError(
            "the fractions of training, validation and test rows don't fit",
            found=fractions,
            accepted="three numbers above 0 with the sum 1",
        )
    return fractions


def _divided(dataset: DataSet, rows: Rows, shares: tuple[float, float], seed: int) -> Rows:
    """The part of each of ``rows``: 0 training, 1 validation, 2 test.

    Args:
        dataset: what to split.
        rows: those that are to be split, as row numbers.
        shares: of validation and test among them.
        seed: of the draws.
    """
    schema, where = dataset.schema, dataset.name
    group = None
    equal = stratified.numbered(stratified.equal_rows(dataset)[rows])
    if schema.group is not None:
        group = grouped.groups(dataset.frame[schema.group][rows], equal)
    if schema.time is not None:
        notation = beside.notation(dataset)
        moment = timed.moments(dataset.frame[schema.time], where, notation)[rows]
        if group is not None:
            last = np.zeros(int(group.max()) + 1, dtype=np.int64)
            np.maximum.at(last, group, moment)
            moment = last[group]
        moment = np.unique(moment, return_inverse=True)[1].astype(np.int64)
        return timed.ordered(moment, shares, schema.time, where)
    if group is not None and schema.group is not None:
        stratum = stratified.strata(dataset, rows)
        return grouped.assigned(group, stratum, shares, seed, schema.group, where)
    stratum = stratified.strata(dataset, rows[_firsts(equal)])
    return stratified.assigned(stratum, np.bincount(equal), shares, seed)[equal]


def _firsts(group: Rows) -> Rows:
    """The first row of each group."""
    return np.unique(group, return_index=True)[1].astype(np.int64)


def _finished(
    dataset: DataSet, parts: Rows, seed: int, named: bool, purpose: str, advice: str | None
) -> Split:
    """The split by the part of each row, when few labels and other rules have had their say.

    Args:
        dataset: what is split.
        parts: of each row, [N].
        seed: of the labels.
        named: whether the user says which rows are for validation.
        purpose, advice: for the error.

    Raises:
        InputError: a part is empty, or the labels are too few or too many.
    """
    apart = named or dataset.schema.time is not None
    rows = _rows(dataset, parts)
    if not all(map(len, rows)):
        different = int(stratified.equal_rows(dataset).max()) + 1
        raise InputError(
            f"{dataset.name}: too few different rows {purpose}",
            found=f"{different} different rows among {dataset.frame.height}",
            accepted="enough different rows for training, validation and test"
            + (" in each fold" if advice else ""),
            advice=advice,
        )
    if dataset.reading.labels is not None:
        parts = few.kept(dataset, parts, seed, apart=apart)
        rows = _rows(dataset, parts)
    by_time = dataset.schema.time is not None and not named
    more = beside.allowed(dataset, rows[VALIDATION], rows[TEST], by_time=by_time)
    hidden = np.flatnonzero(parts == few.HIDDEN).astype(np.int64)
    train, validation, test = rows
    return Split(train, validation, test, hidden, more)


def _rows(dataset: DataSet, parts: Rows) -> list[Rows]:
    """Numbers of the training, validation and test rows."""
    rows = [np.flatnonzero(parts == part).astype(np.int64) for part in range(3)]
    if dataset.test is not None:
        rows[TEST] = np.arange(dataset.test.height, dtype=np.int64)
    return rows
