"""Training, validation and test rows.

Pure functions of (data, seed, fractions): no generator is left behind or advanced elsewhere.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from methodic.data.conform import class_codes
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.dataset import DataSet

Rows = npt.NDArray[np.int64]

_BINS = 10  # of a numeric target
_ROWS_PER_BIN = 10


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers, ascending, into ``DataSet.frame``.

    With test rows of the user's own, ``test`` numbers the rows of ``DataSet.test``.
    """

    train: Rows
    validation: Rows
    test: Rows


def split(
    dataset: DataSet,
    seed: int = 0,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
) -> Split:
    """Split the rows at random, each class (or range of a numeric target) in proportion.

    Rows that are equal in every input and the target count as one and land on one side: otherwise
    the model would be tested on rows that it was trained on. Without such rows the parts of each
    class are within two rows of the fractions and the parts of the whole within one or two. Each
    class has a row in training; equal rows that are more than half of their class stay there.

    Args:
        dataset: what to split.
        seed: another seed gives another split.
        fractions: of training, validation and test; all above 0, together 1. With test rows of the
            user's own, training and validation share the frame in proportion of the first two.

    Raises:
        InputError: bad fractions, or too few different rows.

    Example:
        >>> from methodic.data.dataset import load
        >>> parts = split(load("iris"))
        >>> len(parts.train) + len(parts.validation) + len(parts.test)
        150
    """
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise InputError(
            "the fractions of training, validation and test rows don't fit",
            found=fractions,
            accepted="three numbers above 0 with the sum 1",
        )
    train, validation, test = fractions
    shares = (validation, test)
    if dataset.test is not None:
        shares = (validation / (train + validation), 0.0)
    group, size = _groups(dataset.frame)
    parts = _assign(_strata(dataset, group), size, shares, seed)[group]
    rows = [np.flatnonzero(parts == part).astype(np.int64) for part in range(3)]
    if dataset.test is not None:
        rows[2] = np.arange(dataset.test.height, dtype=np.int64)
    if not all(len(each) for each in rows):
        raise InputError(
            f"{dataset.name}: too few different rows to split in three",
            found=f"{len(size)} different rows among {dataset.frame.height}",
            accepted="enough different rows for training, validation and test",
        )
    return Split(*rows)


FOLDS = 5
"""Folds of a repetition of cross-validation."""

_VALIDATION = 0.15  # of all rows, as in `split`


def fold(dataset: DataSet, number: int, seed: int = 0, folds: int = FOLDS) -> Split:
    """One split of repeated cross-validation: its test rows are a fold of them.

    Repetition r = number // folds shuffles all rows anew and deals them, each class (or range of a
    numeric target) evenly, into ``folds`` parts; part number % folds are the test rows. So the test
    rows of a repetition's splits are all rows, each once. Of the other rows so many become
    validation rows as in `split`. Equal rows stay together as they do there; what has to stay in
    training (the larger half of a class, or its only rows) is never tested.

    Args:
        dataset: what to split, without test rows of the user's own.
        number: of the split, from 0.
        seed: of the run.
        folds: of a repetition, at least 2.

    Raises:
        InputError: test rows of the user's own, or too few different rows.

    Example:
        >>> from methodic.data.dataset import load
        >>> iris = load("iris")
        >>> tested = np.concatenate([fold(iris, i).test for i in range(FOLDS)])
        >>> len(tested), len(set(tested.tolist()))
        (150, 150)
    """
    if number < 0 or folds < 2:
        raise ValueError(f"fold({number}) of {folds} folds doesn't exist")
    if dataset.test is not None:
        raise InputError(
            f"{dataset.name}: cross-validation makes test rows of all rows, but you gave your own",
            advice="Leave --split out, or ask for --splits one.",
        )
    group, size = _groups(dataset.frame)
    stratum = _strata(dataset, group)
    repetition, part = divmod(number, folds)
    dealt = _dealt(stratum, size, folds, seed, repetition)
    rest = np.flatnonzero(dealt != part)
    parts = np.full(len(size), 2, dtype=np.int64)
    share = _VALIDATION * folds / (folds - 1)
    own = seed ^ ((number + 1) << 40)  # each split draws its validation rows by itself
    parts[rest] = _assign(stratum[rest], size[rest], (share, 0.0), own)
    rows = [np.flatnonzero(parts[group] == each).astype(np.int64) for each in range(3)]
    if not all(len(each) for each in rows):
        raise InputError(
            f"{dataset.name}: too few different rows for {folds} folds",
            found=f"{len(size)} different rows among {dataset.frame.height}",
            accepted="rows for training, validation and test in each fold",
            advice="Ask for one split (--splits one).",
        )
    return Split(*rows)


