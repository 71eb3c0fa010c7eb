"""The report: one HTML file that holds everything it shows and loads nothing."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from methodic import files
from methodic.metrics import METRICS
from methodic.report import figures, sections, tables
from methodic.report.drawing import Figure, styles
from methodic.report.folder import Folder, best, load, members, tried
from methodic.report.sections import details, text
from methodic.report.style import CSS, DRAW

__all__ = ["Folder", "load", "render", "write"]


def write(folder: Path, out: Path | None = None) -> Path:
    """Write the report of the run in ``folder``.

    Works at any moment of a run: what has not been measured yet is named as such.

    Args:
        folder: RUN/.
        out: where to; RUN/report.html by default.

    Returns:
        The path of the report.

    Raises:
        InputError: not a run's folder, a damaged file, or ``out`` can't be written.
    """
    target = folder / "report.html" if out is None else out
    page = render(load(folder))
    files.write_text(target, page)
    return target


def render(folder: Folder) -> str:
    """The page as a string."""
    drawn = _figures(folder)
    parts = [
        _head(folder),
        _results(folder, drawn),
        _notes(folder),
        "<h2>Data</h2>" + sections.facts(tables.data_facts(folder.plan)),
        "<h2>Plan</h2>" + sections.facts(tables.plan_facts(folder.plan)),
        "<h2>Do it again</h2><p>This command made the run. It measures the machine anew; what was "
        "planned here, to the last setting and seed, is in plan.json.</p>"
        f"<pre>{text(folder.plan.command)}</pre>",
        _recipes(folder),
        "<footer>Written by Methodic. This file holds all it shows and loads nothing.</footer>",
    ]
    return _document(f"{folder.plan.data.name}: training methods compared", "\n".join(parts), drawn)


# --- what stands on the page ------------------------------------------------------------------


def _head(folder: Folder) -> str:
    plan = folder.plan
    metric = tables.title(plan.metric)
    kicker = f"Methodic · {plan.data.name} · {plan.data.task} · {metric}"
    parts = [f'<p class="kicker">{text(kicker)}</p>', f"<h1>{text(_headline(folder))}</h1>"]
    parts.append(f'<p class="verdict">{text(_verdict(folder))}</p>')
    if folder.state.status != "finished":
        word = "was interrupted" if folder.state.status == "interrupted" else "has not ended yet"
        parts.append(
            f'<p class="warn">This run {word}. What follows is what had been measured until then: '
            f"{_progress(folder)}.</p>"
        )
    tiles = "".join(f"<div><dt>{text(k)}</dt><dd>{text(v)}</dd></div>" for k, v in _tiles(folder))
    return f'<header>{"".join(parts)}<dl class="tiles">{tiles}</dl></header>'


def _headline(folder: Folder) -> str:
    board = folder.leaderboard
    data = folder.plan.data.name
    if folder.plan.confirm is None:
        return f"{folder.plan.contenders[0].recipe.name}, trained on {data}"
    if board is None or not board.winner:
        return f"No verdict yet on {data}"
    top = next(row for row in board.rows if row.name == board.winner)
    if top.test is None:
        return f"Nothing is confirmed yet on {data}"
    level = [row for row in board.rows if set(row.groups) & set(top.groups) and row != top]
    if len(level) == 1:
        return f"{tables.name(top)} and {tables.name(level[0])} are level on {data}"
    if level:
        return f"{tables.name(top)} and {len(level)} others are level on {data}"
    return f"{tables.name(top)} came first on {data}"


def _verdict(folder: Folder) -> str:
    if folder.leaderboard is not None:
        return folder.leaderboard.verdict
    metric = folder.plan.metric
    if folder.trained:
        found = [record.validation.get(metric) for record, _ in members(folder.trained)]
        scores = [x for x in found if x is not None]
        if scores:
            mean = tables.score(sum(scores) / len(scores), metric)
            return (
                f"Mean {tables.title(metric)} on validation rows: {mean} over "
                f"{tables.count(len(scores), 'seed')}."
            )
    leader = next(iter(best(folder).values()), None)
    if leader is None or leader.mean is None:
        return "Nothing has been measured yet that could be compared."
    return (
        f"So far {leader.method} leads with {tables.score(leader.mean, metric)} on validation "
        f"rows ({tables.setting(leader.numbers)}). The screening only chooses; without a "
        "confirmation on fresh seeds nothing can be claimed."
    )


def _progress(folder: Folder) -> str:
    plan = folder.plan
    if plan.confirm is None:
        return f"{len(folder.trained)} of {tables.count(len(plan.train), 'unit')} of work"
    screen = f"{len(folder.screened)} of {len(plan.screen)} units of the screening"
    confirm = f"{len(folder.confirmed)} of the confirmation" if folder.confirmed else ""
    rivals = tables.count(len(folder.baselines), "baseline") if folder.baselines else ""
    return ", ".join(part for part in (screen, confirm, rivals) if part)


def _tiles(folder: Folder) -> list[tuple[str, str]]:
    board = folder.leaderboard
    units = (*folder.screened, *folder.confirmed, *folder.trained)
    models = sum(len(unit.members) for unit in units)
    tiles = []
    top = next((row for row in board.rows if row.name == board.winner), None) if board else None
    if board is not None and top is not None:
        where, value = ("test", top.test) if top.test else ("validation", top.validation)
        tiles.append((f"best, {where} rows", tables.interval(value, board.metric)))
    if board is not None and board.shipped and folder.state.status == "finished":
        tiles.append(("saved model", board.shipped))
    tiles.append(("models trained", f"{models:,}"))
    spent = tables.seconds(folder.state.seconds)
    budget = folder.plan.budget
    tiles.append(("time", spent if budget is None else f"{spent} of {tables.seconds(budget)}"))
    return tiles


def _results(folder: Folder, drawn: list[Figure]) -> str:
    plan = folder.plan
    board = folder.leaderboard
    pictures = {each.key: sections.figure(each) for each in drawn}
    settings = tried(folder)
    parts = []
    if board is not None and board.rows:
        parts.append("<h2>Ranking</h2>" + sections.ranking(board) + pictures.get("ranking", ""))
    elif settings:
        leaders = best(folder).values()
        parts.append("<h2>The screening so far</h2>")
        parts.append(sections.screening(leaders, plan.metric, "Best setting of each method"))
    if board is None and folder.baselines:
        parts.append(sections.baselines(folder))
    if folder.trained:
        parts.append("<h2>Trained models</h2>" + sections.trained(folder))
    if "curves" in pictures or "response" in pictures:
        parts.append("<h2>How they trained</h2>")
        parts.append(pictures.get("curves", "") + pictures.get("response", ""))
    if board is not None and board.comparisons:
        parts.append(details("All pairs of confirmed methods", sections.comparisons(board)))
    if settings:
        every = sections.screening(settings, plan.metric, "Every setting of the screening")
        parts.append(details("Every setting of the screening", every))
    return "".join(parts)


def _notes(folder: Folder) -> str:
    board = folder.leaderboard
    lines = list(board.notes) if board is not None else []
    lines += folder.plan.notes
    if board is None:  # a leaderboard names them in its notes
        lines += [*folder.state.notes, *(each.reason for each in folder.state.amendments)]
    return "<h2>Notes</h2>" + sections.bullets(dict.fromkeys(lines)) if lines else ""


def _recipes(folder: Folder) -> str:
    chosen = best(folder)
    numbers = {name: each.numbers for name, each in chosen.items()}
    if folder.leaderboard is not None:
        numbers |= {row.name: row.setting for row in folder.leaderboard.rows}
    parts = []
    for contender in folder.plan.contenders:
        setting = numbers.get(contender.recipe.name)
        parts.append(sections.recipe(contender, tables.setting(setting) if setting else ""))
    return "<h2>Methods</h2><p>Every setting, defaults written out.</p>" + "".join(parts)


def _greater(folder: Folder) -> bool:
    if folder.leaderboard is not None:
        return folder.leaderboard.greater_is_better
    return METRICS[folder.plan.metric].greater_is_better


def _figures(folder: Folder) -> list[Figure]:
    metric, greater = folder.plan.metric, _greater(folder)
    look = styles(contender.recipe.name for contender in folder.plan.contenders)
    settings = tried(folder)
    found = [
        figures.ranking(folder.leaderboard) if folder.leaderboard else None,
        figures.curves(_runs(folder), metric, greater, look, _subject(folder)),
        figures.response(settings, metric, greater, look),
    ]
    return [each for each in found if each is not None]


def _subject(folder: Folder) -> str:
    if folder.confirmed:
        return "the finalists, on fresh seeds"
    return "the trained models" if folder.trained else "each method at its best setting"


def _runs(folder: Folder) -> dict[str, figures.Curves]:
    """Whose learning curves are shown: the finalists', else each method's best setting's."""
    pairs = members(folder.confirmed or folder.trained)
    names = [contender.recipe.name for contender in folder.plan.contenders]
    if folder.leaderboard is not None:  # the legend reads from best to worst
        names = [row.name for row in folder.leaderboard.rows if row.name in names]
    if not pairs:
        chosen = {name: each.setting for name, each in best(folder).items()}
        names = list(chosen)
        pairs = [
            pair
            for pair in members(folder.screened)
            if chosen.get(pair[0].member.recipe) == pair[0].member.setting
        ]
    runs = {name: [pair for pair in pairs if pair[0].member.recipe == name] for name in names}
    return {name: seeds for name, seeds in runs.items() if seeds}


# --- the file ---------------------------------------------------------------------------------


def _document(title: str, body: str, drawn: list[Figure]) -> str:
    """The whole file. Its policy forbids loading anything, and any script but its own two."""
    scripts = [_plotly(), DRAW] if drawn else []
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    )
    data = "\n".join(
        f'<script type="application/json" id="{each.key}-data">{each.json()}</script>'
        for each in drawn
    )
    inline = "\n".join(f"<script>{script}</script>" for script in scripts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{text(title)}</title>
<style>{CSS}</style>
</head>
<body>
<main>
{body}
</main>
{data}
{inline}
</body>
</html>
"""


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    source: str = get_plotlyjs()
    return source.replace("</script", "<\\/script")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
