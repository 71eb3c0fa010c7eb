from __future__ import annotations

import pytest

from methodic.durations import parse_budget
from methodic.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("2m", 120),
        ("1h", 3600),
        ("90", 90),
        ("1.5 min", 90),
        (" 2 M ", 120),
        ("10", 10),
        (30, 30),
        (12.5, 12.5),
    ],
)
def test_accepted(text: str | float, seconds: float) -> None:
    assert parse_budget(text) == seconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("9.9s", "--budget: too short"),
        ("0", "--budget: too short"),
        ("0.1m", "--budget: too short"),
        ("-60", "--budget: not a duration"),
        ("", "--budget: not a duration"),
        ("s", "--budget: not a duration"),
        ("60x", "--budget: not a duration"),
        ("1m30s", "--budget: not a duration"),
        ("1e9", "--budget: not a duration"),
        ("inf", "--budget: not a duration"),
        (float("nan"), "--budget: not a duration"),
        ("٦٠", "--budget: not a duration"),
        (True, "--budget: not a duration"),
        ("9" * 5000, "--budget: not a duration"),
    ],
)
def test_refused(text: str | float, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_budget(text)
    assert caught.value.problem == problem
    assert caught.value.accepted is not None
    assert "60s, 2m or 1h" in caught.value.accepted
