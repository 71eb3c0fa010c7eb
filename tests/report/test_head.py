from __future__ import annotations

from typing import Any

from report.reading import Page
from report.runs import make_leaderboard

from methodic.report.folder import load
from methodic.report.head import header


def test_the_tiles_tell_the_result_and_its_price(make_run: Any) -> None:
    words = Page(header(load(make_run()))).words
    for word in ("97.2% ± 0.2%", "adamw-cosine", "130", "57.9 s of 60 s"):
        assert word in words


def test_an_ensemble_is_the_saved_model(make_whole: Any) -> None:
    assert "3 networks together" in Page(header(load(make_whole()))).words


def test_an_unfinished_run_says_how_far_it_came(make_run: Any) -> None:
    words = Page(header(load(make_run(until="screen")))).words
    assert "6 of 6 units of the screening, 3 baselines" in words
    assert "saved model" not in words


def test_one_seed_ranks_nobody(make_run: Any) -> None:
    board = make_leaderboard()
    rows = tuple(
        row.model_copy(update={"test": row.test and row.test.model_copy(update={"n": 1})})
        for row in board.rows
    )
    run = make_run(leaderboard=board.model_copy(update={"rows": rows}))
    assert "adamw-cosine scored best on digits, from one seed" in Page(header(load(run))).words
