"""Update rules, one number after the other, as their papers write them: bias corrections in full.

``step(w, g, state, n, t)`` returns the next weights and state; w, g and slots are lists of floats.
"""

from __future__ import annotations

import math


def sgd(w, g, state, n, t):
    velocity = state.get("velocity", [0.0] * len(w))
    next_w, next_velocity = [], []
    for i in range(len(w)):
        gradient = g[i] + n["weight_decay"] * w[i]
        undamped = 1 - n.get("dampening", 0.0) if t > 1 else 1.0
        v = n["momentum"] * velocity[i] + undamped * gradient
        direction = gradient + n["momentum"] * v if n["nesterov"] else v
        next_w.append(w[i] - n["lr"] * direction)
        next_velocity.append(v)
    return next_w, {"velocity": next_velocity}


def rmsprop(w, g, state, n, t):
    zeros = [0.0] * len(w)
    next_w = []
    following = {"mean_square": [], "mean": [], "velocity": []}
    for i in range(len(w)):
        gradient = g[i] + n["weight_decay"] * w[i]
        square = state.get("mean_square", zeros)[i]
        square = n["alpha"] * square + (1 - n["alpha"]) * gradient**2
        mean = n["alpha"] * state.get("mean", zeros)[i] + (1 - n["alpha"]) * gradient
        variance = max(square - mean**2, 0.0) if n["centered"] else square
        direction = gradient / (math.sqrt(variance) + n["epsilon"])
        velocity = n["momentum"] * state.get("velocity", zeros)[i] + direction
        next_w.append(w[i] - n["lr"] * velocity)
        following["mean_square"].append(square)
        following["mean"].append(mean)
        following["velocity"].append(velocity)
    return next_w, following


def adam(w, g, state, n, t):
    gradient = [g[i] + n["weight_decay"] * w[i] for i in range(len(w))]
    return _adam(w, gradient, state, n, t, decoupled=0.0)


def adamw(w, g, state, n, t):
    return _adam(w, g, state, n, t, decoupled=n["weight_decay"])


def _adam(w, g, state, n, t, decoupled):
    zeros = [0.0] * len(w)
    next_w, mean, mean_square, largest = [], [], [], []
    for i in range(len(w)):
        m = n["beta1"] * state.get("mean", zeros)[i] + (1 - n["beta1"]) * g[i]
        s = n["beta2"] * state.get("mean_square", zeros)[i] + (1 - n["beta2"]) * g[i] ** 2
        m_hat = m / (1 - n["beta1"] ** t)
        most = max(state.get("largest", zeros)[i], s)
        s_hat = (most if n.get("amsgrad") else s) / (1 - n["beta2"] ** t)
        shrunk = w[i] * (1 - n["lr"] * decoupled)
        next_w.append(shrunk - n["lr"] * m_hat / (math.sqrt(s_hat) + n["epsilon"]))
        mean.append(m)
        mean_square.append(s)
        largest.append(most)
    return next_w, {"mean": mean, "mean_square": mean_square, "largest": largest}


def clip_by_norm(g, limit):
    norm = math.sqrt(sum(x * x for x in g))
    return [x * limit / norm for x in g] if norm > limit else list(g)


def clip_by_value(g, limit):
    return [max(-limit, min(limit, x)) for x in g]


def soft_threshold(w, threshold):
    out = []
    for x in w:
        if x > threshold:
            out.append(x - threshold)
        elif x < -threshold:
            out.append(x + threshold)
        else:
            out.append(0.0)
    return out


def ema(average, w, decay, t):
    d = min(decay, (1 + t) / (10 + t))
    return [d * a + (1 - d) * x for a, x in zip(average, w, strict=True)]
