"""A peer of search.py: scikit-learn's HalvingRandomSearchCV over its own MLP.

Epochs are the resource. A candidate that goes on begins anew, as scikit-learn has it; each is
scored on the validation rows, and nothing is fitted again at the end.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import _search_rows as shared
import numpy as np


def search(job: shared.Job) -> dict[str, Any]:
    """Halve as many settings as the job says; the best score of the last rung."""
    from scipy.stats import loguniform
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV, PredefinedSplit
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    warnings.simplefilter("ignore")  # "not yet converged"
    os.environ["PYTHONWARNINGS"] = "ignore"  # nor by the workers
    rows = shared.Rows(job)
    regression = job["metric"] == "rmse"
    network = (MLPRegressor if regression else MLPClassifier)(
        hidden_layer_sizes=(job["width"],) * 2,
        batch_size=shared.BATCH,
        tol=0.0,
        n_iter_no_change=10**9,
        random_state=job["seed"],
    )
    scoring = {"rmse": "neg_root_mean_squared_error", "auc": "roc_auc"}
    whole = shared.REDUCTION ** (shared.RUNGS - 1)
    halving = HalvingRandomSearchCV(
        network,
        {"learning_rate_init": loguniform(*shared.LR), "alpha": loguniform(*shared.DECAY)},
        n_candidates=job["settings"],
        factor=shared.REDUCTION,
        resource="max_iter",
        min_resources=max(job["epochs"] // whole, 1),
        max_resources=job["epochs"],
        cv=PredefinedSplit(np.repeat([-1, 0], [len(rows.x), len(rows.held_x)])),
        scoring=scoring.get(job["metric"], "accuracy"),
        refit=False,
        random_state=job["seed"],
        n_jobs=job["jobs"],
    )
    halving.fit(np.vstack([rows.x, rows.held_x]), np.concatenate([rows.y, rows.held_y]))
    found = halving.cv_results_
    last = found["iter"] == max(found["iter"])
    best = float(np.nanmax(found["mean_test_score"][last]))
    steps = job["epochs"] * -(-len(rows.x) // shared.BATCH)
    return {
        "score": -best * rows.scale if regression else best,
        "rungs": [int(n) for n in halving.n_candidates_],
        "epochs": [int(n) for n in halving.n_resources_],
        "steps": steps,
    }


if __name__ == "__main__":
    shared.answer(search)
