"""The sections about the model that is kept: a closer look, its card, and the methods' settings."""

from __future__ import annotations

from collections.abc import Iterator

from methodic.evidence.closer.analysis import Analysis
from methodic.plan import Contender
from methodic.recipes.io import to_yaml
from methodic.report import blocks, cells, facts, tables
from methodic.report.figures.classes import MOST_CELLS
from methodic.report.folder import Folder, best
from methodic.report.sections import PRINTED, Pictures, pictures
from methodic.report.tables import model as about
from methodic.tuning import Setting


def closer(folder: Folder, found: Pictures) -> str:
    """The shipped model on test rows: scores, classes or residuals, calibration, worst slices."""
    analysis = folder.analysis
    if analysis is None:
        return ""
    metric = folder.plan.metric
    first = (
        f"{analysis.model}, the model that is kept, on {analysis.rows:,} test rows. Nothing was "
        "chosen by these numbers; but they are many, and the best-looking of them is no finding."
    )
    if analysis.interval is not None and analysis.interval.low is not None:
        first += (
            f" With other test rows of this kind its {cells.title(metric)} would lie between "
            f"{cells.ends(analysis.interval, metric).replace(' to ', ' and ')} (95%, bootstrap "
            "over rows)."
        )
    return (
        f"<section><h2>A closer look at {blocks.text(analysis.model)}</h2>"
        f"<p>{blocks.text(first)}</p>{blocks.table(about.scores(analysis))}"
        f"{_targets(analysis)}{_classes(analysis, found)}{pictures(found, 'calibration')}"
        f"{pictures(found, 'residuals', 'residual-histogram')}"
        f"{_slices(analysis, tables.slice_metric(folder))}</section>"
    )


def _targets(analysis: Analysis) -> str:
    if not analysis.targets:
        return ""
    each = about.targets(analysis)
    return f"<h3>{blocks.text(each.title)}</h3>{blocks.table(each)}" + blocks.fine(
        "Each in its own units. Bias is the mean of true − predicted; the last column is meant "
        "to hold 90% of new rows, by the validation rows."
    )


def _classes(analysis: Analysis, found: Pictures) -> str:
    if analysis.classes is None:
        return ""
    each = about.classes(analysis.classes)
    parts = [f"<h3>{blocks.text(each.title)}</h3>", blocks.table(each)]
    parts.append(pictures(found, "confusion"))
    if len(analysis.classes.rows) > MOST_CELLS and analysis.classes.confusion:
        confused = about.confused(analysis.classes)
        if confused.rows:
            parts += [f"<h3>{blocks.text(confused.title)}</h3>", blocks.table(confused)]
    parts.append(pictures(found, "roc", "precision-recall"))
    return "".join(parts)


def _slices(analysis: Analysis, metric: str) -> str:
    if not analysis.tried:
        return ""
    each = about.slices(analysis, metric)
    title = f"<h3>{blocks.text(each.title)}</h3>"
    tried = cells.count(analysis.tried, "slice")
    if not each.rows:
        return title + blocks.fine(
            f"Nowhere that it could be shown: of {tried} tried (categories, quarters of numbers, "
            "classes), none is worse than the rest at 5% after Holm’s correction."
        )
    return (
        title
        + blocks.table(each)
        + blocks.fine(
            f"Of {tried} tried (categories, quarters of numbers, classes), those that are worse "
            "than the rest of the test rows at 5% after Holm’s correction, at most ten."
        )
    )


# --- the card ---------------------------------------------------------------------------------


def card(folder: Folder) -> str:
    """Model card: what it is, data, plan, limits, and the command that made it."""
    parts = [
        "<section><h2>Model card</h2>",
        _kept(folder),
        f"<h3>Data</h3>{blocks.facts([*facts.data_facts(folder.plan), *_split(folder)])}",
        f"<h3>Plan</h3>{blocks.facts(facts.plan_facts(folder.plan))}",
        f"<h3>Limits</h3>{blocks.bullets(limits(folder))}",
        "<h3>Do it again</h3><p>This command made the run. It measures the machine anew; what was "
        "planned here, to the last setting and seed, is in plan.json, and "
        "<code>methodic reproduce</code> runs that again.</p>"
        f"<pre>{blocks.text(folder.plan.command)}</pre></section>",
    ]
    return "".join(parts)


