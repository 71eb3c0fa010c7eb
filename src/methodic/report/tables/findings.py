"""Findings as a table."""

from __future__ import annotations

from methodic.diagnosis.findings import Findings
from methodic.report.tables.table import Column, Table


def findings(found: Findings) -> Table:
    """Each finding with its evidence and what to do, serious ones first."""
    return Table(
        key="findings",
        title="Findings",
        columns=(Column("finding"), Column("what"), Column("evidence"), Column("do")),
        rows=tuple(
            (each.name, each.what, " ".join(each.evidence), each.advice) for each in found.findings
        ),
        fields=("name", "serious", "what", "evidence", "advice", "columns"),
        values=tuple(
            (
                each.name,
                each.serious,
                each.what,
                " ".join(each.evidence),
                each.advice,
                "; ".join(each.columns),
            )
            for each in found.findings
        ),
    )
