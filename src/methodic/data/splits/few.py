"""Few labels: which rows keep their targets, so that the others train without (`--labels`).

Labels are taken from a split that stands already: so many training rows and so many validation rows
keep theirs, in the proportion of the two parts, and the test rows stay as they are. A part has an
order, a function of the seed, and its first rows keep their targets; so what keeps them among 100
keeps them among 500, too.

N rows, G groups, C classes or labels.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from methodic.data.columns.conform import class_codes
from methodic.data.predicted.labels import matrix
from methodic.data.splits import grouped, stratified
from methodic.data.splits.given import TRAIN, VALIDATION
from methodic.data.splits.stratified import Rows
from methodic.errors import InputError

if TYPE_CHECKING:
    from methodic.data.dataset import DataSet

HIDDEN, UNUSED = 3, 4
"""Parts of rows beside training, validation and test: those that train without their targets, and
those that are left out."""

_ACCEPTED = "a number of rows, such as 100, or a share of them, such as 5%"
_SHOWN = 5  # classes that a message names


@dataclass(frozen=True, eq=False)
class Order:
    """The rows of a part in the order in which they keep their targets.

    Args:
        rows: numbers of rows within the part, [N].
        ends: after so many rows a group ends, [G] ascending; groups stay whole.
        firsts: so many rows are needed for each class to have one, [C]; 0 for a class that the part
            doesn't have.
    """

    rows: Rows
    ends: Rows
    firsts: Rows

    @property
    def covered(self) -> int:
        """Rows from the start that have every class of the part; at least the first group."""
        return max(int(self.ends[0]), int(self.firsts.max(initial=0)))

    def taken(self, wanted: int, least: int = 1) -> int:
        """Rows of whole groups: about ``wanted``, and at least ``least``."""
        possible = self.ends[int(np.searchsorted(self.ends, least)) :]
        return int(possible[np.abs(possible - wanted).argmin()])


def wanted(labels: str, rows: int) -> int:
    """How many rows are to keep their targets, out of what was typed.

    Args:
        labels: "100", or "5%".
        rows: among which.

    Raises:
        InputError: neither, or no row at all.

    Example:
        >>> wanted("100", 2000), wanted("5%", 2000)
        (100, 100)
    """
    found = re.fullmatch(r"\s*(\d{1,15}|\d{0,3}(?:\.\d+)?(?=\s*%))\s*(%?)\s*", labels)
    number = float(found[1]) if found and found[1] else math.nan
    share = found is not None and bool(found[2])
    if not (0 < number <= 100 if share else number >= 1):
        try:
            part = 0 < float(labels) < 1
        except ValueError:
            part = False
        raise InputError(
            "--labels: not a number of rows",
            found=repr(labels),
            accepted=_ACCEPTED,
            advice=f"Did you mean {100 * float(labels):g}%?" if part else None,
        )
    return max(1, math.floor(number / 100 * rows + 0.5)) if share else int(number)


def ordered(
    group: Rows,
    stratum: Rows,
    members: tuple[Rows, Rows],
    classes: int,
    seed: int,
    name: str,
    *,
    soon: bool = False,
) -> Order:
    """A random order of a part's rows, each stretch of which has about its share of every stratum.

    Args:
        group, stratum: of each row, [N] from 0; groups without gaps.
        members: pairs (row, class) of the classes that rows have.
        classes: C.
        seed, name: another one of either gives another order.
        soon: a group of each class comes before all others.
    """
    order = next(grouped.orders(group, stratum, seed, name))
    where, of_class = members
    firsts = _firsts(order, group, where, of_class, classes)
    if soon:
        front = np.zeros(len(order), dtype=bool)
        front[firsts[firsts < len(order)]] = True
        order = np.r_[order[front], order[~front]]
        firsts = _firsts(order, group, where, of_class, classes)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    ends = np.cumsum(np.bincount(group)[order])
    needed = np.where(firsts < len(order), np.r_[ends, 0][firsts], 0)
    rows = np.argsort(place[group], kind="stable")
    return Order(rows.astype(np.int64), ends.astype(np.int64), needed.astype(np.int64))


def _firsts(order: Rows, group: Rows, where: Rows, of_class: Rows, classes: int) -> Rows:
    """The place in the order of each class's first group, [C]; G where there is none."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    found = np.full(classes, len(order), dtype=np.int64)
    np.minimum.at(found, of_class, place[group[where]])
    return found


