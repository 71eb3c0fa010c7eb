"""How good a representation is: what simple methods make of the features that an encoder gives.

- A linear probe: a linear model of the training rows' features. What it gets right on validation
  rows can be read off the features by a plane.
- Nearest neighbours: the five training rows whose features point in the most similar direction.
- Effective rank: of how many equally strong, unrelated features they are worth: exp of the entropy
  of the covariance's eigenvalues, as shares of their sum (Roy and Vetterli 2007).
- Idle features: those which hardly change from row to row.

The last two need no targets, so they look at training rows with and without one: where labels are
few, so are validation rows, and features that answer to few rows would seem to be idle.

Beside them stands the same network before its first step, since random features are already worth
something. Validation rows also chose the weights that are kept, so all of this compares
representations with each other, and claims nothing about new rows.

Shapes: N rows, F features, T targets or labels.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from methodic.metrics import METRICS
from methodic.plan import FORMAT, Task, Value

Array = npt.NDArray[Any]

NAME = "representation.json"
"""Of the file in a run's folder."""
NEIGHBOURS = 5
SHOWN = 500
"""Rows in the picture, at most."""
_NUMBERS = 1 << 20  # of features, at most, so that wide ones don't take long
_ROWS = (200, 2000)  # at least and at most so many
_WORK = 4e8  # products for a probe of classes, about
_TINY = 1e-3  # a feature's deviation ÷ its size below which it is idle
_NONE = 1e-10  # variance ÷ mean square of all features below which rounding is all there is


class Quality(Value):
    """What the features of one network are worth."""

    probe: float | None  # None: the training rows are of one class
    neighbours: float | None
    rank: float  # effective; 0 where no feature changes
    idle: float  # share of features without variance


class Representation(Value):
    """The best network of a confirmed unit, and the same before its first step."""

    unit: str
    member: int  # its place in the unit
    method: str
    seed: int
    features: int
    rows: tuple[int, int]  # training rows with a target and validation rows that were looked at
    score: Literal["accuracy", "r2"]  # of probe and neighbours
    trained: Quality
    untrained: Quality
    learnt: Quality | None = None  # as the last stage without targets left it, before others
    every: int = 0  # training rows, with a target or without, that rank and idle features are of


class Sketch(Value):
    """Features of validation rows along their first two principal components."""

    points: tuple[tuple[float, float], ...]
    values: tuple[float, ...]  # the class, the number of labels, or the first target's number
    shares: tuple[float, float]  # of the variance, by component


class Picture(Value):
    """What a network makes, as a small PNG file in base64."""

    kind: Literal["reconstructions", "hidden", "samples"]
    png: str
    width: int  # pixels
    height: int
    stage: str = ""  # that left the weights; "": the last


class Look(Value):
    """All that is seen of one network."""

    quality: Representation
    sketch: Sketch
    pictures: tuple[Picture, ...] = ()


class Representations(Value):
    """The networks of a run whose methods learn without targets; RUN/representation.json."""

    format: int = FORMAT
    networks: tuple[Representation, ...]
    shown: Look | None = None  # of the network that is shipped, where it is one of them


