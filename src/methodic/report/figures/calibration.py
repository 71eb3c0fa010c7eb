"""How far the probabilities of a classifier can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from methodic.evidence.closer.calibration import Bin, Calibration
from methodic.report.drawing import COLOURS, SQUARE, Figure, digits, layout, line, short


def reliability(found: Calibration) -> Figure | None:
    """Accuracy against confidence, before and after temperature scaling; None without rows."""
    if not found.bins:
        return None
    canvas = layout(430, "confidence: probability of the predicted class", "share that is right")
    # Bins of the surest rows crowd at the right end, so the axes begin where the rows do.
    low = min(
        x for each in (*found.bins, *found.bins_scaled) for x in (each.confidence, each.accuracy)
    )
    start = max(-0.03, low - 0.07)
    for axis in ("xaxis", "yaxis"):
        canvas[axis] |= {
            "range": [digits(start), 1.0 + digits(0.03 * (1 - start))],
            "tickformat": ".0%",
        }
    canvas["shapes"] = [line(x0=digits(start), y0=digits(start), x1=1, y1=1)]
    return Figure(
        key="calibration",
        title="Can its probabilities be trusted?",
        caption="On the dashed line, of the rows predicted with 80% confidence 80% are right; "
        "below it the model is too sure of itself, above it not sure enough. The expected "
        f"calibration error is {_points(found.ece)} as trained, and {_points(found.ece_scaled)} "
        f"after dividing the logits by a temperature of {found.temperature:.3g}, which the "
        f"validation rows chose; log loss {found.log_loss:.4g} and {found.log_loss_scaled:.4g}. "
        "A mark is a bin of about equally many test rows.",
        data=[
            _bins(found.bins, f"as trained · error {_points(found.ece)}", COLOURS[0], "circle"),
            _bins(
                found.bins_scaled,
                f"with temperature {found.temperature:.3g} · error {_points(found.ece_scaled)}",
                COLOURS[1],
                "diamond",
            ),
        ],
        layout=canvas,
        widest=SQUARE,
    )


def _points(error: float) -> str:
    return f"{100 * error:.1f} points"


def _bins(bins: Sequence[Bin], name: str, colour: str, symbol: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "line": {"color": colour, "width": 1.75},
        "marker": {"color": colour, "size": 8, "symbol": symbol},
        "x": short(each.confidence for each in bins),
        "y": short(each.accuracy for each in bins),
        "text": [f"{each.rows:,} rows" for each in bins],
        "hovertemplate": "confidence %{x:.1%}, right %{y:.1%}, %{text}<extra></extra>",
    }
