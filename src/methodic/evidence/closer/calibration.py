"""Whether a model's probabilities are to be believed: of rows said to be 80% sure, are 80% right?

The expected calibration error (ECE) is how far confidence and accuracy are apart, on average over
the test rows. It says nothing about accuracy itself: a model that always answers with the
frequencies of the classes is calibrated and useless. It is never 0 in finite samples: 15 groups of
n rows each show about 0.3/√n by chance alone (at an accuracy of 0.8), so small differences between
two models mean nothing. Temperature scaling divides the logits by one number, fitted on validation
rows; above 1, the model was too sure of itself. It changes no ranking of classes, and so neither
accuracy nor the confusion matrix; what it gains on test rows is what the scaled numbers show. The
validation rows chose the kept weights, too, so they look a little easier than new rows are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from methodic.metrics import METRICS
from methodic.plan import Value

Array = npt.NDArray[Any]

BINS = 15
_RANGE = (0.02, 50.0)  # temperatures that are tried
_LEAST = float(np.finfo(np.float32).tiny)  # a probability of 0 counts as this one


class Bin(Value):
    """Test rows of similar confidence."""

    confidence: float  # mean probability of the likeliest class
    accuracy: float  # share of rows for which it is the true one
    rows: int


class Calibration(Value):
    """Confidence against accuracy on test rows, before and after temperature scaling."""

    bins: tuple[Bin, ...]  # from the least sure to the surest
    ece: float
    temperature: float  # 1 also where the validation rows don't tell
    bins_scaled: tuple[Bin, ...]
    ece_scaled: float
    log_loss: float
    log_loss_scaled: float


def calibrate(
    truth: Array, prediction: Array, validation_truth: Array, validation_prediction: Array
) -> Calibration:
    """Calibration on test rows; the temperature comes from validation rows.

    ECE = Σ over bins of (rows ÷ N) · |accuracy − confidence|, over at most 15 bins of equal mass.

    Args:
        truth: classes int [N], N ≥ 1.
        prediction: finite probabilities [N, C].
        validation_truth: classes int [V]; V may be 0, and the temperature is 1 then.
        validation_prediction: finite probabilities [V, C].

    Source: Guo et al., "On calibration of modern neural networks", 2017.
    """
    temperature = best_temperature(validation_truth, validation_prediction) or 1.0
    cooler = scaled(prediction, temperature)
    bins, bins_scaled = _bins(truth, prediction), _bins(truth, cooler)
    loss = METRICS["log_loss"]
    return Calibration(
        bins=bins,
        ece=error(bins),
        temperature=temperature,
        bins_scaled=bins_scaled,
        ece_scaled=error(bins_scaled),
        log_loss=loss.score(truth, prediction),
        log_loss_scaled=loss.score(truth, cooler),
    )


def scaled(prediction: Array, temperature: float) -> Array:
    """Probabilities [N, C] whose logits were divided by ``temperature`` > 0.

    The logarithms of the probabilities are the logits, up to a number per row that cancels.
    """
    logits = _logits(prediction) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Array = odds / odds.sum(axis=1, keepdims=True)
    return result


def best_temperature(truth: Array, prediction: Array) -> float | None:
    """The temperature with the least log loss on these rows, between 0.02 and 50.

    None where the rows don't tell: there are none; all probabilities of each row are equal; or
    every row is right, so that the loss falls until the temperature is 0.
    """
    if not len(truth):
        return None
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits = _logits(prediction)
    chosen = logits[np.arange(len(truth)), truth]
    if (chosen == logits.max(axis=1)).all():
        return None  # equal ones are among these

    def loss(log_temperature: float) -> float:
        # Convex in 1 / temperature, so there is one minimum in its logarithm as well.
        sharpness = np.exp(-log_temperature)
        logs = sharpness * chosen - logsumexp(sharpness * logits, axis=1)
        return float(-logs.mean())

    bounds = tuple(np.log(_RANGE))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def _logits(prediction: Array) -> Array:
    logs: Array = np.log(np.maximum(np.asarray(prediction, dtype=np.float64), _LEAST))
    return logs


def _bins(truth: Array, prediction: Array) -> tuple[Bin, ...]:
    """Bins of equal mass; rows of one confidence share a bin, so that their order can't matter."""
    confidence = prediction.max(axis=1).astype(np.float64)
    right = prediction.argmax(axis=1) == truth
    ordered = np.sort(confidence)
    ends = np.ceil(len(ordered) * np.arange(1, BINS) / BINS).astype(int) - 1
    place = np.searchsorted(np.unique(ordered[ends]), confidence)
    rows = np.bincount(place)
    sums, hits = np.bincount(place, confidence), np.bincount(place, right)
    return tuple(
        Bin(confidence=float(s / n), accuracy=float(h / n), rows=int(n))
        for n, s, h in zip(rows, sums, hits, strict=True)
        if n
    )


def error(bins: tuple[Bin, ...]) -> float:
    """The expected calibration error of ``bins``."""
    total = sum(each.rows for each in bins)
    return sum(each.rows * abs(each.accuracy - each.confidence) for each in bins) / total
