"""As many digits as a number has a right to: those that its error leaves."""

from __future__ import annotations

from methodic.metrics import Metric


def digits(x: float, precision: float, metric: Metric) -> str:
    """``x`` with as many decimals as one digit of ``precision`` has, two if that is a 1.

    Args:
        x: a score or a difference of scores.
        precision: how well it is known, in the same unit; 0 or less: to the last digit.
        metric: percentages come out as points.

    Example:
        >>> from methodic.metrics import METRICS
        >>> digits(0.06128, 0.012, METRICS["accuracy"]), digits(3.14159, 0.3, METRICS["rmse"])
        ('6.1', '3.1')
    """
    factor = 100 if metric.percent else 1
    x, precision = factor * x, factor * precision
    if precision <= 0:
        return f"{x:g}"
    digit, _, exponent = f"{precision:.0e}".partition("e")
    decimals = -int(exponent) + (digit == "1")
    return f"{round(x, decimals):.{max(decimals, 0)}f}"
