"""The analysis of a run's model: out of stored predictions, with the columns as the data have them.

Nothing is trained or predicted here, so an analysis can be made again from a run's files for as
long as the predictions of the validation rows are there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from methodic.evidence.closer import analysis
from methodic.evidence.closer.analysis import Analysis
from methodic.evidence.closer.slices import Column
from methodic.files import write_text
from methodic.metrics import get_metric
from methodic.plan import Plan
from methodic.runs.rows.preparation import Prepared

NAME = "analysis.json"

Array = npt.NDArray[Any]


def analyse(
    folder: Path, plan: Plan, prepared: Prepared, name: str, test: Array, validation: Array
) -> Analysis:
    """Analyse one model and write RUN/analysis.json.

    Args:
        folder: the run's.
        plan: says which metric.
        prepared: the data; the run's own split.
        name: of the model, for people.
        test: its predictions of the test rows: probabilities [N, C], or numbers [N, T].
        validation: of the validation rows, likewise.

    Raises:
        InputError: the file can't be written.
    """
    schema = prepared.encoders.schema
    found = analysis.analyse(
        name,
        schema.task,
        schema.classes,
        get_metric(plan.metric, schema.task),
        prepared.truth["test"],
        test,
        prepared.truth["validation"],
        validation,
        columns(prepared),
        schema.target,
        schema.others,
        prepared.weights("test"),
        prepared.groups.get("test"),
    )
    write_text(folder / NAME, found.model_dump_json(indent=1) + "\n")
    return found


def columns(prepared: Prepared, part: str = "test") -> list[Column]:
    """Numbers and categories of a part's rows as they were read, by the names of their columns.

    Dates are there as their parts. Cells of an array have no names, and the numbers that a text is
    hashed into no meaning of their own, so they aren't among them.
    """
    encoders, raw = prepared.encoders, prepared.raw[part]
    plain = encoders.features.names[: encoders.features.plain]
    found = []
    for i, name in enumerate(plain):
        assert encoders.numeric is not None
        found.append(
            Column(name, raw["numeric"][:, i].double().numpy() + encoders.numeric.offset[i])
        )
    # All categorical columns count into one table; each begins where the one before it ends.
    start = 0
    for i, (name, known) in enumerate(encoders.categories.items()):
        codes = raw["categorical"][:, i].numpy() - start
        found.append(Column(name, codes, known.meanings))
        start += known.size
    return found
