"""Building blocks of the page: everything from outside is escaped."""

from __future__ import annotations

import pytest

from methodic.report.drawing import Figure
from methodic.report.sections import Column, bullets, details, facts, figure, table, text

HOSTILE = "<img src=x onerror=\"alert('1')\">"


@pytest.mark.parametrize(
    "made",
    [
        text(HOSTILE),
        facts([(HOSTILE, HOSTILE)]),
        bullets([HOSTILE]),
        details(HOSTILE, "", HOSTILE),
        table(HOSTILE, [Column(HOSTILE)], []),
        figure(Figure("key", HOSTILE, HOSTILE, [], {"height": 10})),
    ],
)
def test_nothing_from_outside_becomes_markup(made: str) -> None:
    assert "<img" not in made
    assert "&lt;img" in made
    assert '"alert' not in made


def test_a_table_names_its_rows_and_aligns_its_numbers() -> None:
    made = table("scores", [Column("name"), Column("score", number=True)], [["a", "1"]], best=True)
    assert '<th scope="row">a</th><td class="n">1</td>' in made
    assert '<tr class="best">' in made
    assert 'aria-label="scores"' in made


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        table("t", [Column("a"), Column("b")], [["1"]])


def test_a_figure_says_in_words_what_it_shows() -> None:
    made = figure(Figure("curves", "Learning", "adam ends at 97%", [], {"height": 320}))
    assert 'id="curves"' in made
    assert 'role="img"' in made
    assert "<figcaption>adam ends at 97%</figcaption>" in made
    assert "height:320px" in made
