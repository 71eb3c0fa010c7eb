from __future__ import annotations

import csv as reader
import io
import json

from report.runs import make_leaderboard
from report.whole import ablation, leaderboard

from methodic.report.tables import comparison
from methodic.report.tables.table import Table, csv


def read(table: Table) -> list[dict[str, str]]:
    return list(reader.DictReader(io.StringIO(csv(table))))


def test_the_csv_of_the_ranking_round_trips() -> None:
    board = leaderboard("accuracy")
    rows = read(comparison.ranking(board))
    assert [row["name"] for row in rows] == [row.name for row in board.rows]
    for found, row in zip(rows, board.rows, strict=True):
        for part, interval in (("test", row.test), ("validation", row.validation)):
            for end in ("mean", "low", "high", "n"):
                cell = found[f"{part}_{end}"]
                expected = None if interval is None else getattr(interval, end)
                assert (float(cell) if cell else None) == expected
        low = None if row.rows is None else row.rows.low
        assert (float(found["rows_low"]) if found["rows_low"] else None) == low
        assert json.loads(found["setting"]) == row.setting
        assert (int(found["diverged"]), float(found["seconds"])) == (row.diverged, row.seconds)
        assert tuple(found["groups"]) == row.groups


def test_the_second_interval_has_a_column_where_it_is_known() -> None:
    plain = comparison.ranking(make_leaderboard())
    told = comparison.ranking(leaderboard("accuracy"))
    titles = [column.title for column in told.columns]
    assert "on new rows" in titles
    assert "on new rows" not in [column.title for column in plain.columns]
    assert told.rows[0][titles.index("on new rows")] == "95.9% to 98.3%"
    assert told.tags[0] == ("best",)


def test_pairs_have_effect_sizes() -> None:
    board = leaderboard("accuracy")
    table = comparison.pairs(board)
    first = dict(zip((c.title for c in table.columns), table.rows[0], strict=True))
    assert first["pair"] == "adamw-cosine − adam"
    assert first["difference"] == "+0.30 points"
    assert first["95% interval"] == "0 to +0.60 points"
    assert (first["effect size"], first["first is better"]) == ("0.8", "93.0%")
    values = read(table)[0]
    assert (values["effect_size"], values["superiority"]) == ("0.8", "0.93")
    bare = comparison.pairs(make_leaderboard())
    assert bare.rows[0][-2:] == ("–", "–")
    assert read(bare)[0]["effect_size"] == ""


def test_effects_stand_by_size_the_detected_first() -> None:
    found = ablation("accuracy")
    mixed = found.model_copy(update={"effects": found.effects[::-1]})
    table = comparison.ablation(mixed)
    assert [row[0] for row in table.rows] == [
        *("cosine schedule", "standardised numbers", "label smoothing"),
        *("decoupled weight decay", "dropout"),
    ]
    assert table.rows[0][1:] == ("+0.90 points", "+0.60 to +1.2 points", "0.002", "yes")
    assert read(table)[-1]["detected"] == "False"


def test_weights_of_an_ensemble_are_shares() -> None:
    together = leaderboard("accuracy").ensemble
    assert together is not None
    table = comparison.ensemble(together)
    assert table.rows[0] == ("adamw-cosine, seed 1003", "50%")
    assert sum(float(row["weight"]) for row in read(table)) == 1
