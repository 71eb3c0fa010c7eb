import csv
import io

import pytest
from report.across_runs import scored
from rich.console import Console

from methodic.report import across_tables, narrow
from methodic.report.across import compare, ranks


@pytest.fixture
def comparison(tmp_path):
    return compare(
        [
            scored(tmp_path, "one", means={"adam": 0.96, "sgd": 0.93}),
            scored(tmp_path, "two", means={"adam": 0.90}),
        ]
    )


@pytest.fixture
def ranked(tmp_path):
    names = ("wine", "iris", "digits", "letters")
    return ranks([scored(tmp_path, n, data={"name": n, "fingerprint": n}) for n in names])


def drawn(table) -> str:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(narrow.drawn(table, 140))
    return console.export_text()


def test_methods(comparison):
    table = across_tables.methods_table(comparison)
    text = drawn(table)
    assert [row[:2] for row in table.rows] == [("adam", "one"), ("sgd", "one"), ("adam", "two")]
    assert "accuracy, test" in text
    assert "96." in text
    (first, *_) = csv.DictReader(io.StringIO(across_tables.comparison_text(comparison, "csv")))
    assert first["name"] == "one: adam"
    assert float(first["mean"]) == comparison.rows[0].test.mean
    assert float(first["low"]) == comparison.rows[0].test.low


def test_pairs(comparison):
    text = drawn(across_tables.pairs_table(comparison))
    assert "paired t" in text
    assert "one: adam" in text
    assert "+" in text


def test_a_comparison_in_markdown_says_everything(comparison):
    text = across_tables.comparison_text(comparison, "md")
    assert text.startswith(comparison.verdict)
    assert text.count("\n|") >= 3 + 2 + 3 + 2 - 1
    for note in comparison.notes:
        assert f"- {note}" in text


def test_one_seed_has_no_p(tmp_path):
    found = compare(
        [
            scored(tmp_path, "one", means={"adam": 0.9}),
            scored(tmp_path, "two", means={"sgd": 0.9}, seeds=(1000,)),
        ]
    )
    (row,) = across_tables.pairs_table(found).rows
    assert row[4:8] == ("–", "–", "none", "–")
    assert across_tables.methods_table(found).rows[0][3] in ("10", "1")


def test_ranks(ranked):
    table = across_tables.ranks_table(ranked)
    assert table.rows[0][:4] == ("adamw-cosine", "1.00", "a", "4 of 4")
    text = drawn(table)
    assert "mean rank" in text
    assert "letters" in text
    (first, *_) = csv.DictReader(io.StringIO(across_tables.ranks_text(ranked, "csv")))
    assert float(first["score: iris"]) == ranked.methods[0].scores[1]
    assert first["rank: wine"] == "1.0"
    assert first["within_1.5"] == "1.0"
    assert "Nemenyi" in across_tables.ranks_text(ranked, "md")


def test_profiles_are_read_off_between_their_steps(ranked):
    first, second, *_ = ranked.methods
    assert across_tables.within(first, 1.0) == 1.0
    factor = second.profile[-1].factor
    assert across_tables.within(second, factor - 1e-9) == 0.0
    assert across_tables.within(second, factor) == 1.0


def test_words_of_ranks(ranked):
    (first, *_) = across_tables.ranks_words(ranked)
    # Six methods on four data sets: the critical difference is 3.77.
    assert first.startswith("adamw-cosine has the best mean rank, but can't be told apart from")
    assert "mean ranks differ where they are 3.77 apart or more" in first
    assert "χ² = 20.00, 5 degrees of freedom, p = 0.0012" in first
