"""What both peers of search.py share: the job, the rows as arrays, and the validation score.

A job is one search: settings, epochs of a whole training, the width of a network with two hidden
layers, the rows' folder (`_shared.write_split`), target, metric and seed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]
Job = dict[str, Any]

BATCH = 128
REDUCTION = 3  # one in so many goes on, with so many times the training
RUNGS = 3
LR = (1e-4, 3e-2)
DECAY = (1e-6, 1e-1)


class Rows:
    """Standardised numbers and one-hot categories, as arrays; float32 and int64.

    Args:
        job: see above.
    """

    def __init__(self, job: Job) -> None:
        parts = [pd.read_parquet(Path(job["folder"]) / f"{p}.parquet") for p in _PARTS]
        fit, held = (part.drop(columns=job["target"]) for part in parts)
        y, held_y = (part[job["target"]].to_numpy() for part in parts)
        numeric = list(fit.select_dtypes("number").columns)
        mean, spread = fit[numeric].mean(), fit[numeric].std().replace(0, 1)
        named = [name for name in fit.columns if name not in numeric]
        known = {name: sorted(set(fit[name].astype(str))) for name in named}
        self.x, self.held_x = (
            np.hstack(
                [
                    ((rows[numeric] - mean) / spread).to_numpy(np.float32),
                    *(_hot(rows[name].astype(str), known[name]) for name in named),
                ]
            )
            for rows in (fit, held)
        )
        self.metric = job["metric"]
        self.classes = 0 if self.metric == "rmse" else len(set(y))
        self.scale = 1.0
        if self.metric == "rmse":
            self.scale = float(y.std())
            self.y, self.held_y = (((each - y.mean()) / y.std()) for each in (y, held_y))
        else:
            labels = sorted(set(y))
            self.y, self.held_y = (np.searchsorted(labels, each) for each in (y, held_y))

    def score(self, answers: Array) -> float:
        """Of probabilities [N, C], or of standardised numbers [N], of the validation rows."""
        from sklearn.metrics import roc_auc_score

        if self.metric == "rmse":
            return self.scale * float(np.sqrt(np.mean((answers.reshape(-1) - self.held_y) ** 2)))
        if self.metric == "auc":
            return float(roc_auc_score(self.held_y, answers[:, 1]))
        return float((answers.argmax(1) == self.held_y).mean())


_PARTS = ("train", "validation")


def _hot(column: pd.Series[str], known: list[str]) -> Array:
    return (column.to_numpy()[:, None] == np.asarray(known)).astype(np.float32)


def shares() -> list[float]:
    """Of a whole training, at the end of each rung."""
    return [REDUCTION ** -(RUNGS - 1 - rung) for rung in range(RUNGS)]


def answer(search: Callable[[Job], dict[str, Any]]) -> None:
    """Do the job in the first argument (JSON); write what came out to the second."""
    result = search(json.loads(sys.argv[1]))
    Path(sys.argv[2]).write_text(json.dumps(result))
