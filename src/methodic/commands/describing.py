"""The command that shows what was read off a table: schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from methodic import arguments, console
from methodic import options as o
from methodic.commands.groups import Columns
from methodic.commands.inputs import inputs

if TYPE_CHECKING:
    from rich.table import Table

    from methodic.data.schemas.overview import Seen


def schema_command(
    data: o.Data,
    target: o.Target = None,
    *,
    rows: Columns,
    out: o.SchemaOut = None,
    json: o.Json = False,
) -> None:
    """Show what each column of DATA is taken for; save it to edit and to give back by --schema."""
    arguments.check_written(out, arguments.SCHEMAS)
    dataset, _ = inputs(data, rows.reading(target), None, "cpu", None, None)
    from methodic import files
    from methodic.data.schemas.overview import overview, to_yaml
    from methodic.data.schemas.remarks import LEFT_OUT

    if out is not None:
        files.write_text(out, to_yaml(dataset))
    seen = overview(dataset)
    if json:
        saved = {} if out is None else {"out": str(out)}
        document = dataset.schema.model_dump(mode="json")
        console.show_json({"schema": document, "seen": [asdict(each) for each in seen], **saved})
        return
    from methodic.report.terminal import facts_table

    # What is left out stands in the table.
    facts = [(what, value) for what, value in dataset.describe() if what != LEFT_OUT]
    console.show(facts_table(facts), _table(seen))
    if out is not None:
        console.show(f"Saved in {out}: edit it, and give it back with --schema {out}")


def _table(seen: Sequence[Seen]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("column", "used as", "values", "missing", "becomes"):
        table.add_column(title, overflow="fold", justify="right" if title == "missing" else "left")
    for each in seen:
        missing = f"{each.missing:,}" if each.missing else ""
        table.add_row(each.name, each.use, each.values, missing, each.becomes)
    return table
