"""The tables of a run, also as files: RUN/tables/NAME.csv and NAME.md."""

from __future__ import annotations

from pathlib import Path

from methodic import files
from methodic.report import folder as folders
from methodic.report.folder import Folder
from methodic.report.tables import comparison, costs, model, representation, screening, search
from methodic.report.tables.findings import findings
from methodic.report.tables.table import Table, csv, markdown

KEYS = (
    *("ranking", "pairs", "ensemble", "ablation", "anytime", "cost"),
    *("scores", "targets", "classes", "confused", "slices"),
    *("screening", "baselines", "trained", "findings", "representation"),
    *("settings", "tuning", "importance", "candidates"),
)
"""Names of the files, without their endings."""


def all_tables(read: Folder) -> list[Table]:
    """Every table that the run has rows for."""
    metric = read.plan.metric
    found = [*_compared(read), *_analysed(read)]
    found.append(costs.anytime(read.anytime, metric))
    found.append(costs.cost(read.costs))
    found.append(screening.screening(folders.tried(read), metric, "Every setting"))
    found += [screening.baselines(read), screening.trained(read)]
    found += [findings(read.findings)] if read.findings is not None else []
    if read.representations is not None:
        found.append(representation.representation(read.representations.networks))
    found += _searched(read)
    return [table for table in found if table.rows]


def _compared(read: Folder) -> list[Table]:
    board = read.leaderboard
    found = []
    if board is not None:
        found += [comparison.ranking(board), comparison.pairs(board)]
        if board.ensemble is not None:
            found.append(comparison.ensemble(board.ensemble))
    if read.ablation is not None:
        found.append(comparison.ablation(read.ablation))
    return found


def _searched(read: Folder) -> list[Table]:
    if read.search is None:
        return []
    metric = read.search.metric
    return [
        search.found(read.tuned, metric),
        search.tuning(read.tuned, metric),
        search.importance(read.importance),
        search.candidates(read.search),
    ]


def _analysed(read: Folder) -> list[Table]:
    found = read.analysis
    if found is None:
        return []
    parts = [model.scores(found), model.targets(found), model.slices(found, slice_metric(read))]
    if found.classes is not None:
        parts += [model.classes(found.classes), model.confused(found.classes)]
    return parts


def slice_metric(read: Folder) -> str:
    """Slices are scored by accuracy or root mean squared error, whatever the run's metric.

    Labels must all be right; of several targets the errors are in deviations of each.
    """
    own = {"regression": "rmse", "multilabel": "exact_match"}
    return own.get(read.plan.data.task, "accuracy")


def write_all(folder: Path, read: Folder | None = None) -> list[Path]:
    """Write all tables of a run as CSV and Markdown; those that it lost are deleted.

    Args:
        folder: RUN/; they go into its folder "tables".
        read: what `report.folder.load` read there, to not read it again.

    Returns:
        The files.

    Raises:
        InputError: not a run's folder, a damaged file, or a file can't be written.
    """
    found = all_tables(folders.load(folder) if read is None else read)
    home = folder / "tables"
    files.make_folder(home)
    written = []
    for table in found:
        for ending, content in ((".csv", csv(table)), (".md", _titled(table))):
            path = home / f"{table.key}{ending}"
            files.write_text(path, content)
            written.append(path)
    for key in KEYS:
        for path in (home / f"{key}.csv", home / f"{key}.md"):
            if path not in written:
                path.unlink(missing_ok=True)
    return written


def _titled(table: Table) -> str:
    title = " ".join(table.title.splitlines())
    return f"## {title}\n\n{markdown(table)}"
