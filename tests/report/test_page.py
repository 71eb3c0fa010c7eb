from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from report.browser import Browser
from report.many import many
from report.reading import EVIL, Page, evil_leaderboard, evil_plan, strings
from report.runs import make_leaderboard, make_plan, put, unit, unit_record
from report.whole import FIGURES, TASKS, TRAINING

from methodic.errors import InputError
from methodic.plan import Amendment, RunState
from methodic.report.folder import load
from methodic.report.page import render, write


def test_the_page_is_whole_and_small(make_run: Any) -> None:
    run: Path = make_run()
    path = write(run)
    assert path == run / "report.html"
    assert path.stat().st_size < 8e6
    page = Page(path.read_text(encoding="utf-8"))
    assert set(page.figures) == {"ranking", "curves", "budget", "response"}
    assert sum(len(json.dumps(each)) for each in page.figures.values()) < 200_000
    board = make_leaderboard()
    for word in (board.verdict, *board.notes, "97.2% ± 0.2%", "1 of 25", "can’t be told apart"):
        assert word in page.words
    for word in ("methodic run digits --budget 60s", "AVX512", "1,077 training", "log_uniform"):
        assert word in page.words


@pytest.mark.parametrize("task", TASKS)
def test_a_run_with_everything_in_it(make_whole: Any, task: str) -> None:
    page = Page(write(make_whole(task)).read_text(encoding="utf-8"))
    assert set(page.figures) == TRAINING | FIGURES[task]
    order = [
        *("adamw-cosine has the best mean", "Ranking", "With more budget", "What mattered"),
        *("How they trained", "A closer look at adamw-cosine", "Cost", "Model card"),
        *("methodic run digits", "Notes", "defaults written out"),
    ]
    places = [page.words.index(words) for words in order]
    assert places == sorted(places)
    assert ("Each class" in page.words) == (task != "regression")
    for word in (
        *("on new rows", "cosine schedule +0.9 ± 0.3 points", "no detectable effect (±0.2)"),
        *("widen it upwards", "3 networks together", "12,000", "time to 9", "mean area: 12 to 20"),
        *("57 slices", "No test row is of this class: 11.", "found four times in five"),
    ):
        assert word in page.words or (word == "time to 9" and task == "regression"), word


def test_the_tables_are_written_beside_the_page(make_run: Any, tmp_path: Path) -> None:
    run: Path = make_run()
    write(run, tmp_path / "elsewhere.html")
    assert not (run / "tables").exists()
    write(run)
    assert (run / "tables" / "ranking.csv").exists()
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    for path in (run / "tables").iterdir():
        assert path.stem in page.words


def test_a_large_run_stays_readable_and_small(tmp_path: Path) -> None:
    page = write(many(tmp_path / "many", methods=30, seeds=10, points=40))
    source = page.read_text(encoding="utf-8")
    assert len(source) < 7e6
    figures = Page(source).figures
    assert all(len(json.dumps(each)) < 500_000 for each in figures.values())
    assert '<details class="screen"><summary>All pairs' in source, "435 rows aren't printed"


