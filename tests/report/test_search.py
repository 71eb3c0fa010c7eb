"""The section about a search, on a page."""

from __future__ import annotations

from typing import Any

import pytest
from report.browser import Browser
from report.reading import Page
from report.runs import METHODS, put
from report.searched import Search, conditional
from report.test_page import DRAWN, WIDE

from methodic.report import search
from methodic.report.folder import load
from methodic.report.gallery import figures
from methodic.report.page import write
from methodic.tuning import NAME

NAMES = tuple(METHODS)
CASES = {
    "random": Search(methods=NAMES[:3], settings=24),
    "halving": Search(methods=NAMES, settings=27, strategy="halving", sampler="tpe"),
    "conditional": Search(methods=("adam", "sgd"), settings=30, draw=conditional),
    "population": Search(methods=("adam",), strategy="population", settings=20),
    "together": Search(methods=("adam", "sgd"), together=True, settings=40),
    "few": Search(methods=("adam",), settings=2),
}
EVERYWHERE = {"tuning", "history", "slices"}
DRAWS = {
    "random": EVERYWHERE | {"contour", "parallel"},
    "halving": EVERYWHERE | {"courses", "contour", "parallel"},
    "conditional": EVERYWHERE | {"contour", "parallel"},
    "population": EVERYWHERE | {"courses", "schedules", "contour", "parallel"},
    "together": EVERYWHERE | {"contour", "parallel"},
    "few": EVERYWHERE,
}


@pytest.fixture
def make_search(make_run: Any) -> Any:
    """A function that writes the folder of a run that searched."""

    def make(case: str, **options: Any) -> Any:
        run = make_run(**options)
        put(run / NAME, CASES[case].make())
        return run

    return make


@pytest.mark.parametrize("case", CASES)
def test_the_page_of_a_search(make_search: Any, case: str) -> None:
    run = make_search(case)
    folder = load(run)
    page = Page(write(run).read_text(encoding="utf-8"))
    assert set(page.figures) & set(search.KEYS) == DRAWS[case]
    assert set(figures(folder)) == set(page.figures)
    assert page.words.index("Ranking") < page.words.index("Search") < page.words.index("How they")
    assert "Untuned, " in page.words
    assert "Every candidate of the search" in page.words
    for table in ("settings", "tuning", "candidates"):
        assert (run / "tables" / f"{table}.csv").exists()
    told = (run / "tables" / "importance.csv").exists()
    assert told == (case not in ("population", "few"))
    assert ("It can’t be told." in page.words) != told


@pytest.mark.parametrize("case", ["random", "halving", "conditional", "population"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_draws_it(make_search: Any, browser: Browser, case: str, width: int) -> None:
    with browser.page(write(make_search(case)), width, dark=width == 390) as page:
        drawn = page.evaluate(DRAWN)
        assert {each["key"] for each in drawn} >= DRAWS[case]
        for each in drawn:
            assert each["traces"] >= each["asked"] > 0, each
            assert each["right"] <= width, each
            assert each["cut"] == [], each
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(WIDE) == []
        assert page.complaints() == []
        assert page.requests() == []


def test_without_a_search_there_is_no_section(make_run: Any) -> None:
    folder = load(make_run())
    assert search.section(folder, {}) == ""
    assert search.drawn(folder, {}) == []
    assert folder.tuned == ()
    assert folder.importance == ()


def test_methods_look_alike_in_every_figure(make_search: Any) -> None:
    drawn = figures(load(make_search("random")))
    colours = [
        {
            trace["name"]: trace["line"]["color"]
            for trace in drawn[key].data
            if "line" in trace and "name" in trace
        }
        for key in ("curves", "history")
    ]
    both = set(colours[0]) & set(colours[1])
    assert len(both) >= 2
    for name in both:
        assert colours[0][name] == colours[1][name]


def test_ranges_of_the_recipes_make_the_axes(make_search: Any) -> None:
    folder = load(make_search("random"))
    (lr,) = folder.spaces["adam"]
    assert lr == "stages.0.turns.0.optimizer.lr"
    slices = figures(folder)["slices"]
    assert "0.001" in slices.layout["xaxis"]["ticktext"]


def test_texts_from_outside_stay_texts(make_search: Any) -> None:
    run = make_search("random")
    source = (run / NAME).read_text().replace('"gelu"', '"<img src=x onerror=alert(1)>"')
    (run / NAME).write_text(source)
    page = Page(write(run).read_text(encoding="utf-8"))
    assert page.loaded() == []
    assert "<img" in page.words, "as text"
    assert "<" not in str(page.figures["slices"]).replace("<extra></extra>", "")
    assert "<" not in str(page.figures["contour"]).replace("<extra></extra>", "")
    assert "<" not in str(page.figures["parallel"]).replace("<extra></extra>", "")


@pytest.mark.parametrize("strategy", ["full", "halving", "hyperband", "asha", "population"])
@pytest.mark.parametrize("sampler", ["grid", "random", "sobol", "tpe", "gp", "cmaes"])
def test_how_it_searched_in_words(strategy: Any, sampler: Any) -> None:
    record = Search(strategy=strategy, sampler=sampler, settings=12).make()
    words = search.how(record)
    assert words.startswith("12 settings for each method: ")
    assert "{" not in words
    plan = record.plan.model_copy(update={"together": True})
    together = search.how(record.model_copy(update={"plan": plan}))
    assert "for all methods together" in together


def test_how_many_settings_were_tried() -> None:
    """The plan may want 64 of a space that has two, or be cut short; copies are no settings."""
    record = Search(settings=9).make()
    plan = record.plan.model_copy(update={"settings": 6400})
    few, *others = record.studies
    few = few.model_copy(update={"candidates": few.candidates[:2]})
    cut = record.model_copy(update={"plan": plan})
    assert search.how(cut).startswith("9 settings for each")
    cut = cut.model_copy(update={"studies": (few, *others)})
    assert search.how(cut).startswith("2 to 9 settings for each")


def test_a_damaged_search_is_named(make_search: Any) -> None:
    from methodic.errors import InputError

    run = make_search("few")
    (run / NAME).write_text("{}")
    with pytest.raises(InputError, match=r"search\.json: this search is damaged"):
        load(run)