def _split(folder: Folder) -> list[tuple[str, str]]:
    """How the rows were parted, where not at random."""
    said = folder.findings.split if folder.findings is not None else ""
    return [("split", said)] if said else []


def _kept(folder: Folder) -> str:
    board = folder.leaderboard
    row = None
    if board is not None and folder.state.status == "finished":
        row = next((each for each in board.rows if each.name == board.shipped), None)
    if board is None or row is None:
        return ""
    pairs = [
        ("model", row.name),
        ("method", row.about),
        ("setting", cells.setting(row.setting)),
        (f"{cells.title(board.metric)}, test rows", cells.interval(row.test, board.metric)),
        ("training", f"{cells.seconds(row.seconds)}, {row.steps:,} steps"),
        ("where", "model/ in the run’s folder"),
    ]
    if board.ensemble is not None and board.ensemble.shipped:
        together = board.ensemble
        pairs[0] = ("model", f"{len(together.members)} networks together, the best is {row.name}")
        pairs.insert(4, ("together, test rows", cells.score(together.test, board.metric)))
    return blocks.facts(pair for pair in pairs if pair[1] not in ("", cells.NOTHING))


def limits(folder: Folder) -> list[str]:
    """What the model was not shown to do, in sentences."""
    return list(_limits(folder))


def _limits(folder: Folder) -> Iterator[str]:
    data, board = folder.plan.data, folder.leaderboard
    yield (
        f"Made for rows like those of {data.name}. On rows from another source, place or time it "
        "may do worse, and nothing here tells by how much."
    )
    if board is not None and board.winner and board.shipped and board.winner != board.shipped:
        rows = {row.name: row for row in board.rows}
        if board.winner in rows and rows[board.winner].kind == "baseline":
            yield (
                f"{cells.name(rows[board.winner])} did better on these rows; the model that is "
                "kept is the best network all the same."
            )
    if board is not None and board.about == "split":
        yield "One split of the data was measured; another one would give other scores."
    analysis = folder.analysis
    if analysis is None:
        return
    calibration, residuals = analysis.calibration, analysis.residuals
    if calibration is not None:
        cure = (
            f"; dividing its logits by {calibration.temperature:.3g} leaves "
            f"{100 * calibration.ece_scaled:.1f}"
        )
        yield (
            f"Its probabilities are off by {100 * calibration.ece:.1f} points on average"
            f"{'' if calibration.temperature == 1 else cure}."
        )
    if residuals is not None and residuals.half_width is not None:
        yield (
            f"Prediction ± {cells.number(residuals.half_width)} is meant to hold "
            f"{100 * residuals.level:.0f}% of new rows on average; not of every kind of row."
        )
    metric = tables.slice_metric(folder)
    unit = " deviations of the targets" if analysis.targets else ""
    for each in analysis.slices[:3]:
        rest = cells.score(each.rest, metric)
        yield (
            f"It does worse on rows with {each.column}: {each.value} "
            f"({cells.score(each.score, metric)}; elsewhere {rest}{unit})."
        )


# --- the methods ------------------------------------------------------------------------------


def methods(folder: Folder) -> str:
    """Every method with its settings, defaults written out."""
    numbers: dict[str, Setting] = {name: each.numbers for name, each in best(folder).items()}
    shipped = ""
    if folder.leaderboard is not None:
        numbers |= {row.name: row.setting for row in folder.leaderboard.rows}
        shipped = folder.leaderboard.shipped
    few = len(folder.plan.contenders) * 30 <= PRINTED
    parts = []
    for contender in folder.plan.contenders:
        setting = numbers.get(contender.recipe.name)
        chosen = cells.setting(setting) if setting else ""
        parts.append(_method(contender, chosen, few or contender.recipe.name == shipped))
    return (
        "<section><h2>Methods</h2><p>Every setting, defaults written out.</p>"
        f"{''.join(parts)}</section>"
    )


def _method(contender: Contender, chosen: str, printed: bool) -> str:
    value = contender.recipe
    words = [("about", value.about), ("source", value.source)]
    words += [("use when", value.use_when), ("not when", value.not_when)]
    steps = " + ".join(f"{n:,}" for n in contender.steps)
    words += [("steps", steps), ("batch", " + ".join(f"{n:,}" for n in contender.batch))]
    body = blocks.facts(pair for pair in words if pair[1])
    body += f"<pre>{blocks.text(to_yaml(value))}</pre>"
    return blocks.details(value.name, body, aside=chosen, printed=printed)
