"""All torch.optim optimizers of the project, and a small training that each can do."""

from __future__ import annotations

import contextlib

import pytest
import torch
import torch.nn.functional as F

from methodic import optimizers

MAKERS = {
    "sgd": lambda p: optimizers.SGD(p, lr=0.05, momentum=0.9, dampening=0.1),
    "plain": lambda p: optimizers.SGD(p, lr=0.05),
    "rmsprop": lambda p: optimizers.RMSprop(p, momentum=0.5, centered=True),
    "amsgrad": lambda p: optimizers.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: optimizers.AdamW(p, lr=0.01),
    "adagrad": lambda p: optimizers.Adagrad(p, lr=0.1, initial_accumulator=0.1),
    "adadelta": lambda p: optimizers.Adadelta(p, weight_decay=0.1),
    "adamax": lambda p: optimizers.Adamax(p, lr=0.01),
    "nadam": lambda p: optimizers.NAdam(p, weight_decay=0.1, decoupled=True),
    "radam": lambda p: optimizers.RAdam(p, lr=0.01, beta2=0.9),
    "lion": lambda p: optimizers.Lion(p, lr=0.003, weight_decay=0.1),
    "adan": lambda p: optimizers.Adan(p, lr=0.01, weight_decay=0.1),
    "schedule-free sgd": lambda p: optimizers.ScheduleFreeSGD(p, lr=0.1),
    "schedule-free adamw": lambda p: optimizers.ScheduleFreeAdamW(p, lr=0.01),
    "ivon": lambda p: optimizers.IVON(p, ess=100.0),
    "lamb": lambda p: optimizers.LAMB(p, lr=0.01, weight_decay=0.1),
    "adafactor": lambda p: optimizers.Adafactor(p, lr=0.05),
    "muon": lambda p: optimizers.Muon(p, lr=0.01),
    "soap": lambda p: optimizers.SOAP(p, lr=0.01, frequency=2),
    "prodigy": lambda p: optimizers.Prodigy(p, d0=1e-3),
}
every_rule = pytest.mark.parametrize("name", MAKERS)


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))


def slope(model, optimizer, step):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(16, 4, generator=generator)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    optimizer.zero_grad()
    probing = optimizer.sampled() if optimizer.rule.probes else contextlib.nullcontext()
    torch.manual_seed(step)
    with probing:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
    return loss.item()


def train(model, optimizer, steps):
    for step in steps:
        slope(model, optimizer, step)
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])
