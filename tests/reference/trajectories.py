"""Drive update rules and torch.optim over the same function, and tell how far they part."""

from __future__ import annotations

import math

import numpy as np
import torch


def as_arrays(numbers):
    """Name → float64 [M], from plain numbers or lists."""
    return {name: np.atleast_1d(np.asarray(n, dtype=np.float64)) for name, n in numbers.items()}


def coefficients(rule, step, numbers, dtype=torch.float64, mask=None):
    """What a rule reads at one step: name → [M, 1]; the weight decay masked, [M, P]."""
    table = rule.coefficients(np.array([[float(step)]]), as_arrays(numbers))
    c = {name: torch.tensor(row[0], dtype=dtype).unsqueeze(-1) for name, row in table.items()}
    if mask is not None and "weight_decay" in c:
        c["weight_decay"] = c["weight_decay"] * mask
    return c


def normal(size, t):
    """The normal numbers of step t, float64 [size]; all members get the same."""
    return torch.randn(size, generator=torch.Generator().manual_seed(t), dtype=torch.float64)


def probed(rule, w, state, c, t):
    """Where a rule takes the gradient of step t, and the coefficients that know it."""
    if not rule.probes:
        return w, c
    size = w[0].numel()
    noise = {}
    for site, draw in rule.noise(size).items():
        assert draw.shape == (size,)
        assert draw.kind == "normal"
        noise[site] = normal(size, t).to(w.dtype).expand(len(w), size)
    point = rule.point(w, state, c, noise)
    return point, {**c, "point": point}


def drive(rule, start, gradient, numbers, steps, mask=None):
    """[(weights, state)] after each step; ``gradient(w, t)`` and ``numbers(t)`` are functions."""
    w, state, path = start, rule.initial(start), []
    for t in range(1, steps + 1):
        c = coefficients(rule, t, numbers(t), start.dtype, mask)
        point, c = probed(rule, w, state, c, t)
        change, state = rule.update(gradient(point, t), w, state, c)
        w = w + change
        path.append((w, state))
    return path


def valley(w):
    """A curved, badly scaled function with many slopes (chained Rosenbrock with waves)."""
    bend = (w[..., 1:] - w[..., :-1] ** 2) ** 2
    return (3 * bend + (1 - w[..., :-1]) ** 2).sum(-1) + torch.sin(3 * w).sum(-1)


def valley_gradient(w, t=0):
    w = w.detach().requires_grad_()
    return torch.autograd.grad(valley(w).sum(), w)[0]


START = (-0.7, 1.3, 0.4, -1.1, 0.9, 2.0, -0.2)


def lr_at(lr, t):
    """A rate that changes: rules that keep it inside of their velocity differ then."""
    return lr * (0.4 + 0.3 * (t % 5))


def parting(rule, numbers, make_torch, steps=40, inner=None):
    """Largest difference between a rule's weights and torch.optim's, in float64.

    Args:
        make_torch: parameters → torch optimizer; its rate is set before each step.
        inner: (our state, our weights, their state, their weights) → pairs of tensors that should
            be equal after each step, for what the two keep; may be empty.
    """
    start = torch.tensor([START], dtype=torch.float64)
    ours = drive(
        rule,
        start,
        valley_gradient,
        lambda t: {**numbers, "lr": lr_at(numbers["lr"], t)},
        steps,
    )
    theirs = torch.nn.Parameter(start.clone())
    optimizer = make_torch([theirs])
    largest = 0.0
    for t in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = lr_at(numbers["lr"], t)
        theirs.grad = valley_gradient(theirs)
        optimizer.step()
        w, state = ours[t - 1]
        pairs = [(w, theirs)]
        if inner is not None:
            kept = {**optimizer.param_groups[0], **optimizer.state[theirs]}
            pairs += inner(state, w, kept, theirs.detach())
        for mine, other in pairs:
            apart = float((mine - other).detach().abs().max())
            largest = max(largest, math.inf if math.isnan(apart) else apart)
    assert float((start - theirs).detach().abs().max()) > 0.05, "the test must go somewhere"
    return largest
