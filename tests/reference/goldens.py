"""Drive a rule and a public implementation over the same slopes; tell how far they part."""

from __future__ import annotations

import math

import torch
from contract.test_whole_rules import coefficients

STEPS = 25


def random(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def slope(w, t):
    return torch.sin(2 * w) + 0.3 * w + 0.5 * random(*w.shape, seed=100 + t)


def parting(rule, numbers, make, shape, slots=()):
    """Largest difference of weights, and of slots: pairs of our name and a reader of theirs."""
    start = random(*shape, seed=1)
    theirs = torch.nn.Parameter(start.clone())
    optimizer = make([theirs])
    w = start.unsqueeze(0)
    state, largest = rule.initial(w), 0.0
    for t in range(1, STEPS + 1):
        lr = numbers["lr"] * (0.4 + 0.2 * (t % 5))
        for group in optimizer.param_groups:
            group["lr"] = lr
        theirs.grad = slope(theirs.detach(), t)
        optimizer.step()
        c = coefficients(rule, t, numbers | {"lr": lr}, len(shape), torch.float64)
        change, state = rule.update(slope(w[0], t).unsqueeze(0), w, state, c)
        w = w + change
        pairs = [(w[0], theirs.detach())]
        pairs += [(state[ours].squeeze(), read(optimizer, theirs)) for ours, read in slots]
        for a, b in pairs:
            apart = float((a.squeeze() - torch.as_tensor(b).squeeze()).abs().max())
            largest = max(largest, math.inf if math.isnan(apart) else apart)
    assert float((w[0] - start).abs().max()) > 0.1, "the test must go somewhere"
    return largest


def entry(*path):
    def read(optimizer, parameter):
        found = optimizer.state[parameter]
        for key in path:
            found = found[key]
        return found

    return read


MOMENTS = [("mean", entry("exp_avg")), ("mean_square", entry("exp_avg_sq"))]
