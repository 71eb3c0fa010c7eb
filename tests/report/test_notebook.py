from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from report.browser import Browser
from report.reading import EVIL, Page, evil_leaderboard
from report.runs import make_leaderboard

from methodic.report import notebook
from methodic.runs.outcome.results import load_run


def test_the_ranking_with_its_verdict() -> None:
    board = make_leaderboard()
    page = Page(notebook.html(board, "runs/x"))
    assert board.verdict in page.words
    assert "runs/x" in page.words
    assert sum(tag == "tr" for tag, _ in page.elements) == 1 + len(board.rows)
    assert "97.2% ± 0.2%" in page.words


def test_texts_from_outside_stay_texts() -> None:
    page = Page(notebook.html(evil_leaderboard(), EVIL))
    assert page.words.count(EVIL) >= 3
    assert {tag for tag, _ in page.elements} <= {
        *("div", "p", "table", "thead", "tbody", "tr", "th", "td", "span")
    }
    assert {key for _, a in page.elements for key in a} == {"style"}


def test_any_theme_will_do() -> None:
    """Ink and paper are the notebook's: no colour but a translucent middle grey."""
    made = notebook.html(make_leaderboard())
    assert set(re.findall(r"rgba?\([^)]*\)|#[0-9a-f]{3,6}\b", made)) == {"rgba(128,128,128,.35)"}
    assert set(re.findall(r"(?:^|[;\"])(?:color|background):([^;\"]+)", made)) == {
        *("inherit", "transparent")
    }


def test_a_run_shows_itself(make_run: Any) -> None:
    shown = load_run(make_run())._repr_html_()
    assert make_leaderboard().verdict in Page(shown).words
    early = load_run(make_run(until="screen", name="early"))._repr_html_()
    assert "no ranking" in early
    assert "interrupted" in early


def test_the_ink_is_the_notebooks(browser: Browser, tmp_path: Path) -> None:
    """Also without a doctype, where tables don't take their colour from what is around them."""
    fragment = notebook.html(make_leaderboard())
    style = "background:#111;color:rgb(221,221,221)"
    (tmp_path / "n.html").write_text(
        f"<meta charset=utf-8><body style='{style}'>{fragment}</body>", encoding="utf-8"
    )
    ink = (
        "[...new Set([...document.querySelectorAll('td, p')].map(x => getComputedStyle(x).color))]"
    )
    with browser.page(tmp_path / "n.html") as page:
        assert page.evaluate(ink) == ["rgb(221, 221, 221)"]
