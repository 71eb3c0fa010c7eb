"""Schedules one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from methodic.schedules.phases import Curve, FloatArray, Numbers, Total, phases


def joined(parts: Sequence[tuple[float, Curve]]) -> Curve:
    """Each part over its own stretch, as if that were the whole run.

    Args:
        parts: (share of the steps after the warm-up, schedule); the shares add up to 1. A part
            starts at a whole step.

    Returns:
        a schedule of the numbers ``warmup`` in [0, 1), and of those of part i by the names
        "parts.i.schedule.…".
    """

    def schedule(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
        where = phases(step, total, numbers)
        factor, start, passed = np.ones_like(where.after), np.zeros_like(where.after), 0.0
        for i, (share, part) in enumerate(parts):
            passed += share
            last = i == len(parts) - 1
            end = where.rest if last else np.rint(where.rest * passed)
            prefix = f"parts.{i}.schedule."
            own = {
                name.removeprefix(prefix): number
                for name, number in numbers.items()
                if name.startswith(prefix)
            }
            inside = part(np.maximum(where.after - start, 0.0), np.maximum(end - start, 1.0), own)
            factor = np.where(where.after >= start, inside, factor)
            start = end
        return where.then(factor)

    return schedule
