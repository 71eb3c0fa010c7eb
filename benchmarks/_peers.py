"""Other libraries' models, each fitted in a process of its own: `_shared.run_peer` starts it.

A peer that puts validation rows aside by itself is given training and validation rows together, in
this order; what is left of them for fitting is then its own choice. Preprocessing is what the
library's own manual advises: standardised numbers and one-hot categories for scikit-learn's MLP,
raw columns with their kinds for the others.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Job = dict[str, Any]


def main() -> None:
    """Fit the peer that the first argument (JSON) describes; write what it scored to the second."""
    job = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")  # "not yet converged" is told in the note
    parts = [pd.read_parquet(Path(job["folder"]) / f"{p}.parquet") for p in ("train", "validation")]
    fit = pd.concat(parts, ignore_index=True)
    test = pd.read_parquet(Path(job["folder"]) / "test.parquet")
    y, truth = fit.pop(job["target"]).to_numpy(), test.pop(job["target"]).to_numpy()
    for name in fit.columns[~fit.dtypes.map(pd.api.types.is_numeric_dtype)]:
        known = sorted(set(fit[name]) | {"?"})
        fit[name] = pd.Categorical(fit[name], categories=known)
        test[name] = pd.Categorical(test[name].where(test[name].isin(known), "?"), categories=known)
    job["numeric"] = list(fit.select_dtypes("number").columns)
    job["categorical"] = list(fit.select_dtypes("category").columns)
    model, note = PEERS[job["peer"]](job)
    start = time.perf_counter()
    model.fit(fit, y)
    predicted = _predict(model, test, job["metric"])
    result = {
        "score": _score(job["metric"], truth, predicted, model),
        "seconds": time.perf_counter() - start,
        "rows": len(fit),
        "note": note(model),
    }
    if job.get("keep"):
        result["predicted"] = np.asarray(predicted, dtype=float).tolist()
    Path(sys.argv[2]).write_text(json.dumps(result))


def _predict(model: Any, rows: pd.DataFrame, metric: str) -> Any:
    return model.predict_proba(rows) if metric == "auc" else model.predict(rows)


def _score(metric: str, truth: Any, predicted: Any, model: Any) -> float:
    from sklearn import metrics

    match metric:
        case "auc":  # of the class that comes last
            return float(metrics.roc_auc_score(truth == model.classes_[1], predicted[:, 1]))
        case "accuracy":
            return float((predicted == truth).mean())
        case "rmse":
            return float(np.sqrt(np.mean((np.asarray(predicted).reshape(-1) - truth) ** 2)))
    raise ValueError(f"no such metric: {metric}")


Made = tuple[Any, Callable[[Any], str]]


def mlp(job: Job) -> Made:
    """scikit-learn's MLP, defaults but for early stopping where asked."""
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    regression = job["metric"] == "rmse"
    kind = MLPRegressor if regression else MLPClassifier
    early = job.get("early_stopping", False)
    network = kind(random_state=job["seed"], early_stopping=early)
    model = make_pipeline(
        ColumnTransformer(
            [
                ("numeric", StandardScaler(), job["numeric"]),
                ("categorical", OneHotEncoder(handle_unknown="ignore"), job["categorical"]),
            ]
        ),
        network,
    )
    if regression:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())

    def note(fitted: Any) -> str:
        inner = (fitted.regressor_ if regression else fitted)[-1]
        return f"{inner.n_iter_} epochs" + (", early stopping" if early else "")

    return model, note


def boosting(job: Job) -> Made:
    """scikit-learn's histogram gradient boosting: defaults, or at most so many trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    regression = job["metric"] == "rmse"
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    model = kind(random_state=job["seed"], **job.get("options", {}))
    return model, lambda fitted: f"{fitted.n_iter_} iterations"


def realmlp(job: Job) -> Made:
    """pytabkit's RealMLP-TD: its tuned defaults, or fewer epochs."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    kind = RealMLP_TD_Regressor if job["metric"] == "rmse" else RealMLP_TD_Classifier
    epochs = {"n_epochs": job["epochs"]} if job.get("epochs") else {}
    model = kind(
        device="cpu", n_threads=job["threads"], random_state=job["seed"], verbosity=0, **epochs
    )
    return model, lambda _: f"{job['epochs']} epochs" if epochs else "256 epochs (default)"


def tabm(job: Job) -> Made:
    """pytabkit's TabM-D: its defaults, or at most so many epochs."""
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    kind = TabM_D_Regressor if job["metric"] == "rmse" else TabM_D_Classifier
    epochs = {"n_epochs": job["epochs"]} if job.get("epochs") else {}
    model = kind(
        device="cpu", n_threads=job["threads"], random_state=job["seed"], verbosity=0, **epochs
    )
    return model, lambda _: f"at most {job['epochs']} epochs" if epochs else "defaults"


def searched(job: Job) -> Made:
    """The best of a random search for so many seconds; ``family`` is "mlp" or "boosting"."""
    from _searches import SPACES, Searched

    def made(options: dict[str, Any]) -> Any:
        if job["family"] == "boosting":
            return boosting({**job, "options": options})[0]
        model = mlp({**job, "early_stopping": True})[0]
        inner = model if job["metric"] != "rmse" else model.regressor
        inner[-1].set_params(**options)
        return model

    model = Searched(made, SPACES[job["family"]], job["search_seconds"], job["seed"])
    return model, lambda fitted: f"best of {fitted.tried} settings"


PEERS: dict[str, Callable[[Job], Made]] = {
    "mlp": mlp,
    "searched": searched,
    "boosting": boosting,
    "realmlp": realmlp,
    "tabm": tabm,
}

if __name__ == "__main__":
    main()
