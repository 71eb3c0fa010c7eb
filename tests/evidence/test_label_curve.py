from __future__ import annotations

from methodic.evidence.label_curve import LabelCurve, Point
from methodic.evidence.numbers.statistics import Interval


def point(labels: str, **means: float) -> Point:
    scores = {name: Interval(mean=x, low=x - 0.1, high=x + 0.1, n=5) for name, x in means.items()}
    return Point(labels=labels, rows=9, unlabelled=1, run=f"labels-{labels}", scores=scores)


def test_the_best_with_the_fewest_labels_comes_first() -> None:
    points = (point("1%", a=0.2, b=0.3), point("5%", a=0.9, b=0.4, c=0.5))
    curve = LabelCurve(metric="accuracy", greater_is_better=True, points=points)
    assert curve.methods == ("b", "a", "c")
    errors = LabelCurve(metric="rmse", greater_is_better=False, points=points)
    assert errors.methods == ("a", "b", "c")
