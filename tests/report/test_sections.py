from __future__ import annotations

from typing import Any

from report.reading import Page
from report.runs import make_leaderboard

from methodic.report import sections
from methodic.report.folder import load
from methodic.report.gallery import figures


def test_nothing_measured_leaves_no_empty_headings(make_run: Any) -> None:
    folder = load(make_run(until="plan"))
    drawn = figures(folder)
    for made in (
        sections.ranking(folder, drawn),
        sections.advice(folder),
        sections.mattered(folder, drawn),
        sections.training(folder, drawn),
        sections.cost(folder),
        sections.files(folder),
    ):
        assert made == ""


def test_the_interval_names_what_it_is_about(make_whole: Any) -> None:
    import json

    run = make_whole()
    words = Page(sections.ranking(load(run), {})).words
    assert "10 fresh seeds, on this split of the data" in words
    assert "over other test rows of this kind" in words
    board = json.loads((run / "leaderboard.json").read_text())
    board["about"] = "data"
    (run / "leaderboard.json").write_text(json.dumps(board))
    words = Page(sections.ranking(load(run), {})).words
    assert "each on a split of its own, for new data of this kind" in words
    assert "this split" not in words


def test_the_smallest_difference_that_could_be_seen_is_told(make_whole: Any) -> None:
    words = Page(sections.ranking(load(make_whole()), {})).words
    assert "A difference of 0.40 points between two methods would have been found" in words


def test_notes_come_once(make_whole: Any) -> None:
    words = Page(sections.notes(load(make_whole()))).words
    assert words.count("No test row is of this class: 11.") == 1
    assert "15 members train together" in words


def test_without_intervals_none_are_explained(make_run: Any) -> None:
    board = make_leaderboard()
    rows = tuple(
        row.model_copy(update={"test": row.test and row.test.model_copy(update={"n": 1})})
        for row in board.rows
    )
    run = make_run(leaderboard=board.model_copy(update={"rows": rows}))
    words = Page(sections.ranking(load(run), {})).words
    assert "One seed was confirmed" in words
    assert "Student" not in words
