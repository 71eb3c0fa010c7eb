"""The page of the learning-rate finder."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest
from report.figures.test_rates import FOUND

from methodic.errors import InputError
from methodic.report.rates import render, tried, write


def test_the_page_holds_all_it_shows() -> None:
    page = render(FOUND)
    assert "iris: the learning rate of adam" in page
    assert all(escape(line) in page for line in FOUND.text)
    assert "http://" not in page.split("<script")[0]
    assert "Content-Security-Policy" in page


def test_the_table() -> None:
    assert [row[2] for row in tried(FOUND).rows] == ["within noise", "best", "1 of 2 diverged"]
    assert [row[1] for row in tried(FOUND).rows] == ["85.0%", "92.5%", "–"]


def test_a_name_is_text() -> None:
    page = render(FOUND.model_copy(update={"data": "<b>x</b>"}))
    assert "<b>x</b>" not in page


def test_where_it_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        write(FOUND, tmp_path / "file" / "lr.html")
