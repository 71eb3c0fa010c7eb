from __future__ import annotations

import csv
import io

from methodic.evidence.label_curve import LabelCurve
from methodic.evidence.numbers.statistics import Interval
from methodic.evidence.worth import Worth
from methodic.report import label_tables
from tests.evidence.test_label_curve import point

GAIN = Interval(mean=0.05, low=0.03, high=0.07, n=5)
WORTH = Worth(reads="b", without="a", rows=1, gain=GAIN, p=0.001)
CURVE = LabelCurve(
    metric="accuracy",
    greater_is_better=True,
    points=(
        point("1%", a=0.25, b=0.30).model_copy(update={"worth": WORTH}),
        point("5000", a=0.90).model_copy(update={"rows": 4250}),
    ),
)


def test_a_column_for_each_number_of_labels() -> None:
    table = label_tables.table(CURVE)
    assert [each.title for each in table.columns] == ["method", "1% (9 rows)", "4,250 rows"]
    assert table.rows == (("b", "30.0% ± 10.0%", "–"), ("a", "25.0% ± 10.0%", "90.0% ± 10.0%"))


def test_files() -> None:
    rows = list(csv.DictReader(io.StringIO(label_tables.text(CURVE, "csv"))))
    assert [(row["method"], row["labels"]) for row in rows] == [
        ("b", "1%"),
        ("a", "1%"),
        ("a", "5000"),
    ]
    assert float(rows[0]["low"]) < float(rows[0]["mean"]) == 0.3
    text = label_tables.text(CURVE, "md")
    assert "| b | 30.0% ± 10.0% |" in text
    assert "1% of the labels: Rows without targets gained +5.0 ± 2.0 points" in text
    assert "same labelled rows" in text
