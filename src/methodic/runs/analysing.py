"""The analysis of a run's model: out of stored predictions, with the columns as the data have them.

Nothing is trained or predicted here, so an analysis can be made again from a run's files for as
long as the predictions of the validation rows are there.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy.typing as npt

from methodic.evidence import analysis
from methodic.evidence.analysis import Analysis
from methodic.evidence.slices import Column
from methodic.files import write_text
from methodic.metrics import get_metric
from methodic.plan import Plan
from methodic.runs.preparation import Prepared

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
        test: its predictions of the test rows: probabilities [N, C], or numbers [N, 1].
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
    )
    write_text(folder / NAME, found.model_dump_json(indent=1) + "\n")
    return found


def columns(prepared: Prepared, part: str = "test") -> list[Column]:
    """Numbers and categories of a part's rows as they were read, by the names of their columns.

    Cells of an array have no names, so arrays aren't among them.
    """
    facts, raw = prepared.encoders.facts, prepared.raw[part]
    found = [
        Column(name, raw["numeric"][:, i].numpy())
        for i, name in enumerate(facts.schema.named("numeric"))
    ]
    # All categorical columns count into one table; each begins where the one before it ends.
    words = {
        name: ("unseen in training", *known, *(["missing"] if name in facts.missing else []))
        for name, known in facts.vocabularies.items()
    }
    starts = [0, *accumulate(map(len, words.values()))]
    for i, (name, meaning) in enumerate(words.items()):
        codes = raw["categorical"][:, i].numpy() - starts[i]
        found.append(Column(name, codes, meaning))
    return found
