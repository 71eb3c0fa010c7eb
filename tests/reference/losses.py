"""Losses of one member, one row after the other, on lists of floats."""

from __future__ import annotations

import math


def log_softmax(row):
    top = max(row)
    total = math.log(sum(math.exp(x - top) for x in row))
    return [x - top - total for x in row]


def cross_entropy(logits, target, smoothing=0.0, class_weights=None):
    """The cross-entropy against the smoothed target distribution, weighted by class."""
    classes = len(logits[0])
    weights = class_weights or [1.0] * classes
    loss, weight = 0.0, 0.0
    for row, label in zip(logits, target, strict=True):
        log_p = log_softmax(row)
        for c in range(classes):
            share = smoothing / classes + (1 - smoothing) * (c == label)
            loss -= share * weights[c] * log_p[c]
        weight += weights[label]
    return loss / weight


def mean_squared_error(output, target):
    pairs = [
        (o, t)
        for out_row, target_row in zip(output, target, strict=True)
        for o, t in zip(out_row, target_row, strict=True)
    ]
    return sum((o - t) ** 2 for o, t in pairs) / len(pairs)
