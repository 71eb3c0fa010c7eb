"""The page of the learning-rate finder: one HTML file that loads nothing."""

from __future__ import annotations

from pathlib import Path

from methodic import files
from methodic.evidence.rates import Rates
from methodic.metrics import get_metric
from methodic.report import cells, page
from methodic.report.blocks import bullets, figure, table, text
from methodic.report.figures import rates as figures
from methodic.report.tables.table import Column, Table


def write(found: Rates, out: Path) -> Path:
    """Write the page.

    Raises:
        InputError: the file can't be written.
    """
    files.make_folder(out.absolute().parent)
    files.write_text(out, render(found))
    return out


def render(found: Rates) -> str:
    """The page as a string."""
    drawn = [figures.sweep(found), figures.confirmation(found)]
    first, *rest = found.text
    title = f"{found.data}: the learning rate of {found.recipe}"
    body = [
        f'<header><p class="kicker">methodic lr</p><h1>{text(title)}</h1>'
        f'<p class="verdict">{text(first)}</p></header>',
        bullets(rest),
        *(figure(each) for each in drawn),
        table(tried(found)),
        "<footer>Written by Methodic. This file holds all it shows and loads nothing.</footer>",
    ]
    return page.document(title, "\n".join(body), drawn)


def tried(found: Rates) -> Table:
    """The rates of the short runs."""
    metric = get_metric(found.metric, found.task)
    rows = []
    for each in found.tried:
        mark = "best" if each.rate == found.best else ""
        inside = "within noise" if found.low <= each.rate <= found.high else ""
        lost = sum(x is None for x in each.scores)
        note = mark or inside or (f"{lost} of {found.seeds} diverged" if lost else "")
        rows.append((f"{each.rate:g}", cells.score(each.mean, metric.name), note))
    columns = (
        Column("learning rate"),
        Column(f"{metric.title}, validation", number=True),
        Column(""),
    )
    return Table(
        key="rates",
        title="Short runs",
        columns=columns,
        rows=tuple(rows),
        fields=("rate", "mean"),
        values=tuple((each.rate, each.mean) for each in found.tried),
    )
