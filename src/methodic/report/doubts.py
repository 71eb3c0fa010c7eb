"""What to doubt: findings, with their evidence, for the page and the terminal."""

from __future__ import annotations

from methodic.diagnosis.findings import Finding, Findings
from methodic.diagnosis.representations import COLLAPSED
from methodic.report import blocks
from methodic.report.folder import Folder


def section(folder: Folder) -> str:
    """All findings, serious ones first; nothing where there are none."""
    found = folder.findings
    if found is None or not found.findings:
        return ""
    first = "A finding isn’t proof; it is a reason to look."
    if found.looked_for:
        first = f"Leaks and lies were looked for in the data. {first}"
    parts = [_one(each) for each in found.findings]
    return (
        f"<section><h2>What to doubt</h2><p>{first}</p>{''.join(parts)}"
        f"{blocks.fine(looked(found))}</section>"
    )


def _one(each: Finding) -> str:
    return (
        f"<h3>{blocks.text(each.what)}</h3>{blocks.bullets(each.evidence)}"
        f"<p>{blocks.text(each.advice)}</p>"
    )


def warning(folder: Folder) -> str:
    """A line for the head of the page, where the scores themselves are doubtful."""
    serious = folder.findings.serious if folder.findings is not None else ()
    if not serious:
        return ""
    more = f" And {len(serious) - 1} more below." if len(serious) > 1 else ""
    return f'<p class="warn">Doubt these scores. {blocks.text(serious[0].what)}{more}</p>'


def looked(found: Findings) -> str:
    """What was looked for, in a sentence; a page without findings says so, too.

    Example:
        >>> looked(Findings(looked_for=("a target in disguise",)))
        'Looked for in the data: a target in disguise. Found: nothing.'
    """
    if not found.looked_for:
        return ""
    text = f"Looked for in the data: {'; '.join(found.looked_for)}."
    if found.not_looked_for:
        text += f" Not looked for: {'; '.join(found.not_looked_for)}."
    return text if found.findings else f"{text} Found: nothing."


def lines(found: Findings) -> list[str]:
    """The findings for the terminal: each in a line or two, the serious ones first."""
    return [
        f"{_subject(each)}: {each.what}\n  {' '.join(each.evidence)}\n  do: {each.advice}"
        for each in found.findings
    ]


def _subject(each: Finding) -> str:
    if each.serious:
        return "Doubt the scores"
    return "About a method" if each.name == COLLAPSED else "About the data"
