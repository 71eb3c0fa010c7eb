from __future__ import annotations

import io
import subprocess
import sys

import pytest
from report.runs import METHODS, make_leaderboard, make_plan
from report.searched import Search
from report.whole import ablation, leaderboard
from rich.console import Console

from methodic.evidence.sameness import Difference, Reproduction, Tally
from methodic.report import cells, terminal


def shown(renderable: object, width: int = 80) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_the_ranking_reads_in_80_columns(metric: str) -> None:
    board = make_leaderboard(metric)
    text = shown(terminal.leaderboard_table(board, 80))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 3 + len(board.rows)  # nothing but the head is folded
    first = "97.2% ± 0.2%" if metric == "accuracy" else "0.2560 ± 0.0024"
    assert all(word in lines[3] for word in ("1", "adamw-cosine", first, "a", "0.42 s", "best"))
    assert "1 diverged" in text
    assert "n = 10" in lines[1]


@pytest.mark.parametrize("width", [36, 40, 50, 60, 70])
@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_the_ranking_has_whole_numbers_and_its_notes_in_narrow_terminals(
    metric: str, width: int
) -> None:
    board = make_leaderboard(metric)
    text = shown(terminal.leaderboard_table(board, width), width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    for row in board.rows:
        assert cells.interval(row.test, metric) in text
    assert text.count("best") == 1
    assert text.count("baseline") == 3
    for title in ("valid.", "groups", "time"):
        assert text.count(title) == 1, "in the head, or among what has no room"


def test_what_a_narrow_ranking_leaves_out() -> None:
    board = make_leaderboard()
    left = [
        shown(terminal.leaderboard_table(board, width), width).partition("No room for: ")[2]
        for width in (80, 60, 50, 40)
    ]
    assert [" ".join(each.split()) for each in left] == ["", "", "valid.", "valid., groups, time"]


@pytest.mark.parametrize("width", [40, 50, 60])
def test_other_tables_have_whole_numbers_in_narrow_terminals(width: int) -> None:
    tallies = (Tally(kind="test predictions", bit=1_234_567, tolerance=20, different=1),)
    same = Reproduction(
        first="a", again="b", tallies=tallies, differences=(), reasons=(), verdict=""
    )
    many = Search(methods=tuple(METHODS), settings=64, strategy="halving").make()
    for table, numbers in (
        (terminal.plan_table(make_plan(), width), ("1,200", "1.7 s", "5 × 3")),
        (terminal.reproduction_table(same, width), ("1,234,567", "20")),
        (terminal.search_table(many, width), ("97.0%", "97.3%", "0.30 points")),
    ):
        text = shown(table, width)
        assert "…" not in text
        assert all(number in text for number in numbers), text
        assert max(len(line) for line in text.splitlines()) <= width


def test_wide_terminals_get_every_number() -> None:
    text = shown(terminal.leaderboard_table(make_leaderboard(), 120), 120)
    assert "97.4% ± 0.6%" in text
    assert "lr 0.004" in text


def test_seeds_stand_in_the_rows_where_they_differ() -> None:
    board = make_leaderboard()
    first = board.rows[0]
    assert first.test is not None
    fewer = first.model_copy(update={"test": first.test.model_copy(update={"n": 8})})
    board = board.model_copy(update={"rows": (fewer, *board.rows[1:])})
    text = shown(terminal.leaderboard_table(board, 80))
    assert "97.2% ± 0.2% (8)" in text
    assert "96.9% ± 0.2% (10)" in text


def test_names_are_no_markup() -> None:
    board = make_leaderboard()
    odd = board.rows[0].model_copy(update={"name": "[red]x[/red]"})
    board = board.model_copy(update={"rows": (odd,)})
    assert "[red]x[/red]" in shown(terminal.leaderboard_table(board, 120), 120)
    assert "[b]y" in shown(terminal.facts_table([("target", "[b]y")]))


def test_the_plan_reads_in_80_columns() -> None:
    text = shown(terminal.plan_table(make_plan()))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "5 × 3" in text
    assert "1.7 s" in text  # 1,200 steps of 1.4 ms
    assert "about 5.0 s for the screening" in text
    assert "gradient boosting, linear, constant" in text


def test_the_plan_of_a_single_training() -> None:
    plan = make_plan(methods=("adam",))
    plan = plan.model_copy(update={"train": plan.screen, "screen": (), "confirm": None})
    text = shown(terminal.plan_table(plan))
    assert "adam" in text
    assert "confirmation" not in text


def test_the_library_reads_in_80_columns() -> None:
    text = shown(terminal.recipes_table([each.recipe for each in make_plan().contenders]))
    assert "gradient-descent" in text
    assert "Always a good" in text


def test_a_reproduction_reads_in_80_columns() -> None:
    long = "confirm-001-adamw-cosine, member 3: test predictions (row, output), furthest apart at"
    differences = [
        Difference(what=f"{long} [{i}, 1]", grade=grade, first=repr(1 / 3), again=repr(1 / 7))
        for i, grade in enumerate(["different", *["tolerance"] * 20])
    ]
    result = Reproduction(
        first="a",
        again="b",
        tallies=(Tally(kind="test predictions", bit=1234, tolerance=20, different=1),),
        differences=tuple(differences),
        reasons=(),
        verdict="",
    )
    text = shown(terminal.reproduction_table(result))
    assert all(word in text for word in ("test predictions", "1,234", "20", "to tolerance"))
    text = shown(terminal.differences_table(result))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert repr(1 / 7) in text
    assert "[9, 1]" in text
    assert "[10, 1]" not in text, "the first ten"


def test_a_few_lines_after_the_ranking() -> None:
    board = leaderboard("accuracy")
    lines = terminal.findings(board, ablation("accuracy"))
    assert len(lines) == 2
    assert lines[0].startswith("What mattered in adamw-cosine: cosine schedule +0.9 ± 0.3 points;")
    assert lines[0].endswith("1 more in the report.")
    assert lines[1].startswith("With more budget: The best learning rate of adam")
    assert terminal.findings(make_leaderboard()) == []


def test_nothing_heavy_is_imported() -> None:
    script = (
        "import sys, methodic.report.terminal, methodic.report.page\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'polars', 'plotly', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_search_in_a_few_lines() -> None:
    many = Search(methods=tuple(METHODS), settings=64, strategy="halving").make()
    text = shown(terminal.search_table(many))
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 9
    assert max(len(line) for line in lines) <= 80
    assert "what tuning gained there isn't known" in " ".join(" ".join(lines[5:8]).split())
    assert "2 more in the report" in lines[-1]
    assert all(word in lines[0] for word in ("untuned", "best of 1", "16", "64", "better by"))
    alone = shown(terminal.search_table(Search(methods=("sgd",), settings=3).make()))
    assert "sgd" in alone
    assert "more in the report" not in alone
