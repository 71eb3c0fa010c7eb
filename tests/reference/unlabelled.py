"""Objectives without targets, of one member: literal versions, on lists of floats."""

from __future__ import annotations

import math

from reference.losses import log_softmax

TINY = 1e-5  # is added to variances


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def cosine(a, b):
    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def columns(rows):
    return [list(column) for column in zip(*rows, strict=True)]


# --- contrast ---------------------------------------------------------------------------------


def _log_share(views, i, j, temperature):
    """Of view j among all views but i itself, as seen from i."""
    others = [math.exp(cosine(views[i], v) / temperature) for k, v in enumerate(views) if k != i]
    return cosine(views[i], views[j]) / temperature - math.log(sum(others))


def nt_xent(first, second, temperature):
    views, rows = [*first, *second], len(first)
    return mean(
        -_log_share(views, i, i + rows if i < rows else i - rows, temperature)
        for i in range(2 * rows)
    )


def supervised_contrast(first, second, target, temperature):
    views, classes = [*first, *second], [*target, *target]
    costs = []
    for i, mine in enumerate(classes):
        partners = [j for j, other in enumerate(classes) if j != i and other == mine]
        costs.append(mean(-_log_share(views, i, j, temperature) for j in partners))
    return mean(costs)


# --- statistics -------------------------------------------------------------------------------


def _centred(column):
    middle = mean(column)
    return [x - middle for x in column]


def narrowness(rows):
    found = []
    for column in columns(rows):
        variance = sum(x * x for x in _centred(column)) / (len(column) - 1)
        found.append(max(0.0, 1.0 - math.sqrt(variance + 1e-4)))
    return mean(found)


def covariance(rows):
    centred = [_centred(column) for column in columns(rows)]
    total = 0.0
    for i, one in enumerate(centred):
        for j, other in enumerate(centred):
            if i != j:
                total += (dot(one, other) / (len(rows) - 1)) ** 2
    return total / len(centred)


def vicreg(first, second, invariance, variance, weight):
    apart = mean(
        (x - y) ** 2 for a, b in zip(first, second, strict=True) for x, y in zip(a, b, strict=True)
    )
    spread = (narrowness(first) + narrowness(second)) / 2
    return (
        invariance * apart + variance * spread + weight * (covariance(first) + covariance(second))
    )


def standardised(rows):
    """Each column with mean 0 and variance 1."""
    found = []
    for column in columns(rows):
        centred = _centred(column)
        deviation = math.sqrt(mean(x * x for x in centred) + TINY)
        found.append([x / deviation for x in centred])
    return columns(found)


def barlow_twins(first, second, redundancy):
    ours, theirs = columns(standardised(first)), columns(standardised(second))
    total = 0.0
    for i, one in enumerate(ours):
        for j, other in enumerate(theirs):
            correlation = dot(one, other) / len(first)
            total += (1 - correlation) ** 2 if i == j else redundancy * correlation**2
    return total


def away(found, wanted):
    """1 − the mean cosine."""
    return 1 - mean(cosine(a, b) for a, b in zip(found, wanted, strict=True))


# --- a perceptron -----------------------------------------------------------------------------


def product(rows, weight, bias=None):
    shift = bias or [0.0] * len(weight[0])
    return [[dot(row, w) + b for w, b in zip(columns(weight), shift, strict=True)] for row in rows]


def perceptron(rows, layers, standard):
    """``layers``: a weight and a bias (or None) each; relu in front of each but the first."""
    for i, (weight, bias) in enumerate(layers):
        if i:
            rows = standardised(rows) if standard else rows
            rows = [[max(0.0, x) for x in row] for row in rows]
        rows = product(rows, weight, bias)
    return rows


# --- giving a row back ------------------------------------------------------------------------


def softplus(x):
    return math.log1p(math.exp(-abs(x))) + max(x, 0.0)


def bernoulli(logit, wanted):
    """Cross-entropy of a number from 0 to 1."""
    p = 1 / (1 + math.exp(-logit))
    return -wanted * math.log(p) - (1 - wanted) * math.log(1 - p)


def cells(found, numbers, codes, sizes, binary=False):
    """The cost of each cell of a row: its numbers, then its categories from 0 each."""
    costs = [
        bernoulli(f, x) if binary else (f - x) ** 2
        for f, x in zip(found[: len(numbers)], numbers, strict=True)
    ]
    at = len(numbers)
    for code, size in zip(codes, sizes, strict=True):
        costs.append(-log_softmax(found[at : at + size])[code])
        at += size
    return costs


def divergence(mean_of, log_variance):
    """Of a normal distribution of each row from the standard one."""
    return mean(
        sum((math.exp(s) + m * m - 1 - s) / 2 for m, s in zip(ms, ss, strict=True))
        for ms, ss in zip(mean_of, log_variance, strict=True)
    )


def hidden_pixels(image_shape, patch, told):
    """Which pixels of an image are hidden: ``told(row, column)`` of a patch."""
    channels, height, width = image_shape
    return [
        (c, y, x)
        for c in range(channels)
        for y in range(height)
        for x in range(width)
        if told(y // patch, x // patch)
    ]


# --- answers ----------------------------------------------------------------------------------


def softmax(row):
    return [math.exp(x) for x in log_softmax(row)]


def apart(first, second):
    return mean(
        sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
        for a, b in zip(first, second, strict=True)
    )


def self_labelled(weak, strong, threshold):
    costs = []
    for one, other in zip(weak, strong, strict=True):
        p = softmax(one)
        sure = max(p)
        costs.append(-log_softmax(other)[p.index(sure)] if sure >= threshold else 0.0)
    return mean(costs)


def distilled(logits, soft, temperature):
    costs = []
    for row, p in zip(logits, soft, strict=True):
        raised = [x ** (1 / temperature) for x in p]
        wanted = [x / sum(raised) for x in raised]
        log_q = log_softmax([x / temperature for x in row])
        costs.append(sum(w * (math.log(w) - q) for w, q in zip(wanted, log_q, strict=True)))
    return temperature**2 * mean(costs)


# --- against each other -----------------------------------------------------------------------


def discriminator(real, made):
    """``real``, ``made``: outputs, one for each row."""
    yes = mean(-math.log(1 / (1 + math.exp(-x))) for x in real)
    no = mean(-math.log(1 - 1 / (1 + math.exp(-x))) for x in made)
    return yes + no


def generator(made):
    return mean(-math.log(1 / (1 + math.exp(-x))) for x in made)
