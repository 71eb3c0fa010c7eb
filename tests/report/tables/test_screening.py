from __future__ import annotations

from typing import Any

from report.runs import make_plan, put, unit, unit_record

from methodic.report.folder import load, tried
from methodic.report.tables import screening


def test_every_setting_has_a_row(make_run: Any) -> None:
    folder = load(make_run(until="screen"))
    table = screening.screening(tried(folder), "accuracy", "Every setting")
    assert len(table.rows) == len(table.values) == 30
    lost = [row for row in table.rows if row[-1] != "0"]
    assert [(row[0], row[3], row[4]) for row in lost] == [("sgd", "3", "1")]
    assert "lr 0.5" in lost[0][1]


def test_single_trainings_have_a_row_for_each_seed(make_run: Any) -> None:
    trained = unit("train-000-adam", "train", "adam", range(2, 3), (0, 1, 2))
    plan = make_plan(methods=("adam",)).model_copy(update={"train": (trained,), "confirm": None})
    run = make_run(until="plan", plan=plan)
    put(run / "records" / "train-000-adam.json", unit_record(trained, diverges=1))
    table = screening.trained(load(run))
    assert [row[0] for row in table.rows] == [f"adam, seed {seed}" for seed in range(3)]
    assert table.rows[1][1:3] == ("–", "diverged: not finite at step 400")
    assert table.values[1][3] is None


def test_baselines_are_words(make_run: Any) -> None:
    table = screening.baselines(load(make_run(until="screen")))
    assert [row[0] for row in table.rows] == ["constant", "gradient boosting", "linear"]
    assert [value[0] for value in table.values] == ["constant", "gradient_boosting", "linear"]
