from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich import box
from rich.console import Console
from rich.table import Table

from methodic import console
from methodic.report import narrow
from methodic.report.narrow import Column
from methodic.report.tables import table as tables

NAMES = Column("method", ["adam", "a very_long_name_of_a_method"], folds=True)
SCORES = Column("accuracy, test", ["97.2% ± 0.2%", "–"], number=True)
TIMES = Column("time", ["0.42 s", "1 h 07 min"], number=True)


def drawn(choices: Sequence[Sequence[Column]], room: int, *spare: str) -> str:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    narrow.fill(table, choices, room, spare=spare)
    recorder = Console(record=True, width=room, file=io.StringIO())
    recorder.print(table)
    text = recorder.export_text()
    assert max(map(len, text.splitlines())) <= room
    return text


def test_all_of_it_where_there_is_room() -> None:
    text = drawn([[NAMES, SCORES, TIMES]], 80, "time")
    assert "very_long_name_of_a_method" in text
    assert "accuracy, test" in text
    assert "No room" not in text


def test_names_and_titles_fold_before_anything_is_left_out() -> None:
    text = drawn([[NAMES, SCORES, TIMES]], 40, "time")
    assert "accuracy," in text
    assert "accuracy, test" not in text
    assert "97.2% ± 0.2%" in text
    assert "1 h 07 min" in text
    assert "…" not in text


def test_what_is_spare_goes_in_its_order() -> None:
    text = drawn([[NAMES, SCORES, TIMES]], 30, "time", "method")
    assert "97.2% ± 0.2%" in text
    assert "0.42 s" not in text
    assert "adam" in text
    assert text.split("\n")[-2].strip() == "No room for: time"


def test_the_first_choice_that_fits() -> None:
    choices = [[NAMES, SCORES, TIMES], [NAMES, TIMES], [TIMES]]
    assert "97.2%" in drawn(choices, 40)
    assert "97.2%" not in drawn(choices, 30)
    assert "adam" in drawn(choices, 30)
    assert "adam" not in drawn(choices, 14)
    assert "1 h 07 min" in drawn(choices, 14)


def test_letters_that_take_two_columns() -> None:
    wide = Column("a", ["測" * 8] * 2, number=True)
    assert "測" * 8 in drawn([[NAMES, wide]], 32)
    assert "測" * 8 in drawn([[NAMES, wide, TIMES]], 32, "time")


def test_a_table_without_rows() -> None:
    assert "method" in drawn([[Column("method", [], folds=True), Column("time", [])]], 20)


def test_a_table_of_the_report_keeps_its_names_and_its_first_number() -> None:
    columns = (
        tables.Column("method"),
        tables.Column("first", number=True),
        *(tables.Column(f"{n} labels", number=True) for n in (10, 100, 1000)),
        tables.Column("note"),
    )
    row = ("adamw_cosine", "97.2% ± 0.2%", "1", "22222", "333", "kept whole")
    table = tables.Table(
        key="it", title="", columns=columns, rows=(row,), fields=(), values=(), ranked=True
    )

    def text(room: int) -> str:
        recorder = Console(record=True, width=room, file=io.StringIO())
        recorder.print(narrow.drawn(table, room))
        return recorder.export_text()

    assert "No room" not in text(80)
    assert all(cell in text(80) for cell in row)
    small = text(56)
    assert small.split("\n")[-2].strip() == "No room for: 1000 labels"
    assert "22222" in small
    tiny = text(30)
    assert "97.2% ± 0.2%" in tiny
    assert "…" not in small + tiny


def test_a_file_gets_more_columns_than_rich_gives_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert narrow.room() == 120
    console.show("x " * 55 + "\n", Table("y" * 100, box=None))
    assert "y" * 100 in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "50")
    assert narrow.room() == 50
    assert narrow.room(40) == 40
