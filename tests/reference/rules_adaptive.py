"""Adaptive update rules, one number after the other; the interface is that of `reference.rules`."""

from __future__ import annotations

import math


def adagrad(w, g, state, n, t):
    total = state.get("total", [n["initial_accumulator"]] * len(w))
    next_w, next_total = [], []
    rate = n["lr"] / (1 + (t - 1) * n["lr_decay"])
    for i in range(len(w)):
        gradient = g[i] + n["weight_decay"] * w[i]
        next_total.append(total[i] + gradient**2)
        next_w.append(w[i] - rate * gradient / (math.sqrt(next_total[i]) + n["epsilon"]))
    added = [each - n["initial_accumulator"] for each in next_total]
    return next_w, {"total": next_total, "sum_square": added}


def adadelta(w, g, state, n, t):
    zeros = [0.0] * len(w)
    next_w = []
    following = {"mean_square": [], "mean_square_change": []}
    for i in range(len(w)):
        gradient = g[i] + n["weight_decay"] * w[i]
        square = state.get("mean_square", zeros)[i]
        square = n["rho"] * square + (1 - n["rho"]) * gradient**2
        changed = state.get("mean_square_change", zeros)[i]
        size = math.sqrt(changed + n["epsilon"]) / math.sqrt(square + n["epsilon"])
        change = -size * gradient
        next_w.append(w[i] + n["lr"] * change)
        following["mean_square"].append(square)
        following["mean_square_change"].append(n["rho"] * changed + (1 - n["rho"]) * change**2)
    return next_w, following


def adamax(w, g, state, n, t):
    zeros = [0.0] * len(w)
    next_w, mean, largest = [], [], []
    for i in range(len(w)):
        gradient = g[i] + n["weight_decay"] * w[i]
        m = n["beta1"] * state.get("mean", zeros)[i] + (1 - n["beta1"]) * gradient
        before = n["beta2"] * state.get("largest", zeros)[i]
        u = max(before, abs(gradient) + n["epsilon"])
        next_w.append(w[i] - n["lr"] / (1 - n["beta1"] ** t) * m / u)
        mean.append(m)
        largest.append(u)
    return next_w, {"mean": mean, "largest": largest}


def nadam(w, g, state, n, t):
    def mu(i):
        return n["beta1"] * (1 - 0.5 * 0.96 ** (i * n["momentum_decay"]))

    product = math.prod(mu(i) for i in range(1, t + 1))
    next_w, means = [], _means(w, g, state, n)
    for i in range(len(w)):
        m, s = means["mean"][i], means["mean_square"][i]
        ahead = mu(t + 1) * m / (1 - product * mu(t + 1))
        ahead += (1 - mu(t)) * _gradient(w, g, n, i) / (1 - product)
        root = math.sqrt(s / (1 - n["beta2"] ** t))
        next_w.append(_shrunk(w, n, i) - n["lr"] * ahead / (root + n["epsilon"]))
    return next_w, means


def radam(w, g, state, n, t):
    past = n["beta2"] ** t
    longest = 2 / (1 - n["beta2"]) - 1
    length = longest - 2 * t * past / (1 - past)
    next_w, means = [], _means(w, g, state, n)
    for i in range(len(w)):
        m_hat = means["mean"][i] / (1 - n["beta1"] ** t)
        if length > 5:
            above = (length - 4) * (length - 2) * longest
            rectified = math.sqrt(above / ((longest - 4) * (longest - 2) * length))
            root = math.sqrt(means["mean_square"][i]) + n["epsilon"]
            m_hat *= rectified * math.sqrt(1 - past) / root
        next_w.append(_shrunk(w, n, i) - n["lr"] * m_hat)
    return next_w, means


def _means(w, g, state, n):
    zeros = [0.0] * len(w)
    mean, mean_square = [], []
    for i in range(len(w)):
        gradient = _gradient(w, g, n, i)
        mean.append(n["beta1"] * state.get("mean", zeros)[i] + (1 - n["beta1"]) * gradient)
        before = state.get("mean_square", zeros)[i]
        mean_square.append(n["beta2"] * before + (1 - n["beta2"]) * gradient**2)
    return {"mean": mean, "mean_square": mean_square}


def _gradient(w, g, n, i):
    return g[i] + (0 if n["decoupled"] else n["weight_decay"] * w[i])


def _shrunk(w, n, i):
    return w[i] * (1 - n["lr"] * n["weight_decay"]) if n["decoupled"] else w[i]


def lion(w, g, state, n, t):
    mean = state.get("mean", [0.0] * len(w))
    next_w, next_mean = [], []
    for i in range(len(w)):
        way = n["beta1"] * mean[i] + (1 - n["beta1"]) * g[i]
        sign = (way > 0) - (way < 0)
        next_w.append(w[i] - n["lr"] * (sign + n["weight_decay"] * w[i]))
        next_mean.append(n["beta2"] * mean[i] + (1 - n["beta2"]) * g[i])
    return next_w, {"mean": next_mean}


def adan(w, g, state, n, t):
    zeros = [0.0] * len(w)
    next_w = []
    following = {"mean": [], "mean_difference": [], "mean_square": [], "previous": list(g)}
    for i in range(len(w)):
        difference = g[i] - state["previous"][i] if t > 1 else 0.0
        m = n["beta1"] * state.get("mean", zeros)[i] + (1 - n["beta1"]) * g[i]
        v = n["beta2"] * state.get("mean_difference", zeros)[i] + (1 - n["beta2"]) * difference
        ahead = g[i] + n["beta2"] * difference
        s = n["beta3"] * state.get("mean_square", zeros)[i] + (1 - n["beta3"]) * ahead**2
        m_hat, v_hat = m / (1 - n["beta1"] ** t), v / (1 - n["beta2"] ** t)
        root = math.sqrt(s / (1 - n["beta3"] ** t)) + n["epsilon"]
        step = n["lr"] * (m_hat + n["beta2"] * v_hat) / root
        next_w.append((w[i] - step) / (1 + n["lr"] * n["weight_decay"]))
        following["mean"].append(m)
        following["mean_difference"].append(v)
        following["mean_square"].append(s)
    return next_w, following
