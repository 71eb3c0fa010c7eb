"""Commands on a trained model: predict, evaluate."""

from __future__ import annotations

import math

from methodic import arguments, console
from methodic import options as o


def predict_command(
    model: o.Model,
    data: o.Data,
    out: o.Table = None,
    skip_broken: o.SkipBroken = False,
    json: o.Json = False,
) -> None:
    """Predict each row of DATA; classes come with their probabilities."""
    arguments.check_model(model)
    arguments.check_data(data)
    arguments.check_written(out, arguments.TABLES)
    from methodic import bundle, files
    from methodic.bundle import streams

    made = streams.Predictions(bundle.load(model), data, skip_broken)
    if out is not None:
        parquet = out.suffix == ".parquet"
        files.write_with(out, lambda path: streams.write(path, made, parquet=parquet))
    if json:
        rows = [] if out is not None else [row for frame in made for row in frame.to_dicts()]
        shown = {"predictions": rows} if out is None else {"out": str(out)}
        told = {"rows": made.rows, "unseen": dict(made.unseen), "notes": made.notes}
        console.show_json({**told, **shown})
        return
    if out is None:
        for i, frame in enumerate(made):
            console.hand_over(frame.write_csv(include_header=i == 0))
    else:
        console.show(f"{made.rows} predictions in {out}")
    for each in made.notes:
        console.note(each)
    console.tell_unseen(made.unseen)


def evaluate_command(
    model: o.Model, data: o.Data, metric: o.Metric = None, json: o.Json = False
) -> None:
    """Score the predictions on DATA, which has the target column too."""
    arguments.check_model(model)
    arguments.check_data(data)
    arguments.check_metric(metric)
    from methodic import bundle
    from methodic.bundle import streams
    from methodic.metrics import METRICS

    loaded = bundle.load(model)
    rows = streams.table(data, loaded.encoders.schema)
    task = loaded.card.data.task
    fitting = [each.name for each in METRICS.values() if task in each.tasks]
    scores = loaded.evaluate(rows, fitting if metric is None else [metric], data)
    unseen = loaded.unseen(rows)
    if json:
        finite = {name: score if math.isfinite(score) else None for name, score in scores.items()}
        console.show_json({"rows": rows.height, "unseen": unseen, "scores": finite})
        return
    console.tell_unseen(unseen)
    console.show(*(f"{name}: {score:.6g}" for name, score in scores.items()))
