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


def focal(logits, target, gamma, class_weights=None):
    weights = class_weights or [1.0] * len(logits[0])
    loss = weight = 0.0
    for row, label in zip(logits, target, strict=True):
        log_p = log_softmax(row)[label]
        loss -= weights[label] * (1 - math.exp(log_p)) ** gamma * log_p
        weight += weights[label]
    return loss / weight


def binary(logit, target, class_weights=None):
    """``logit``: one number of each row."""
    weights = class_weights or [1.0, 1.0]
    loss = weight = 0.0
    for z, label in zip(logit, target, strict=True):
        p = 1 / (1 + math.exp(-z))
        loss -= weights[label] * math.log(p if label else 1 - p)
        weight += weights[label]
    return loss / weight


def multilabel(logits, target, yes_weights=None):
    weights, total = yes_weights or [1.0] * len(logits[0]), 0.0
    for row, labels in zip(logits, target, strict=True):
        for z, y, w in zip(row, labels, weights, strict=True):
            p = 1 / (1 + math.exp(-z))
            total -= w * y * math.log(p) + (1 - y) * math.log(1 - p)
    return total / (len(logits) * len(logits[0]))


def hinge(output, target):
    total = 0.0
    for row, label in zip(output, target, strict=True):
        others = [x for c, x in enumerate(row) if c != label]
        total += max(0.0, 1 + max(others) - row[label])
    return total / len(output)


def ordinal(logits, target):
    total = 0.0
    for row, label in zip(logits, target, strict=True):
        p = [math.exp(x) for x in log_softmax(row)]
        for c in range(len(row)):
            total += (sum(p[: c + 1]) - (label <= c)) ** 2
    return total / len(logits)


def ranking(scores, target):
    pairs = [
        (scores[i], scores[j])
        for i in range(len(scores))
        for j in range(len(scores))
        if target[i] > target[j]
    ]
    return sum(math.log(1 + math.exp(low - high)) for high, low in pairs) / max(len(pairs), 1)


def mean_over(output, target, cost):
    costs = [
        cost(o, t)
        for outs, targets in zip(output, target, strict=True)
        for o, t in zip(outs, targets, strict=True)
    ]
    return sum(costs) / len(costs)


def mean_absolute_error(output, target):
    return mean_over(output, target, lambda o, t: abs(o - t))


def huber(output, target, delta):
    def cost(o, t):
        d = abs(o - t)
        return d * d / 2 if d <= delta else delta * (d - delta / 2)

    return mean_over(output, target, cost)


def quantile(output, target, tau):
    return mean_over(output, target, lambda o, t: tau * (t - o) if t > o else (1 - tau) * (o - t))


def gaussian_nll(output, target):
    """Rows of means, then logarithms of variances."""
    pairs = [[(row[n], row[len(row) // 2 + n]) for n in range(len(row) // 2)] for row in output]
    return mean_over(pairs, target, lambda o, t: (o[1] + (t - o[0]) ** 2 / math.exp(o[1])) / 2)


def poisson(output, target):
    return mean_over(output, target, lambda o, t: math.exp(o) - t * o)