def test_nothing_is_loaded(make_run: Any) -> None:
    run: Path = make_run()
    source = write(run).read_text(encoding="utf-8")
    page = Page(source)
    assert page.loaded() == []
    styles = "".join(re.findall(r"<style>(.*?)</style>", source, re.S))
    assert "@import" not in styles
    assert "url(" not in styles
    policy = next(a["content"] or "" for tag, a in page.elements if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert not re.search(r"https?:|unsafe-eval|script-src[^;]*unsafe-inline", policy)
    assert len(page.scripts) == 2  # plotly once, and the few lines that draw


def test_the_page_goes_where_it_is_told(make_run: Any, tmp_path: Path) -> None:
    run: Path = make_run()
    out = tmp_path / "mine.html"
    assert write(run, out) == out
    assert not (run / "report.html").exists()
    with pytest.raises(InputError, match="can't be written"):
        write(run, tmp_path / "no" / "such" / "folder.html")


def test_texts_from_outside_stay_texts(make_run: Any) -> None:
    source = render(load(make_run(plan=evil_plan(), leaderboard=evil_leaderboard())))
    page = Page(source)
    assert page.loaded() == []
    assert len(page.scripts) == 2
    assert not [a for _, a in page.elements if any(key.startswith("on") for key in a)]
    for place in (page.words.count(EVIL), source.count("alert(1)")):
        assert place >= 12
    # A quote that ends an attribute would leave attributes of odd names behind.
    assert all(re.fullmatch("[a-z-]+", key) for _, a in page.elements for key in a)
    assert sum(EVIL in (a.get("aria-label") or "") for _, a in page.elements) >= 1
    for word in strings(page.figures["ranking"]):  # plotly reads HTML in labels
        assert "<" not in word.replace("<extra></extra>", "")


def test_without_a_verdict_the_page_says_so(make_run: Any) -> None:
    page = Page(render(load(make_run(until="screen"))))
    assert "No verdict yet on digits" in page.words
    assert "was interrupted" in page.words
    assert "6 of 6 units of the screening, 3 baselines" in page.words
    assert "So far adamw-cosine leads" in page.words
    assert set(page.figures) == {"curves", "response"}
    assert "each method at its best setting" in page.words


def test_before_anything_is_measured(make_run: Any) -> None:
    page = Page(render(load(make_run(until="plan"))))
    assert "Nothing has been measured yet" in page.words
    assert page.figures == {}
    assert page.scripts == []


def test_an_unconfirmed_leaderboard_claims_nothing(make_run: Any) -> None:
    board = make_leaderboard()
    rows = tuple(row.model_copy(update={"test": None, "groups": ()}) for row in board.rows)
    board = board.model_copy(update={"rows": rows, "comparisons": ()})
    run: Path = make_run(until="screen")
    put(run / "leaderboard.json", board)
    page = Page(render(load(run)))
    assert "Nothing is confirmed yet on digits" in page.words
    assert "came first" not in page.words
    assert set(page.figures) == {"curves", "response"}
    put(
        run / "leaderboard.json", board.model_copy(update={"rows": (), "winner": "", "shipped": ""})
    )
    assert "No verdict yet on digits" in Page(render(load(run))).words


def test_ties_share_the_headline(make_run: Any) -> None:
    assert "adamw-cosine and adam are level on digits" in Page(render(load(make_run()))).words


def test_what_was_dropped_is_told(make_run: Any) -> None:
    run: Path = make_run(until="screen")
    amendment = Amendment(phase="screen", blocks=(2,), reason="seeds 20 to 29 were dropped")
    put(run / "run.json", RunState(status="interrupted", amendments=(amendment,)))
    assert "seeds 20 to 29 were dropped" in Page(render(load(run))).words


def test_a_single_training(make_run: Any) -> None:
    trained = unit("train-000-adam", "train", "adam", range(2, 3), (0, 1, 2))
    plan = make_plan(methods=("adam",)).model_copy(
        update={"screen": (), "train": (trained,), "confirm": None, "baselines": (), "budget": None}
    )
    run: Path = make_run(until="plan", plan=plan)
    put(run / "records" / "train-000-adam.json", unit_record(trained, diverges=1))
    put(run / "run.json", RunState(status="finished", seconds=3.2, winner="adam"))
    page = Page(render(load(run)))
    assert "adam, trained on digits" in page.words
    assert "over 2 seeds" in page.words
    assert "diverged: not finite at step 400" in page.words
    assert set(page.figures) == {"curves"}


def test_every_figure_is_described_in_words(make_run: Any) -> None:
    page = Page(render(load(make_run())))
    plots = [a for tag, a in page.elements if tag == "div" and a.get("class") == "plot"]
    assert len(plots) == 4
    for plot in plots:
        assert plot["role"] == "img"
        assert len(plot["aria-label"] or "") > 100
        axes = page.figures[plot["id"] or ""]["layout"]
        assert axes["xaxis"]["title"]["text"]
    assert sum(tag == "figcaption" for tag, _ in page.elements) == 4


# --- in a browser -----------------------------------------------------------------------------

DRAWN = """[...document.querySelectorAll(".plot")].map(plot => ({
  key: plot.id,
  traces: plot.querySelectorAll("svg.main-svg .trace, svg.main-svg .hm").length,
  asked: plot.data.length,
  width: plot.querySelector("svg.main-svg").getBoundingClientRect().width,
  right: plot.getBoundingClientRect().right,
  cut: [...plot.querySelectorAll("svg.main-svg text")].filter(text => {
    const box = text.getBoundingClientRect(), whole = plot.getBoundingClientRect();
    return box.width && (box.left < whole.left - 2 || box.right > whole.right + 2);
  }).map(text => text.textContent),
}))"""
WIDE = """[...document.querySelectorAll("body *")].filter(each =>
  !each.closest(".scroll, .plot, pre") &&
  each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map(each => each.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("task", TASKS)
def test_a_browser_draws_every_figure(
    make_whole: Any, browser: Browser, task: str, width: int
) -> None:
    with browser.page(write(make_whole(task)), width, dark=width == 390) as page:
        drawn = page.evaluate(DRAWN)
        assert {each["key"] for each in drawn} == TRAINING | FIGURES[task]
        for each in drawn:
            assert each["traces"] >= each["asked"] > 0, each
            assert 0 < each["width"] <= width, each
            assert each["right"] <= width, each
            assert each["cut"] == [], each
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(WIDE) == []
        assert page.complaints() == []
        assert page.requests() == []


def test_a_browser_runs_no_text_from_outside(make_run: Any, browser: Browser) -> None:
    run: Path = make_run(plan=evil_plan(), leaderboard=evil_leaderboard())
    with browser.page(write(run), 390) as page:
        assert page.complaints() == []
        assert page.requests() == []
        assert page.evaluate("document.querySelectorAll('body img, body script[src]').length") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert len(page.evaluate(DRAWN)) == 4


def test_text_can_be_read_in_light_and_dark(make_whole: Any, browser: Browser) -> None:
    """Paper and ink change with the scheme, figures with them."""
    path = write(make_whole())
    ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    paper = "getComputedStyle(document.body).backgroundColor"
    seen = []
    for dark in (False, True):
        with browser.page(path, 1280, dark) as page:
            seen.append([sum(map(int, re.findall(r"\d+", page.evaluate(x)))) for x in (ink, paper)])
    (light_ink, light_paper), (dark_ink, dark_paper) = seen
    assert light_ink < 200 < 600 < light_paper
    assert dark_paper < 200 < 600 < dark_ink


def test_paper_shows_everything(make_whole: Any, browser: Browser, tmp_path: Path) -> None:
    with browser.page(write(make_whole()), 1280, dark=True) as page:
        page.call("Emulation.setEmulatedMedia", media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        hidden = (
            "[...document.querySelectorAll('details:not(.screen)')].filter(d => !d.open).length"
        )
        assert page.evaluate(hidden) == 0
        assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == (
            "visible"
        )
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == "rgb(255, 255, 255)"
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_the_browser_test_can_fail(make_run: Any, browser: Browser) -> None:
    """A page with a broken script, something too wide and a foreign address is found out."""
    path: Path = make_run(until="plan") / "bad.html"
    path.write_text(
        "<!doctype html><meta name=viewport content='width=device-width'>"
        "<div class=plot style='width:900px'>x</div><p style='width:900px'>y</p>"
        "<script>nothing.there</script><img src='file:///nowhere.png'>"
    )
    with browser.page(path, 390) as page:
        assert page.evaluate(WIDE) == ['<p style="width:900px">y</p>']
        assert page.evaluate("document.documentElement.scrollWidth") > 390
        assert any("nothing is not defined" in str(each) for each in page.complaints())
        assert page.requests() == ["file:///nowhere.png"]
