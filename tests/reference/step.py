"""Training of one member, written out step by step in plain torch, in float64.

A network input → linear → ReLU → dropout → linear; cross-entropy with label smoothing; an L2
penalty on weights; clipping by norm; AdamW; a proximal step for L1; an average of weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from reference import rules

NAMES = ("hidden.0.weight", "hidden.0.bias", "head.weight", "head.bias")
SHRINKING = ("hidden.0.weight", "head.weight")


def forward(weights, x, mask):
    hidden = torch.relu(x @ weights["hidden.0.weight"] + weights["hidden.0.bias"])
    return (hidden * mask) @ weights["head.weight"] + weights["head.bias"]


def train(weights, batches, masks, n, lrs):
    """Every state after each step: (weights, average, loss, norm of the gradient).

    Args:
        weights: name → tensor, as they start.
        batches: (x [B, D], y [B]) of each step.
        masks: [B, hidden] of each step, 0 where dropped, else 1 / (1 − p).
        n: numbers by name.
        lrs: learning rate of each step.
    """
    weights = {name: value.double() for name, value in weights.items()}
    average = dict(weights)
    states = {name: {} for name in NAMES}
    path = []
    for t, ((x, y), mask, lr) in enumerate(zip(batches, masks, lrs, strict=True), 1):
        leaves = {name: value.clone().requires_grad_() for name, value in weights.items()}
        out = forward(leaves, x.double(), mask.double())
        loss = n["objective"] * F.cross_entropy(out, y, label_smoothing=n["smoothing"])
        loss = loss + n["l2"] * sum((leaves[name] ** 2).sum() for name in SHRINKING)
        loss.backward()
        # Clip before the rule, all parameters together.
        joined = torch.cat([leaves[name].grad.flatten() for name in NAMES]).tolist()
        norm = sum(g * g for g in joined) ** 0.5
        clipped = rules.clip_by_norm(joined, n["clip"])
        # The rule; only weights decay.
        start = 0
        for name in NAMES:
            size = weights[name].numel()
            numbers = {**n, "lr": lr, "weight_decay": n["decay"] if name in SHRINKING else 0.0}
            now, states[name] = rules.adamw(
                weights[name].flatten().tolist(),
                clipped[start : start + size],
                states[name],
                numbers,
                t,
            )
            start += size
            # The proximal step after the rule.
            if name in SHRINKING:
                now = rules.soft_threshold(now, lr * n["l1"])
            weights[name] = torch.tensor(now, dtype=torch.float64).view_as(weights[name])
        # The average last, of what the proximal step left.
        average = {
            name: torch.tensor(
                rules.ema(average[name].flatten().tolist(), value.flatten().tolist(), n["ema"], t),
                dtype=torch.float64,
            ).view_as(value)
            for name, value in weights.items()
        }
        path.append((dict(weights), average, float(loss.detach()), norm))
    return path
