"""The head of the page: what came out, in one line, in two sentences and in a few numbers."""

from __future__ import annotations

from methodic.report import cells, doubts
from methodic.report.blocks import text
from methodic.report.folder import Folder, best, members


def header(folder: Folder) -> str:
    """Headline, verdict and tiles; a warning where the run didn't end."""
    plan = folder.plan
    kicker = f"Methodic · {plan.data.name} · {plan.data.task} · {cells.title(plan.metric)}"
    parts = [f'<p class="kicker">{text(kicker)}</p>', f"<h1>{text(_headline(folder))}</h1>"]
    parts.append(f'<p class="verdict">{text(_verdict(folder))}</p>')
    parts.append(doubts.warning(folder))
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
    if all(row.test.n < 2 for row in board.rows if row.test):
        return f"{cells.name(top)} scored best on {data}, from one seed"
    level = [row for row in board.rows if set(row.groups) & set(top.groups) and row != top]
    if len(level) == 1:
        return f"{cells.name(top)} and {cells.name(level[0])} are level on {data}"
    if level:
        return f"{cells.name(top)} and {len(level)} others are level on {data}"
    return f"{cells.name(top)} came first on {data}"


def _verdict(folder: Folder) -> str:
    if folder.leaderboard is not None:
        return folder.leaderboard.verdict
    metric = folder.plan.metric
    if folder.trained:
        found = [record.validation.get(metric) for record, _ in members(folder.trained)]
        scores = [x for x in found if x is not None]
        if scores:
            mean = cells.score(sum(scores) / len(scores), metric)
            return (
                f"Mean {cells.title(metric)} on validation rows: {mean} over "
                f"{cells.count(len(scores), 'seed')}."
            )
    leader = next(iter(best(folder).values()), None)
    if leader is None or leader.mean is None:
        return "Nothing has been measured yet that could be compared."
    return (
        f"So far {leader.method} leads with {cells.score(leader.mean, metric)} on validation "
        f"rows ({cells.setting(leader.numbers)}). The screening only chooses; without a "
        "confirmation on fresh seeds nothing can be claimed."
    )


def _progress(folder: Folder) -> str:
    plan = folder.plan
    if plan.confirm is None:
        return f"{len(folder.trained)} of {cells.count(len(plan.train), 'unit')} of work"
    screen = f"{len(folder.screened)} of {len(plan.screen)} units of the screening"
    if plan.search is not None:  # how many it takes shows as it goes
        screen = f"{cells.count(len(folder.screened), 'unit')} of the search"
    confirm = f"{len(folder.confirmed)} of the confirmation" if folder.confirmed else ""
    rivals = cells.count(len(folder.baselines), "baseline") if folder.baselines else ""
    return ", ".join(part for part in (screen, confirm, rivals) if part)


def _tiles(folder: Folder) -> list[tuple[str, str]]:
    board = folder.leaderboard
    units = (*folder.screened, *folder.confirmed, *folder.ablated, *folder.trained)
    models = sum(len(unit.members) for unit in units)
    tiles = []
    top = next((row for row in board.rows if row.name == board.winner), None) if board else None
    if board is not None and top is not None:
        where, value = ("test", top.test) if top.test else ("validation", top.validation)
        tiles.append((f"best, {where} rows", cells.interval(value, board.metric)))
    if board is not None and board.shipped and folder.state.status == "finished":
        together = board.ensemble if board.ensemble and board.ensemble.shipped else None
        kept = f"{len(together.members)} networks together" if together else board.shipped
        tiles.append(("saved model", kept))
    tiles.append(("models trained", f"{models:,}"))
    spent = cells.seconds(folder.state.seconds)
    budget = folder.plan.budget
    tiles.append(("time", spent if budget is None else f"{spent} of {cells.seconds(budget)}"))
    return tiles
