"""Building blocks of the page: everything from outside is escaped."""

from __future__ import annotations

import pytest

from methodic.report.blocks import bullets, details, facts, figure, fine, image, table, text
from methodic.report.drawing import Figure
from methodic.report.tables.table import Column, Table

HOSTILE = "<img src=x onerror=\"alert('1')\">"


@pytest.mark.parametrize(
    "made",
    [
        text(HOSTILE),
        facts([(HOSTILE, HOSTILE)]),
        bullets([HOSTILE]),
        details(HOSTILE, "", HOSTILE),
        fine(HOSTILE),
        table(
            Table(
                "t", HOSTILE, (Column(HOSTILE),), ((HOSTILE,),), (), (), ((HOSTILE,),), ranked=True
            )
        ),
        figure(Figure("key", HOSTILE, HOSTILE, [], {"height": 10})),
    ],
)
def test_nothing_from_outside_becomes_markup(made: str) -> None:
    assert "<img" not in made
    assert "&lt;img" in made
    assert '"alert' not in made


def test_a_table_names_its_rows_and_aligns_its_numbers() -> None:
    columns = (Column("name"), Column("score", number=True))
    rows = (("a", "1"), ("b", "2"))
    made = table(Table("t", "scores", columns, rows, (), (), (("best",), ("saved",)), ranked=True))
    assert '<td class="n">1</td>' in made
    assert made.count('<tr class="best">') == 1
    assert made.index('<tr class="best">') < made.index("<span>a<")
    assert '<span class="tag best">best</span>' in made
    assert '<span class="tag">saved</span>' in made
    assert '<span class="rank">2</span>' in made
    assert 'aria-label="scores"' in made


def test_a_table_without_ranks_has_no_best() -> None:
    made = table(Table("t", "scores", (Column("name"),), (("a",),), (), ()))
    assert '<th scope="row">a</th>' in made
    assert "best" not in made


def test_asides_stay_off_paper() -> None:
    assert details("a", "b", printed=False).startswith('<details class="screen">')
    assert details("a", "b").startswith("<details><summary>")


def test_a_figure_says_in_words_what_it_shows() -> None:
    made = figure(Figure("curves", "Learning", "adam ends at 97%", [], {"height": 320}))
    assert 'id="curves"' in made
    assert 'role="img"' in made
    assert "<figcaption>adam ends at 97%</figcaption>" in made
    assert "height:320px" in made


def test_every_cell_is_escaped() -> None:
    columns = (Column("a"), Column("b"), Column("c", number=True))
    made = table(Table("t", "T", columns, (("x", HOSTILE, HOSTILE),), (), ()))
    assert "<img" not in made
    assert made.count("&lt;img") == 2


def test_an_image_is_a_part_of_the_page() -> None:
    made = image("<t>", 'c"', "aGk=", 8, 9)
    assert 'src="data:image/png;base64,aGk="' in made
    assert 'alt="c&quot;"' in made
    assert "&lt;t&gt;" in made