def shared(count: int, train: Order, validation: Order) -> tuple[int, int] | None:
    """How many training and validation rows keep their targets, of ``count`` together.

    Validation has its usual share of them, and a row of each class where that leaves training one,
    too. Where groups stay whole it may be some more or less in all.

    Returns:
        None: too few for a row of each class in training and one in validation.
    """
    if count < least(train, validation):
        return None
    rows = len(train.rows) + len(validation.rows)
    usual = math.floor(count * len(validation.rows) / rows + 0.5)
    held = min(max(usual, validation.covered), count - train.covered)
    return train.taken(count - held, train.covered), validation.taken(held)


def least(train: Order, validation: Order) -> int:
    """The least number of labels that works."""
    return train.covered + int(validation.ends[0])


def kept(dataset: DataSet, parts: Rows, seed: int, *, apart: bool) -> Rows:
    """The part of each row, [N], when only some keep their targets: see `HIDDEN` and `UNUSED`.

    Args:
        dataset: whose reading says how many labels there are to be.
        parts: of a split without regard to labels; training and validation have a row each.
        seed: of the draw.
        apart: validation rows have a reason to be these, as their time or the user's word, so
            they never train; those without a target are left out.

    Raises:
        InputError: more labels than rows, or so few that a class has none in training.
    """
    labels = str(dataset.reading.labels)
    train = np.flatnonzero(parts == TRAIN).astype(np.int64)
    held = np.flatnonzero(parts == VALIDATION).astype(np.int64)
    total = len(train) + len(held)
    count = wanted(labels, total)
    if count > total:
        raise InputError(
            f"{dataset.name}: --labels asks for more rows than there are",
            found=f"{count:,}",
            accepted=f"at most {total:,}: rows with a target that aren't test rows",
        )
    first = _order(dataset, train, seed, "labels", soon=False)
    second = _order(dataset, held, seed, "labels of validation", soon=True)
    found = shared(count, first, second)
    if found is None:
        raise _too_few(dataset, count, first, second)
    result = parts.copy()
    result[train], result[held] = HIDDEN, UNUSED if apart else HIDDEN
    result[train[first.rows[: found[0]]]] = TRAIN
    result[held[second.rows[: found[1]]]] = VALIDATION
    return result


def _order(dataset: DataSet, rows: Rows, seed: int, name: str, *, soon: bool) -> Order:
    schema = dataset.schema
    group = np.arange(len(rows), dtype=np.int64)
    if schema.group is not None:
        group = stratified.numbered(grouped.named(dataset.frame[schema.group])[rows])
    members = _members(dataset, rows)
    stratum = stratified.strata(dataset, rows)
    return ordered(group, stratum, members, len(schema.classes), seed, name, soon=soon)


def _members(dataset: DataSet, rows: Rows) -> tuple[Rows, Rows]:
    """Pairs (row, class) of the classes, or labels, that ``rows`` have."""
    schema = dataset.schema
    if schema.task == "regression":
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if schema.task == "multilabel":
        has = matrix([dataset.frame[name] for name in schema.targets], schema).to_numpy()[rows]
        where, label = np.nonzero(has > 0)
        return where.astype(np.int64), label.astype(np.int64)
    codes = class_codes(dataset.frame[schema.target], schema).to_numpy()[rows]
    return np.arange(len(rows), dtype=np.int64), codes.astype(np.int64)


def _too_few(dataset: DataSet, count: int, train: Order, validation: Order) -> InputError:
    """The error for so few labels that training lacks a class, or validation any row."""
    schema, needed = dataset.schema, least(train, validation)
    room = count - int(validation.ends[0])
    lacking = [name for name, row in zip(schema.classes, train.firsts, strict=True) if row > room]
    what = ("label", "labels") if schema.task == "multilabel" else ("class", "classes")
    named = ", ".join(f"'{name}'" for name in lacking[:_SHOWN])
    more = f", … ({len(lacking)} in all)" if len(lacking) > _SHOWN else ""
    if lacking:
        which = f"{what[len(lacking) > 1]} {named}{more}"
        problem = f"no training row of the {which} would keep its target"
    else:
        problem = "training and validation would not have a row each with a target"
    whole = f" (rows of one '{schema.group}' stay together)" if schema.group is not None else ""
    return InputError(
        f"{dataset.name}: --labels {dataset.reading.labels} is too few: {problem}",
        found=f"{count:,} rows with a target for training and validation",
        accepted=f"at least {needed:,}{whole}",
        advice=f"Write --labels {needed} or more.",
    )
