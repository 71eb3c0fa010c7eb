from __future__ import annotations

import csv
import io
import json

import pytest
from report.runs import LR, make_leaderboard, make_plan

from methodic.evidence.leaderboard import Interval
from methodic.report import tables


@pytest.mark.parametrize(
    ("interval", "metric", "shown"),
    [
        (Interval(mean=0.9731, low=0.9694, high=0.9768, n=10), "accuracy", "97.3% ± 0.4%"),
        (Interval(mean=0.97312, low=0.97278, high=0.97346, n=10), "accuracy", "97.31% ± 0.03%"),
        (Interval(mean=0.97, low=0.97, high=0.97, n=10), "accuracy", "97.0% ± 0.0%"),
        (Interval(mean=0.9731, low=None, high=None, n=1), "accuracy", "97.3%"),
        (Interval(mean=0.51234, low=0.5012, high=0.5234, n=10), "rmse", "0.512 ± 0.011"),
        (Interval(mean=45123.4, low=44803.4, high=45443.4, n=10), "rmse", "45123 ± 320"),
        (Interval(mean=3.2e9, low=3.1e9, high=3.3e9, n=10), "rmse", "3.2e+09 ± 1e+08"),
        (None, "rmse", "–"),
    ],
)
def test_intervals_show_the_digits_that_the_half_width_allows(
    interval: Interval | None, metric: str, shown: str
) -> None:
    assert tables.interval(interval, metric) == shown


@pytest.mark.parametrize(
    ("x", "shown"),
    [
        (0, "0.00 s"),
        (0.001, "< 0.01 s"),
        (0.42, "0.42 s"),
        (0.996, "1.0 s"),
        (59.96, "60 s"),
        (119.7, "2 min 00 s"),
        (130, "2 min 10 s"),
        (4000, "1 h 06 min"),
    ],
)
def test_seconds(x: float, shown: str) -> None:
    assert tables.seconds(x) == shown


def test_differences_have_a_sign() -> None:
    assert tables.difference(0.0042, "accuracy") == "+0.42 points"
    assert tables.difference(-0.0042, "accuracy") == "−0.42 points"
    assert tables.difference(1e-17, "accuracy") == "0 points"


def test_setting_names_are_as_short_as_they_can_be() -> None:
    assert tables.setting({LR: 0.003162}) == "lr 0.003162"
    two = {"stages.0.turns.0.optimizer.lr": 0.1, "stages.1.turns.0.optimizer.lr": 0.2}
    assert tables.setting(two) == "0.turns.0.optimizer.lr 0.1, 1.turns.0.optimizer.lr 0.2"
    assert tables.setting({}) == "–"


def test_csv_round_trips() -> None:
    board = make_leaderboard()
    rows = list(csv.DictReader(io.StringIO(tables.csv(board))))
    assert [row["name"] for row in rows] == [row.name for row in board.rows]
    for read, row in zip(rows, board.rows, strict=True):
        for part, interval in (("test", row.test), ("validation", row.validation)):
            for end in ("mean", "low", "high", "n"):
                cell = read[f"{part}_{end}"]
                expected = None if interval is None else getattr(interval, end)
                assert (float(cell) if cell else None) == expected
        assert json.loads(read["setting"]) == row.setting
        assert (int(read["diverged"]), float(read["seconds"])) == (row.diverged, row.seconds)
        assert tuple(read["groups"]) == row.groups


def test_markdown_is_one_table_whatever_the_names() -> None:
    board = make_leaderboard()
    odd = board.rows[0].model_copy(update={"name": "a|b\nc"})
    text = tables.markdown(board.model_copy(update={"rows": (odd, *board.rows[1:])}))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(board.rows)
    assert {line.replace("\\|", "").count("|") for line in lines} == {10}
    assert "a\\|b c" in text
    assert board.verdict in text


def test_plan_facts_name_budget_machine_and_seeds() -> None:
    facts = dict(tables.plan_facts(make_plan()))
    assert facts["budget"] == "60 s"
    assert "2 workers × 1 thread" in facts["machine"]
    assert "90 models" in facts["screening"]
    assert "1000–1009" in facts["confirmation"]


def test_spans() -> None:
    assert tables.spans({3, 1, 2, 7}) == "1–3, 7"