def _dealt(stratum: Rows, size: Rows, folds: int, seed: int, repetition: int) -> Rows:
    """The part of each group; −1 for those that always train."""
    total = np.bincount(stratum, weights=size)[stratum]
    stays = (2 * size > total) | (np.bincount(stratum)[stratum] < 2)
    random = _random(seed, f"fold {repetition}", len(size))
    order = np.lexsort((random, stratum))
    order = order[~stays[order]]
    dealt = np.full(len(size), -1, dtype=np.int64)
    # Dealing goes on from one class to the next, so that no part gets the rest of every class.
    dealt[order] = np.arange(len(order)) % folds
    return dealt


def _groups(frame: pl.DataFrame) -> tuple[Rows, Rows]:
    """The group of equal rows that each row belongs to, and the size of each group.

    Groups are numbered by first appearance, so the hash that finds them leaves no trace.
    """
    _, first, inverse = np.unique(
        frame.hash_rows().to_numpy(), return_index=True, return_inverse=True
    )
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    group = rank[inverse]
    return group, np.bincount(group)


def _strata(dataset: DataSet, group: Rows) -> Rows:
    """The class of each group, or the range of its target."""
    target = dataset.frame[dataset.schema.target]
    _, first = np.unique(group, return_index=True)
    if dataset.schema.task != "regression":
        return class_codes(target, dataset.schema).to_numpy()[first].astype(np.int64)
    values = target.to_numpy()[first]
    bins = max(1, min(_BINS, len(values) // _ROWS_PER_BIN))
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    strata: Rows = rank * bins // len(values)
    return strata


def _random(seed: int, name: str, n: int) -> npt.NDArray[np.uint64]:
    """n random integers, a function of (seed, name): the raw counters of Philox (Salmon 2011)."""
    key = [seed % 2**64, zlib.crc32(name.encode())]
    raw: npt.NDArray[np.uint64] = np.random.Philox(key=np.array(key, dtype=np.uint64)).random_raw(n)
    return raw


def _assign(stratum: Rows, size: Rows, shares: tuple[float, float], seed: int) -> Rows:
    """The part of each group: 0 training, 1 validation, 2 test.

    Within a stratum the shuffled groups lie end to end; training takes the first rows, then come
    validation and test, and a group belongs where its middle lies. A group of more than half of its
    stratum fits nowhere but in training; the others are split as if it weren't there.
    """
    large = 2 * size > np.bincount(stratum, weights=size)[stratum]
    order = np.lexsort((_random(seed, "split", len(size)), ~large, stratum))
    ordered, rows = stratum[order], np.where(large, 0, size)[order]
    start = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    which = np.repeat(np.arange(len(start)), np.diff(np.r_[start, len(order)]))
    total = np.add.reduceat(rows, start)
    end = np.cumsum(rows)
    before = np.r_[0, end[:-1]][start]
    middle = end - rows / 2 - before[which]
    validation = _systematic(shares[0] * total, seed, "validation")
    test = _systematic(shares[1] * total, seed, "test")
    # A stratum of two or three rows may have been asked for all of them.
    test = np.where(total - validation - test < 1, np.maximum(test - 1, 0), test)
    train = np.maximum(total - validation - test, 1)
    part = (middle > train[which]).astype(np.int64) + (middle > (train + validation)[which])
    part[start] = 0
    for wanted in (1, 2) if shares[1] else (1,):
        _fill(wanted, part, which, size[order])
    result = np.empty(len(order), dtype=np.int64)
    result[order] = part
    return result


def _fill(wanted: int, part: Rows, which: Rows, size: Rows) -> None:
    """Give a part that large groups left empty the smallest group that another can spare."""
    if (part == wanted).any():
        return
    other = part == 3 - wanted
    in_training = np.bincount(which, weights=part == 0)[which]
    spare = np.flatnonzero(((part == 0) & (in_training > 1)) | (other & (other.sum() > 1)))
    if len(spare):
        part[spare[np.argmin(size[spare])]] = wanted


def _systematic(wanted: npt.NDArray[np.float64], seed: int, name: str) -> Rows:
    """Whole numbers near ``wanted``: each rounded down or up, their sum too, without bias.

    One random offset serves all (systematic sampling, Madow and Madow 1944).
    """
    offset = float(_random(seed, name, 1)[0] >> np.uint64(11)) * 2.0**-53
    edges = np.floor(np.r_[0.0, np.cumsum(wanted)] + offset)
    rounded: Rows = np.diff(edges).astype(np.int64)
    return rounded
