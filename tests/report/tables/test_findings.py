"""Findings as a table."""

from __future__ import annotations

from methodic.diagnosis import Finding, Findings
from methodic.report.tables.findings import findings


def test_a_row_for_each() -> None:
    one = Finding(
        name="shift",
        what="W",
        evidence=("A.", "B."),
        advice="Do.",
        serious=False,
        columns=("x", "y"),
    )
    table = findings(Findings(findings=(one,)))
    assert table.rows == (("shift", "W", "A. B.", "Do."),)
    assert table.values == (("shift", False, "W", "A. B.", "Do.", "x; y"),)
    assert findings(Findings()).rows == ()