def rows_for(features: int) -> int:
    """So many rows are enough, and not too many to look at."""
    least, most = _ROWS
    return max(least, min(most, _NUMBERS // max(features, 1)))


def quality(
    task: Task, known: Array, answers: Array, seen: Array, truth: Array, every: Array
) -> Quality | None:
    """What features are worth.

    Args:
        task: of the data.
        known: features of training rows [N, F].
        answers: theirs: classes int [N], labels int [N, T], or numbers [N] or [N, T].
        seen: features of validation rows [N', F].
        truth: theirs, likewise.
        every: features of training rows with and without an answer [N'', F].

    Returns:
        None where features aren't finite, or there are no rows.
    """
    parts = [each.astype(np.float64) for each in (known, seen, every)]
    if not all(len(each) and np.isfinite(each).all() for each in parts):
        return None
    known, seen, every = parts
    if task == "regression":  # what is explained has no unit, and squares of large numbers overflow
        unit = max(float(np.abs(each).max()) for each in (answers, truth)) or 1.0
        answers, truth = answers / unit, truth / unit
    center, deviation = known.mean(0), known.std(0)
    scale = np.where(idle(known), 1.0, deviation)
    fitted = (known - center) / scale, answers
    looked = (seen - center) / scale, truth
    near = _neighbours(task, known, answers, seen)
    return Quality(
        probe=_probe(task, *fitted, *looked),
        neighbours=None if near is None else _scored(task, truth, near),
        rank=effective_rank(every),
        idle=float(idle(every).mean()),
    )


def idle(features: Array) -> Array:
    """Which features hardly change from row to row: bool [F].

    Their deviation is below a thousandth of their own size, or nothing beside the largest feature.
    """
    deviation = features.std(0)
    size = np.sqrt((features**2).mean(0))
    smallest = max(_NONE * float(size.max(initial=0.0)), np.finfo(np.float64).tiny)
    return np.asarray(deviation <= np.maximum(_TINY * size, smallest))


def effective_rank(features: Array) -> float:
    """exp(−Σ p log p), p the eigenvalues of the covariance as shares; 0 where nothing changes.

    Example:
        >>> round(effective_rank(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), 6)
        2.0
    """
    centered = features - features.mean(0)
    total = float((features**2).sum())
    if not float((centered**2).sum()) > _NONE * total:
        return 0.0
    values, _ = _components(centered)
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def sketch(features: Array, truth: Array) -> Sketch:
    """The rows along the two directions in which they vary most, at most 500 of them.

    Args:
        features: [N, F], finite, N ≥ 1.
        truth: as for `quality`.
    """
    some = np.arange(min(len(features), SHOWN)) * len(features) // min(len(features), SHOWN)
    centered = features[some].astype(np.float64) - features[some].mean(0, dtype=np.float64)
    values, places = _components(centered)
    total = float(values.sum())
    two = np.zeros((len(some), 2))
    two[:, : places.shape[1]] = places[:, :2]
    shares = [float(x) / total if total > 0 else 0.0 for x in (*values[:2], 0.0, 0.0)][:2]
    said = truth[some]
    if said.ndim == 2:
        labels = np.issubdtype(said.dtype, np.integer)
        said = said.sum(1) if labels else said[:, 0]
    size = float(np.abs(two).max(initial=0.0)) or 1.0  # the picture's own unit
    return Sketch(
        points=tuple((_short(x / size), _short(y / size)) for x, y in two.tolist()),
        values=tuple(float(f"{x:.4g}") for x in said.tolist()),
        shares=(shares[0], shares[1]),
    )


def _short(x: float) -> float:
    return round(x, 3) + 0.0  # no −0


def _components(centered: Array) -> tuple[Array, Array]:
    """Eigenvalues, largest first, and where the rows lie along the first two: [K], [N, ≤ 2].

    By the smaller one of the two matrices that have them.
    """
    rows, features = centered.shape
    if features <= rows:
        values, vectors = np.linalg.eigh(centered.T @ centered)
        places = centered @ vectors[:, ::-1][:, :2]
    else:
        values, vectors = np.linalg.eigh(centered @ centered.T)
        lengths = np.sqrt(np.clip(values[::-1][:2], 0.0, None))
        places = vectors[:, ::-1][:, :2] * lengths
    # A direction and its opposite are the same component: the largest place is made positive.
    largest = np.take_along_axis(places, np.abs(places).argmax(0)[None], 0)
    return np.clip(values[::-1], 0.0, None), places * np.where(largest < 0, -1.0, 1.0)


def _probe(task: Task, known: Array, answers: Array, seen: Array, truth: Array) -> float | None:
    """The score of a linear model of standardised features."""
    if task == "regression":
        from sklearn.linear_model import RidgeCV

        with np.errstate(all="ignore"):  # of one row, or none that differ
            ridge = RidgeCV(alphas=np.logspace(-2, 4, 7)).fit(known, answers)
            return _scored(task, truth, ridge.predict(seen))
    columns = answers.reshape(len(answers), -1).T
    found = [_classes(known, each, seen) for each in columns]
    if task != "multilabel" and found[0] is None:
        return None
    # A label that all training rows have, or none of them, is predicted as it is there.
    constant = [np.full(len(seen), each[0]) for each in columns]
    said = [each if each is not None else same for each, same in zip(found, constant, strict=True)]
    return _scored(task, truth, np.stack(said, 1).reshape(truth.shape))


def _classes(known: Array, answers: Array, seen: Array) -> Array | None:
    """The classes that a logistic regression predicts; None where it learnt of one class only."""
    from sklearn.linear_model import LogisticRegression

    classes = len(np.unique(answers))
    if classes < 2:
        return None
    steps = int(_WORK / (known.size * (1 if classes == 2 else classes)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it needn't converge to tell representations apart
        model = LogisticRegression(max_iter=max(10, min(100, steps)), tol=1e-3)
        return np.asarray(model.fit(known, answers).predict(seen))


def _neighbours(task: Task, known: Array, answers: Array, seen: Array) -> Array | None:
    """What the nearest rows say, by cosine; None where the training rows are of one class."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    count = min(NEIGHBOURS, len(known))
    answers = answers.reshape(-1) if answers.size == len(known) else answers
    if task == "regression":
        numbers = KNeighborsRegressor(count, metric="cosine", algorithm="brute")
        return np.asarray(numbers.fit(known, answers).predict(seen))
    if task != "multilabel" and len(np.unique(answers)) < 2:
        return None
    classes = KNeighborsClassifier(count, metric="cosine", algorithm="brute")
    return np.asarray(classes.fit(known, answers).predict(seen))


def _scored(task: Task, truth: Array, said: Array) -> float | None:
    """Accuracy, of labels the mean over them; or R²; None where it is undefined."""
    if task != "regression":
        return float((said.reshape(truth.shape) == truth).mean())
    score = METRICS["r2"].score(truth, said.reshape(len(said), -1))
    return float(score) if np.isfinite(score) else None
