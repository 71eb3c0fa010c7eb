from __future__ import annotations

import csv as reader
import json

from report.searched import ADAM, LR, Search, conditional

from methodic.evidence.importance import importance
from methodic.evidence.tuned import tuned
from methodic.report.tables import search
from methodic.report.tables.table import csv, markdown


def test_the_best_setting_of_each_method() -> None:
    record = Search(settings=40).make()
    table = search.found(tuned(record), "accuracy")
    assert [row[0] for row in table.rows] == ["adamw", "momentum", "sgd"]
    first = table.rows[0]
    assert first[1] == "97.6%"
    assert first[3].startswith("lr 0.00")
    assert first[4] == "40"
    rows = list(reader.DictReader(csv(table).splitlines()))
    assert LR in json.loads(rows[0]["setting"])
    assert "| 1 | adamw |" in markdown(table)


def test_score_against_tuning() -> None:
    table = search.tuning(tuned(Search(settings=64).make()), "accuracy")
    titles = [column.title for column in table.columns]
    assert titles == [
        *("method", "untuned", "1 setting", "4 settings", "16 settings", "64 settings"),
        "better by",
    ]
    assert {value[2] for value in table.values} >= {1, 2, 3, 4, 16, 64}
    odd = search.tuning(tuned(Search(settings=20).make()), "accuracy")
    assert [column.title for column in odd.columns][-2] == "20 settings"
    many = search.tuning(tuned(Search(methods=("adamw",), settings=300).make()), "accuracy")
    assert "256 settings" in [column.title for column in many.columns]


def test_methods_that_tried_unequally_many_have_gaps() -> None:
    table = search.tuning(tuned(Search(together=True, settings=40).make()), "accuracy")
    assert [column.title for column in table.columns][-2] == "16 settings"
    assert any("–" in row for row in table.rows), "not all have tried 16"


def test_gains_are_of_the_better_kind() -> None:
    (found,) = tuned(Search(methods=("adamw",), metric="rmse", settings=40).make())
    assert float(search.gain(found, "rmse")) > 0
    assert search.gain(found.model_copy(update={"gain": None}), "rmse") == "–"
    assert search.gain(found.model_copy(update={"gain": 0.0}), "accuracy") == "0"
    assert search.gain(found.model_copy(update={"gain": -0.01}), "accuracy") == "−1.0 points"


def test_importance_side_by_side() -> None:
    table = search.importance(importance(Search(settings=30).make(), {}))
    titles = [column.title for column in table.columns]
    assert titles == ["number", "adamw (30)", "momentum (30)", "sgd (30)"]
    assert table.rows[0][0] == "lr"
    assert all(cell.endswith("%") for cell in table.rows[0][1:])
    assert len(table.values) == 3 * 4


def test_conditional_numbers_say_among_how_many() -> None:
    record = Search(methods=("adamw",), settings=40, draw=conditional).make()
    table = search.importance(importance(record, {}))
    rows = dict(table.rows)
    assert "of" in rows["lr"]
    assert "of" not in rows["width"]
    among = {value[1]: value[3] for value in table.values}
    assert among[ADAM] < 40


def test_every_candidate() -> None:
    record = Search(settings=27, strategy="halving").make()
    table = search.candidates(record)
    assert len(table.rows) == 81
    assert table.rows[0][0] == "adamw 0"
    assert {row[3] for row in table.rows} == {"finished", "dropped", "diverged"}
    assert {row[4] for row in table.rows} >= {"11%", "33%", "100%"}


def test_nothing_searched_is_no_table() -> None:
    assert search.tuning([], "accuracy").rows == ()
    assert search.found([], "accuracy").rows == ()
    assert search.importance([]).rows == ()
