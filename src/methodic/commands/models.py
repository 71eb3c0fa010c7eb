"""Commands on a trained model: predict, evaluate."""

from __future__ import annotations

import math
import sys

from methodic import arguments, console
from methodic import options as o
from methodic.commands.inputs import rows_of


def predict_command(
    model: o.Model, data: o.Data, out: o.Table = None, json: o.Json = False
) -> None:
    """Predict each row of DATA; classes come with their probabilities."""
    arguments.check_model(model)
    arguments.check_data(data)
    arguments.check_table(out)
    from methodic import bundle, files

    loaded = bundle.load(model)
    rows = rows_of(data)
    predictions, unseen = loaded.predict_frame(rows), loaded.unseen(rows)
    if out is not None:
        parquet = out.suffix == ".parquet"
        files.write_with(out, predictions.write_parquet if parquet else predictions.write_csv)
    if json:
        shown = {"predictions": predictions.to_dicts()} if out is None else {"out": str(out)}
        console.show_json({"rows": predictions.height, "unseen": unseen, **shown})
        return
    console.tell_unseen(unseen)
    if out is None:
        sys.stdout.write(predictions.write_csv())
    else:
        console.show(f"{predictions.height} predictions in {out}")


def evaluate_command(
    model: o.Model, data: o.Data, metric: o.Metric = None, json: o.Json = False
) -> None:
    """Score the predictions on DATA, which has the target column too."""
    arguments.check_model(model)
    arguments.check_data(data)
    arguments.check_metric(metric)
    from methodic import bundle
    from methodic.metrics import METRICS

    loaded = bundle.load(model)
    rows = rows_of(data)
    task = loaded.card.data.task
    fitting = [each.name for each in METRICS.values() if task in each.tasks]
    scores = loaded.evaluate(rows, fitting if metric is None else [metric])
    unseen = loaded.unseen(rows)
    if json:
        finite = {name: score if math.isfinite(score) else None for name, score in scores.items()}
        console.show_json({"rows": rows.height, "unseen": unseen, "scores": finite})
        return
    console.tell_unseen(unseen)
    console.show(*(f"{name}: {score:.6g}" for name, score in scores.items()))
