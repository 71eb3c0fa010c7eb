"""Schedules for one step of one member, as written in words."""

from __future__ import annotations

import math


def factor(kind, step, total, warmup=0.0, final=0.0):
    warm = round(warmup * total)
    if step < warm:
        return (step + 1) / warm
    if kind == "constant":
        return 1.0
    progress = min((step - warm) / (total - warm), 1.0) if total > warm else 1.0
    if kind == "exponential":
        return final**progress
    if kind == "cosine":
        return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2
    raise AssertionError(kind)
