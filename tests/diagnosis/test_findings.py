"""Findings as values."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from methodic.diagnosis.findings import Finding, Findings


def finding(serious: bool) -> Finding:
    return Finding(
        name="duplicates",
        what="W.",
        evidence=("E.",),
        advice="A.",
        serious=serious,
        numbers={"n": 3},
    )


def test_they_come_through_json() -> None:
    found = Findings(findings=(finding(True), finding(False)), looked_for=("leaks",), rows=7)
    assert Findings.model_validate_json(found.model_dump_json()) == found
    assert found.serious == (finding(True),)


def test_a_name_is_one_of_those_that_are_known() -> None:
    with pytest.raises(ValidationError):
        Finding(name="bad luck", what="", evidence=(), advice="", serious=True)  # type: ignore[arg-type]
