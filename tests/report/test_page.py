from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from report.runs import make_leaderboard, make_plan, put, unit, unit_record

from methodic.errors import InputError
from methodic.evidence.leaderboard import Leaderboard
from methodic.plan import Amendment, Plan, RunState
from methodic.report.folder import load
from methodic.report.page import render, write

EVIL = "</script><script>alert(1)</script><img src=http://x.invalid/i onerror=alert(2)>\"'&"


class Page(HTMLParser):
    """Elements with their attributes, text outside scripts and styles, JSON blocks."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.scripts: list[str] = []
        self.figures: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "link"):
            self._open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag == "script" and attributes.get("type") == "application/json":
            self.figures[str(attributes["id"]).removesuffix("-data")] = json.loads(data)
        elif tag == "script":
            self.scripts.append(data)
        elif tag != "style":
            self.words += data

    def loaded(self) -> list[str]:
        """Addresses that the page would fetch or go to."""
        names = ("src", "href", "srcset", "action", "data", "poster", "background")
        return [value or "" for _, a in self.elements for key, value in a.items() if key in names]


def evil_plan() -> Plan:
    plan = make_plan()
    first = plan.contenders[0]
    recipe = first.recipe.model_copy(
        update={"about": EVIL, "source": EVIL, "use_when": EVIL, "not_when": EVIL}
    )
    data = plan.data.model_copy(
        update={"name": EVIL, "source": EVIL, "target": EVIL, "classes": (EVIL, "b")}
    )
    return plan.model_copy(
        update={
            "command": EVIL,
            "data": data,
            "notes": (EVIL,),
            "contenders": (first.model_copy(update={"recipe": recipe}), *plan.contenders[1:]),
        }
    )


def evil_leaderboard() -> Leaderboard:
    board = make_leaderboard()
    pairs = [
        pair.model_copy(update={"first": EVIL}) if pair.first == board.winner else pair
        for pair in board.comparisons
    ]
    return board.model_copy(
        update={
            "rows": (board.rows[0].model_copy(update={"name": EVIL}), *board.rows[1:]),
            "comparisons": tuple(pairs),
            "winner": EVIL,
            "verdict": EVIL,
            "notes": (EVIL,),
        }
    )


def strings(value: Any) -> list[str]:
    """All strings in a JSON document."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [word for each in value for word in strings(each)] if isinstance(value, list) else []


def test_the_page_is_whole_and_small(make_run: Any) -> None:
    run: Path = make_run()
    path = write(run)
    assert path == run / "report.html"
    assert path.stat().st_size < 8e6
    page = Page(path.read_text(encoding="utf-8"))
    assert set(page.figures) == {"ranking", "curves", "response"}
    assert sum(len(json.dumps(each)) for each in page.figures.values()) < 200_000
    board = make_leaderboard()
    for word in (board.verdict, *board.notes, "97.2% ± 0.2%", "1 of 25", "can’t be told apart"):
        assert word in page.words
    for word in ("methodic run digits --budget 60s", "AVX512", "1,077 training", "log_uniform"):
        assert word in page.words
    assert page.words.index(board.verdict) < page.words.index("Ranking")


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
    assert len(plots) == 3
    for plot in plots:
        assert plot["role"] == "img"
        assert len(plot["aria-label"] or "") > 100
        axes = page.figures[plot["id"] or ""]["layout"]
        assert axes["xaxis"]["title"]["text"]
    assert sum(tag == "figcaption" for tag, _ in page.elements) == 3


# --- in a browser -----------------------------------------------------------------------------

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=5000",
    "--window-size=500,900",
)


@pytest.mark.skipif(BROWSER is None, reason="there is no chromium on PATH")
def test_a_browser_draws_every_figure(make_run: Any, tmp_path: Path) -> None:
    run: Path = make_run(plan=evil_plan(), leaderboard=evil_leaderboard())
    path = write(run)
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [str(BROWSER), *FLAGS, profile, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    body = done.stdout[done.stdout.index("<body") :]
    for key in ("ranking", "curves", "response"):
        start = body.index(f'id="{key}"')
        figure = body[start : body.index("</figure>", start)]
        assert 'class="main-svg"' in figure
        assert figure.count('class="trace') >= 2
    assert "<img" not in body
