from __future__ import annotations

import pytest
from report.represented import representations

from methodic.report.tables.representation import representation


def test_means_over_the_networks_of_a_method() -> None:
    table = representation(representations().networks)
    first, second = table.rows
    assert first[:3] == ("adamw-cosine", "2", "64")
    assert first[3:] == ("92.0% (70.0%)", "88.0% (60.0%)", "8.0 (12.0)", "12% (0%)")
    assert second[3] == "– (70.0%)"
    values = dict(zip(table.fields, table.values[0], strict=True))
    assert values["probe"] == pytest.approx(0.92)
    assert values["rank_untrained"] == 12.0
    assert values["score"] == "accuracy"
    assert dict(zip(table.fields, table.values[1], strict=True))["probe"] is None
    assert table.columns[3].title == "linear probe, accuracy"


def test_before_targets_a_row_of_its_own() -> None:
    first, *others = representations().networks
    learnt = first.trained.model_copy(update={"probe": 0.8})
    table = representation([first.model_copy(update={"learnt": learnt}), *others])
    assert [row[0] for row in table.rows][:2] == ["adamw-cosine, pretrained", "adamw-cosine"]
    assert table.rows[0][3] == "80.0% (70.0%)"
    pairs = [dict(zip(table.fields, row, strict=True)) for row in table.values]
    assert [(p["method"], p["weights"]) for p in pairs][:2] == [
        ("adamw-cosine", "pretrained"),
        ("adamw-cosine", "kept"),
    ]


def test_numbers_are_scored_by_what_is_explained() -> None:
    networks = [n.model_copy(update={"score": "r2"}) for n in representations().networks]
    table = representation(networks)
    assert table.columns[3].title == "linear probe, R²"
    assert table.rows[0][3] == "0.9200 (0.7000)"


def test_nothing() -> None:
    assert representation([]).rows == ()
