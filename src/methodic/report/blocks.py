"""What the page is built of, as HTML. Every text from outside passes through `text`."""

from __future__ import annotations

import html
from collections.abc import Iterable

from methodic.report.drawing import Figure
from methodic.report.tables.table import Column, Table


def text(value: object) -> str:
    """``value`` as text inside HTML, quotes included."""
    return html.escape(str(value))


def table(each: Table) -> str:
    """A table in a box that scrolls by itself."""
    head = "".join(
        f'<th scope="col"{_right(column)}>{text(column.title)}</th>' for column in each.columns
    )
    body = []
    for i, row in enumerate(each.rows):
        cells = "".join(
            f"<td{_right(column)}>{text(cell)}</td>"
            for column, cell in zip(each.columns[1:], row[1:], strict=True)
        )
        mark = ' class="best"' if each.ranked and i == 0 else ""
        body.append(f'<tr{mark}><th scope="row">{_named(each, i)}</th>{cells}</tr>')
    kind = ' class="ranking"' if each.ranked else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(each.title)}">'
        f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _named(each: Table, i: int) -> str:
    """The first cell of a row: its name, with its rank before and its marks behind."""
    marks = "".join(
        f'<span class="tag{" best" if word == "best" else ""}">{text(word)}</span>'
        for word in each.marks(i)
    )
    name = text(each.rows[i][0]) + marks
    if not each.ranked:
        return name
    return f'<span class="ranked"><span class="rank">{i + 1}</span><span>{name}</span></span>'


def _right(column: Column) -> str:
    return ' class="n"' if column.number else ""


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Pairs of a word and its value."""
    rows = "".join(f"<dt>{text(word)}</dt><dd>{text(value)}</dd>" for word, value in pairs)
    return f'<dl class="facts">{rows}</dl>'


def bullets(lines: Iterable[str]) -> str:
    """A list of sentences."""
    return f"<ul>{''.join(f'<li>{text(line)}</li>' for line in lines)}</ul>"


def fine(words: str) -> str:
    """A remark in small type."""
    return f'<p class="fine">{text(words)}</p>'


def details(summary: str, body: str, aside: str = "", printed: bool = True) -> str:
    """A part that opens on a click; on paper it is open, or not there."""
    more = f' <span class="fine">{text(aside)}</span>' if aside else ""
    where = "" if printed else ' class="screen"'
    return f"<details{where}><summary>{text(summary)}{more}</summary>{body}</details>"


def image(title: str, caption: str, png: str, width: int, height: int) -> str:
    """A small picture, enlarged pixel by pixel; ``png`` is its file in base64."""
    return (
        f'<figure><h3>{text(title)}</h3><img class="pixels" src="data:image/png;base64,{text(png)}"'
        f' alt="{text(caption)}" width="{width}" height="{height}">'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def figure(each: Figure) -> str:
    """The place of a figure, with its words; the script at the end of the page fills it."""
    size = f"height:{each.layout['height']}px"
    size += f";max-width:{each.widest}px" if each.widest else ""
    return (
        f'<figure><h3>{text(each.title)}</h3><div class="plot" id="{each.key}" role="img" '
        f'aria-label="{text(each.title)}. {text(each.caption)}" style="{size}"></div>'
        f"<figcaption>{text(each.caption)}</figcaption></figure>"
    )
