from __future__ import annotations

import json
from typing import Any

import pytest
from report.reading import Page
from report.whole import TASKS, analysis, classes

from methodic.report import model
from methodic.report.folder import load
from methodic.report.gallery import figures


@pytest.mark.parametrize("task", TASKS)
def test_a_closer_look_fits_the_task(make_whole: Any, task: str) -> None:
    folder = load(make_whole(task))
    words = Page(model.closer(folder, figures(folder))).words
    numbers = task == "regression"
    assert ("Which classes were taken for which" in words) is not numbers
    assert ("Can its probabilities be trusted?" in words) is not numbers
    assert ("How the errors are spread" in words) is numbers
    assert "R²" in words if numbers else "balanced accuracy" in words
    assert "95%, bootstrap over rows" in words
    assert "region: <north & east>" in words


def test_many_classes_are_a_table_of_mistakes(make_whole: Any) -> None:
    run = make_whole()
    many = analysis("multiclass").model_copy(
        update={"classes": classes(tuple(f"c{i:02d}" for i in range(25)))}
    )
    (run / "analysis.json").write_text(many.model_dump_json())
    folder = load(run)
    drawn = figures(folder)
    assert "confusion" not in drawn
    assert "Classes taken for others most often" in Page(model.closer(folder, drawn)).words


def test_no_bad_slice_is_said_too(make_whole: Any) -> None:
    run = make_whole()
    found = json.loads((run / "analysis.json").read_text()) | {"slices": []}
    (run / "analysis.json").write_text(json.dumps(found))
    assert "of 57 slices tried" in Page(model.closer(load(run), {})).words


def test_the_card_names_limits(make_whole: Any) -> None:
    lines = model.limits(load(make_whole()))
    assert any("off by 3.1 points" in line and "leaves 0.8" in line for line in lines)
    assert any("mean area: 12 to 20 (81.0%; elsewhere 98.0%)" in line for line in lines)
    assert any("One split of the data" in line for line in lines)
    lines = model.limits(load(make_whole("regression", name="numbers")))
    assert any("Prediction ± 0.41 is meant to hold 90% of new rows" in line for line in lines)


def test_a_better_baseline_is_a_limit(make_whole: Any) -> None:
    run = make_whole()
    board = json.loads((run / "leaderboard.json").read_text()) | {"winner": "gradient_boosting"}
    (run / "leaderboard.json").write_text(json.dumps(board))
    assert any("gradient boosting did better" in line for line in model.limits(load(run)))


def test_the_card_says_which_model_and_how_to_make_it_again(make_whole: Any) -> None:
    words = Page(model.card(load(make_whole()))).words
    for word in ("3 networks together", "lr 0.004", "0f3a5c9e11d2b470", "methodic run digits"):
        assert word in words


def test_every_method_is_there_and_the_kept_one_on_paper(make_whole: Any) -> None:
    made = model.methods(load(make_whole()))
    assert made.count("<details") == 6
    assert made.count('<details class="screen">') == 5
    printed = made[made.index("<details><summary>") :]
    assert printed.startswith("<details><summary>adamw-cosine")
