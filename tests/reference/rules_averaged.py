"""Rules with several points, one number after the other; used as those of `reference.rules`.

Of schedule-free rules all three points are kept, and the sum of weights as it is.
"""

from __future__ import annotations

import math


def schedule_free_sgd(w, g, state, n, t):
    steps = [n["lr"] * (g[i] + n["weight_decay"] * w[i]) for i in range(len(w))]
    return _averaged(w, steps, state, n["lr"], n["momentum"])


def schedule_free_adamw(w, g, state, n, t):
    square, steps = [], []
    for i in range(len(w)):
        s = n["beta2"] * state.get("mean_square", [0.0] * len(w))[i] + (1 - n["beta2"]) * g[i] ** 2
        root = math.sqrt(s / (1 - n["beta2"] ** t))
        steps.append(n["lr"] * (g[i] / (root + n["epsilon"]) + n["weight_decay"] * w[i]))
        square.append(s)
    next_w, following = _averaged(w, steps, state, n["lr"], n["beta1"])
    return next_w, following | {"mean_square": square}


def _averaged(w, steps, state, lr, beta):
    rate = max(state.get("rate", [0.0])[0], lr)
    total = state.get("total", 0.0) + rate**2
    share = rate**2 / total
    x, y, z = [], [], []
    for i in range(len(w)):
        z.append(state.get("z", w)[i] - steps[i])
        x.append((1 - share) * state.get("x", w)[i] + share * z[i])
        y.append((1 - beta) * z[i] + beta * x[i])
    ahead = [a - b for a, b in zip(y, x, strict=True)]
    slots = {"ahead": ahead, "count": [total / rate**2], "rate": [rate]}
    return y, {"x": x, "z": z, "total": total, **slots}


def ivon_point(w, state, n, noise):
    h = state.get("curvature", [n["hess_init"]] * len(w))
    return [
        w[i] + noise[i] / math.sqrt(n["ess"] * (h[i] + n["weight_decay"])) for i in range(len(w))
    ]


def ivon(w, g, state, n, t):
    delta, beta2 = n["weight_decay"], n["beta2"]
    next_w, mean, curvature = [], [], []
    for i in range(len(w)):
        h = state.get("curvature", [n["hess_init"]] * len(w))[i]
        variance = 1 / (n["ess"] * (h + delta))
        h_hat = g[i] * (n["point"][i] - w[i]) / variance
        m = n["beta1"] * state.get("mean", [0.0] * len(w))[i] + (1 - n["beta1"]) * g[i]
        bent = 0.5 * (1 - beta2) ** 2 * (h - h_hat) ** 2 / (h + delta)
        h = beta2 * h + (1 - beta2) * h_hat + bent
        m_hat = m / (1 - n["beta1"] ** t)
        rate = n["lr"] * (n["hess_init"] + delta)
        next_w.append(w[i] - rate * (m_hat + delta * w[i]) / (h + delta))
        mean.append(m)
        curvature.append(h)
    return next_w, {"mean": mean, "curvature": curvature}
