"""The report: one HTML file that holds everything it shows and loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from methodic import files
from methodic.report import doubts, head, model, representation, search, sections, tables
from methodic.report.blocks import text
from methodic.report.drawing import Figure
from methodic.report.folder import Folder, load
from methodic.report.gallery import figures
from methodic.report.style import CSS, DRAW

__all__ = ["Folder", "load", "render", "write"]


def write(folder: Path, out: Path | None = None) -> Path:
    """Write the report of the run in ``folder``, and its tables for programs.

    Works at any moment of a run: what has not been measured yet is named as such.

    Args:
        folder: RUN/.
        out: where to; by default RUN/report.html, with the tables in RUN/tables.

    Returns:
        The path of the report.

    Raises:
        InputError: not a run's folder, a damaged file, or a file can't be written.
    """
    target = folder / "report.html" if out is None else out
    read = load(folder)
    files.write_text(target, render(read))
    if out is None:
        tables.write_all(folder, read)
    return target


def render(folder: Folder) -> str:
    """The page as a string."""
    drawn = figures(folder)
    parts = [
        head.header(folder),
        doubts.section(folder),
        sections.ranking(folder, drawn),
        sections.advice(folder),
        sections.mattered(folder, drawn),
        search.section(folder, drawn),
        sections.training(folder, drawn),
        model.closer(folder, drawn),
        representation.section(folder, drawn),
        sections.cost(folder),
        model.card(folder),
        sections.notes(folder),
        model.methods(folder),
        "<footer>Written by Methodic. This file holds all it shows and loads nothing."
        f"{sections.files(folder)}</footer>",
    ]
    title = f"{folder.plan.data.name}: training methods compared"
    return document(title, "\n".join(filter(None, parts)), list(drawn.values()))


def document(title: str, body: str, drawn: Sequence[Figure]) -> str:
    """The whole file. Its policy forbids loading anything, and any script but its own two."""
    scripts = [_plotly(), DRAW] if drawn else []
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    )
    data = "\n".join(
        f'<script type="application/json" id="{each.key}-data">{each.json()}</script>'
        for each in drawn
    )
    inline = "\n".join(f"<script>{script}</script>" for script in scripts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{text(title)}</title>
<style>{CSS}</style>
</head>
<body>
<main>
{body}
</main>
{data}
{inline}
</body>
</html>
"""


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    source: str = get_plotlyjs()
    return source.replace("</script", "<\\/script")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
