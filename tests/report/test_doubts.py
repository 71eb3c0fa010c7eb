"""What to doubt, on the page and in the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from report.reading import Page

from methodic.diagnosis import Finding, Findings
from methodic.report import doubts, head, page, sections
from methodic.report.folder import load

LEAK = Finding(
    name="one column",
    what="'<b>' alone predicts 'y'.",
    evidence=("It is right in 99% of rows.", "The others in 70%."),
    advice="Leave it out with --drop.",
    serious=True,
    columns=("<b>",),
)
SHIFT = Finding(
    name="shift", what="Rows moved.", evidence=("By 3.",), advice="Wait.", serious=False
)


def found(*findings: Finding) -> Findings:
    return Findings(
        findings=findings,
        looked_for=("a target in disguise", "shift"),
        not_looked_for=("copies: none can be",),
        rows=100,
    )


def test_each_finding_with_evidence_and_advice(make_whole: Any) -> None:
    folder = replace(load(make_whole()), findings=found(LEAK, SHIFT))
    words = Page(doubts.section(folder)).words
    for each in (LEAK, SHIFT):
        assert each.what in words
        assert each.advice in words
        assert all(line in words for line in each.evidence)
    assert words.index(LEAK.what) < words.index(SHIFT.what)
    assert "Not looked for: copies: none can be." in words
    assert "<b>" not in doubts.section(folder), "what comes from data is text"


def test_the_head_warns_of_serious_ones_alone(make_whole: Any) -> None:
    folder = load(make_whole())
    assert "Doubt" not in head.header(folder)
    assert "Doubt" not in head.header(replace(folder, findings=found(SHIFT)))
    words = Page(head.header(replace(folder, findings=found(LEAK)))).words
    assert "Doubt these scores. '<b>' alone predicts 'y'." in words
    words = Page(head.header(replace(folder, findings=found(LEAK, LEAK, SHIFT)))).words
    assert "And 1 more below." in words


def test_nothing_found_is_said_in_the_notes(make_whole: Any) -> None:
    folder = replace(load(make_whole()), findings=found())
    assert doubts.section(folder) == ""
    words = Page(sections.notes(folder)).words
    assert "Looked for in the data: a target in disguise; shift." in words
    assert "Found: nothing." in words


def test_the_page_of_a_folder_with_findings(make_whole: Any) -> None:
    run = make_whole()
    assert "What to doubt" not in page.render(load(run))
    (run / "findings.json").write_text(found(LEAK).model_dump_json())
    assert load(run).findings == found(LEAK)
    assert "What to doubt" in page.render(load(run))
    assert "findings" in [each.key for each in page.tables.all_tables(load(run))]


def test_lines_for_the_terminal() -> None:
    serious, mild = doubts.lines(found(LEAK, SHIFT))
    assert serious.splitlines() == [
        "Doubt the scores: '<b>' alone predicts 'y'.",
        "  It is right in 99% of rows. The others in 70%.",
        "  do: Leave it out with --drop.",
    ]
    assert mild.startswith("About the data: Rows moved.")


def test_features_that_collapsed_are_about_a_method(make_whole: Any) -> None:
    collapsed = SHIFT.model_copy(update={"name": "collapsed representation"})
    (line,) = doubts.lines(found(collapsed))
    assert line.startswith("About a method: Rows moved.")
    folder = replace(load(make_whole()), findings=Findings(findings=(collapsed,)))
    words = Page(doubts.section(folder)).words
    assert "A finding isn’t proof" in words
    assert "Leaks and lies" not in words, "nobody looked at the data"
