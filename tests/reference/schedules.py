"""Schedules for one step of one member, as written in words."""

from __future__ import annotations

import math


def factor(spec, step, total):
    """``spec``: a schedule as in a recipe, every field written out."""
    total = max(round(spec.get("length", 1) * total), 1)
    warm = round(spec["warmup"] * total)
    if step < warm:
        return (step + 1) / warm
    rest = max(total - warm, 1)
    return after_warmup(spec, min(step - warm, rest), rest)


def after_warmup(spec, at, rest):
    progress = at / rest
    final = spec.get("final")
    match spec["kind"]:
        case "constant" | "plateau":
            return 1.0
        case "step":
            return spec["factor"] ** (at // max(1, round(spec["every"] * rest)))
        case "multi_step":
            behind = [m for m in spec["milestones"] if at >= max(1, round(m * rest))]
            return spec["factor"] ** len(behind)
        case "exponential":
            return final**progress
        case "inverse_time":
            a = (1 / final) ** (1 / spec["power"]) - 1
            return 1 / (1 + a * progress) ** spec["power"]
        case "polynomial":
            return final + (1 - final) * (1 - progress) ** spec["power"]
        case "linear":
            return 1 - (1 - final) * progress
        case "cosine":
            return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2
        case "cosine_restarts":
            return restarted(spec, at, rest)
        case "log_cosine":
            waves = math.log2(1 + (2 ** spec["cycles"] - 1) * progress)
            return (1 - math.cos(2 * math.pi * waves)) / 2
        case "one_cycle":
            return one_cycle(spec, progress)
        case "cyclic":
            return cyclic(spec, at, rest)
        case "wsd":
            start = 1 - spec["decay"]
            if progress <= start:
                return 1.0
            u = (progress - start) / spec["decay"]
            left = {
                "linear": 1 - u,
                "cosine": (1 + math.cos(math.pi * u)) / 2,
                "sqrt": 1 - u**0.5,
            }[spec["shape"]]
            return final + (1 - final) * left
        case "flat_cosine":
            if progress <= spec["flat"]:
                return 1.0
            u = (progress - spec["flat"]) / (1 - spec["flat"])
            return final + (1 - final) * (1 + math.cos(math.pi * u)) / 2
        case "joined":
            return joined(spec, at, rest)
    raise AssertionError(spec["kind"])


def restarted(spec, at, rest):
    lengths = [spec["growth"] ** i for i in range(spec["cycles"])]
    ends = [round(rest * sum(lengths[: i + 1]) / sum(lengths)) for i in range(spec["cycles"])]
    if at >= rest:
        u = 1.0
    else:
        cycle = next(i for i, end in enumerate(ends) if at < end)
        start = ends[cycle - 1] if cycle else 0
        u = (at - start) / (ends[cycle] - start)
    return spec["final"] + (1 - spec["final"]) * (1 + math.cos(math.pi * u)) / 2


def one_cycle(spec, progress):
    if progress < spec["peak"]:
        low, way = spec["start"], progress / spec["peak"]
    else:
        low, way = spec["final"], (1 - progress) / (1 - spec["peak"])
    if spec["shape"] == "cosine":
        way = (1 - math.cos(math.pi * way)) / 2
    return low + (1 - low) * way


def cyclic(spec, at, rest):
    cycle = min(at * spec["cycles"] // rest, spec["cycles"] - 1)
    inside = at * spec["cycles"] / rest - cycle
    swing = 2 * inside if inside < 0.5 else 2 - 2 * inside
    if spec["mode"] == "triangular2":
        swing /= 2**cycle
    if spec["mode"] == "exp_range":
        swing *= spec["fade"] ** (at / rest)
    return spec["low"] + (1 - spec["low"]) * swing


def joined(spec, at, rest):
    shares = [part["share"] for part in spec["parts"]]
    ends = [round(rest * sum(shares[: i + 1])) for i in range(len(shares))]
    ends[-1] = rest
    inside = [i for i, end in enumerate(ends) if at < end]
    which = inside[0] if inside else len(ends) - 1
    start = ends[which - 1] if which else 0
    return factor(spec["parts"][which]["schedule"], at - start, max(ends[which] - start, 1))
