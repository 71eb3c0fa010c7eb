"""Tables of what was measured before a verdict: settings, single trainings, baselines."""

from __future__ import annotations

import json
from collections.abc import Iterable

from methodic.report import cells
from methodic.report.folder import Folder, Tried, members
from methodic.report.tables.table import Column, Table


def screening(settings: Iterable[Tried], metric: str, title: str) -> Table:
    """What the screening measured, one row per setting."""
    found = tuple(settings)
    return Table(
        key="screening",
        title=title,
        columns=(
            Column("method"),
            Column("setting"),
            Column(f"{cells.title(metric)}, validation", number=True),
            Column("seeds", number=True),
            Column("diverged", number=True),
        ),
        rows=tuple(
            (
                each.method,
                cells.setting(each.numbers),
                cells.score(each.mean, metric),
                str(len(each.scores) + each.diverged),
                str(each.diverged),
            )
            for each in found
        ),
        fields=("method", "setting", "metric", "validation_mean", "seeds", "diverged"),
        values=tuple(
            (
                *(each.method, json.dumps(each.numbers), metric, each.mean),
                *(len(each.scores) + each.diverged, each.diverged),
            )
            for each in found
        ),
    )


def trained(folder: Folder) -> Table:
    """The models of a run that trained one method, one row per seed."""
    metric = folder.plan.metric
    records = [record for record, _ in members(folder.trained)]
    return Table(
        key="trained",
        title="Trained models",
        columns=(
            Column("model"),
            Column(f"{cells.title(metric)}, validation", number=True),
            Column("status"),
            Column("steps", number=True),
            Column("best step", number=True),
            Column("time", number=True),
        ),
        rows=tuple(
            (
                f"{record.member.recipe}, seed {record.member.seed}",
                cells.score(record.validation.get(metric), metric),
                record.status + (f": {record.why}" if record.why else ""),
                f"{record.steps_taken:,}",
                f"{record.best_step:,}",
                cells.seconds(record.seconds),
            )
            for record in records
        ),
        fields=(
            *("recipe", "seed", "metric", "validation", "status", "why"),
            *("steps", "best_step", "seconds"),
        ),
        values=tuple(
            (
                *(record.member.recipe, record.member.seed, metric),
                *(record.validation.get(metric), record.status, record.why),
                *(record.steps_taken, record.best_step, record.seconds),
            )
            for record in records
        ),
    )


def baselines(folder: Folder) -> Table:
    """The rivals of another kind, while there is no ranking to stand in."""
    metric = folder.plan.metric
    return Table(
        key="baselines",
        title="Baselines",
        columns=(
            Column("baseline"),
            Column(f"{cells.title(metric)}, validation", number=True),
            Column("time", number=True),
            Column("about"),
        ),
        rows=tuple(
            (
                each.kind.replace("_", " "),
                cells.score(each.validation.get(metric), metric),
                cells.seconds(each.seconds),
                each.about,
            )
            for each in folder.baselines
        ),
        fields=("baseline", "metric", "validation", "seconds", "about"),
        values=tuple(
            (each.kind, metric, each.validation.get(metric), each.seconds, each.about)
            for each in folder.baselines
        ),
    )
