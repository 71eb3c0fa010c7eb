"""Rules that see whole parameters, as their papers write them, in float64 of NumPy.

``step(w, g, state, n, t)`` returns the next weights and state; w and g are arrays.
"""

from __future__ import annotations

import math

import numpy as np
import torch


def lamb(w, g, state, n, t):
    m = n["beta1"] * state.get("mean", 0 * w) + (1 - n["beta1"]) * g
    s = n["beta2"] * state.get("mean_square", 0 * w) + (1 - n["beta2"]) * g**2
    m_hat, s_hat = m, s
    if n.get("corrected", True):
        m_hat, s_hat = m / (1 - n["beta1"] ** t), s / (1 - n["beta2"] ** t)
    u = m_hat / (np.sqrt(s_hat) + n["epsilon"]) + n["weight_decay"] * w
    length, long = math.sqrt((w**2).sum()), math.sqrt((u**2).sum())
    ratio = 1.0
    if length > 0 and long > 0:
        ratio = min(length, n["norm_limit"]) / (long + n["epsilon"])
    return w - n["lr"] * ratio * u, {"mean": m, "mean_square": s}


def adafactor(w, g, state, n, t):
    fresh = t ** -n["decay_power"]
    if g.ndim == 1:
        s = (1 - fresh) * state.get("mean_square", 0 * g) + fresh * g**2
        following = {"mean_square": s}
    else:
        flat = g.reshape(len(g), -1)
        rows, columns = flat.shape
        r = np.array(
            [[sum(flat[i, j] ** 2 for j in range(columns)) / columns] for i in range(rows)]
        )
        k = np.array([[sum(flat[i, j] ** 2 for i in range(rows)) / rows for j in range(columns)]])
        r = (1 - fresh) * state.get("rows", 0 * r) + fresh * r
        k = (1 - fresh) * state.get("columns", 0 * k) + fresh * k
        following = {"rows": r, "columns": k}
        s = (r @ k / max(r.mean(), n["epsilon"])).reshape(g.shape)
    u = g / np.sqrt(np.maximum(s, n["epsilon"] ** 2))
    alpha = max(n["scale_floor"], math.sqrt((w**2).mean())) * min(n["lr"], 1 / math.sqrt(t))
    clipped = u / max(1.0, math.sqrt((u**2).mean()) / n["threshold"])
    return w * (1 - n["lr"] * n["weight_decay"]) - alpha * clipped, following


def muon(w, g, state, n, t):
    m = n["momentum"] * state.get("momentum", 0 * g) + (1 - n["momentum"]) * g
    ahead = (1 - n["momentum"]) * g + n["momentum"] * m if n.get("nesterov", True) else m
    x = ahead.reshape(len(g), -1)
    u, values, v = np.linalg.svd(x, full_matrices=False)
    values = values / max(math.sqrt((values**2).sum()), 1e-7)
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    inputs, outputs = x.shape if g.ndim == 2 else x.shape[::-1]
    scale = math.sqrt(max(1, outputs / inputs))
    if n.get("adjust", "match_rms_adamw") == "match_rms_adamw":
        scale = 0.2 * math.sqrt(max(outputs, inputs))
    step = (u * values @ v).reshape(g.shape)
    return w - n["lr"] * (scale * step + n["weight_decay"] * w), {"momentum": m}


def soap(w, g, state, n, t):
    """Decompositions are torch's: where eigenvalues are equal, each library picks other vectors."""
    shape, g, w = w.shape, g.reshape(len(g), -1), w.reshape(len(w), -1)
    first = not state
    if first:
        a, b = g.shape
        state = {"mean": 0 * g, "mean_square": 0 * g}
        state |= {"left": np.zeros((a, a)), "right": np.zeros((b, b))}
    else:
        taken = t - 1
        u, v = state["left_basis"], state["right_basis"]
        m = n["beta1"] * state["mean"] + (1 - n["beta1"]) * g
        s = n["beta2"] * state["mean_square"] + (1 - n["beta2"]) * (u.T @ g @ v) ** 2
        m_hat = (u.T @ m @ v) / (1 - n["beta1"] ** taken)
        step = u @ (m_hat / (np.sqrt(s / (1 - n["beta2"] ** taken)) + _scaled(n, taken))) @ v.T
        w = (w - n["lr"] * step) * (1 - n["lr"] * n["weight_decay"])
        state = {**state, "mean": m, "mean_square": s}
    keep = n["shampoo_beta"]
    state["left"] = keep * state["left"] + (1 - keep) * g @ g.T
    state["right"] = keep * state["right"] + (1 - keep) * g.T @ g
    for side, axis in (("left", 0), ("right", 1)):
        if first:
            state[f"{side}_basis"] = torch.linalg.eigh(torch.from_numpy(state[side]))[1].numpy()[
                :, ::-1
            ]
        elif (t - 1) % n["frequency"] == 0:
            product = state[side] @ state[f"{side}_basis"]
            order = np.argsort(-(state[f"{side}_basis"] * product).sum(0), kind="stable")
            state["mean_square"] = np.take(state["mean_square"], order, axis)
            state[f"{side}_basis"] = torch.linalg.qr(torch.from_numpy(product[:, order]))[0].numpy()
    return w.reshape(shape), state


def _scaled(n, taken):
    """Epsilon stands beside √s and not beside √ŝ in the authors' code."""
    return n["epsilon"] / math.sqrt(1 - n["beta2"] ** taken)


def prodigy(w, g, state, n, t):
    zero = 0 * w
    d, start = state.get("d", n["d0"]), state.get("start", w)
    rate = n["lr"]
    if n.get("corrected", False):
        rate *= math.sqrt(1 - n["beta2"] ** t) / (1 - n["beta1"] ** t)
    beta3 = math.sqrt(n["beta2"])
    numerator = beta3 * state.get("numerator", 0.0)
    numerator += d / n["d0"] * d * rate * float((g * (start - w)).sum())
    size = d if n.get("safeguarded", False) else d * rate
    total = beta3 * state.get("sum", zero) + d / n["d0"] * size * g
    m = n["beta1"] * state.get("mean", zero) + (1 - n["beta1"]) * d * g
    s = n["beta2"] * state.get("mean_square", zero) + (1 - n["beta2"]) * d * d * g**2
    length = float(np.abs(total).sum())
    after = max(d, n["d_coef"] * numerator / length) if length > 0 else d
    w = w - d * rate * (m / (np.sqrt(s) + after * n["epsilon"]) + n["weight_decay"] * w)
    following = {"mean": m, "mean_square": s, "sum": total, "start": start}
    return w, {**following, "numerator": numerator, "d": after}
