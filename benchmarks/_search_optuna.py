"""A peer of search.py: Optuna's settings, a training loop in plain PyTorch, halving by hand.

Trials are asked for at once, trained to the first rung by two processes of one thread each, ranked,
and the best third goes on from its weights and moments. Processes are faster here than the threads
of ``study.optimize(n_jobs=2)``, which wait for each other in Python; ``threads`` measures those.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import _search_rows as shared
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

State = tuple[Any, Any, Any]
"""Weights, the optimizer's state, the state of the order of rows."""

_ROWS: list[tuple[shared.Rows, torch.Tensor, torch.Tensor]] = []  # of this process, once


def search(job: shared.Job) -> dict[str, Any]:
    """Halve as many trials as the job says; the best score of the last rung."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    greater = job["metric"] != "rmse"
    study = optuna.create_study(
        direction="maximize" if greater else "minimize",
        sampler=optuna.samplers.RandomSampler(seed=job["seed"]),
    )
    trials = [study.ask() for _ in range(job["settings"])]
    drawn = {
        trial.number: {
            "lr": trial.suggest_float("lr", *shared.LR, log=True),
            "weight_decay": trial.suggest_float("weight_decay", *shared.DECAY, log=True),
        }
        for trial in trials
    }
    _begin(job)
    alive, states, scores = list(drawn), {}, {}
    total, done = steps(job), 0
    with _pool(job) as pool:
        for rung, share in enumerate(shared.shares()):
            until = round(total * share)
            jobs = [(job, n, drawn[n], states.get(n), done, until) for n in alive]
            for number, score, state in pool.map(_train, jobs):
                scores[number], states[number] = score, state
                trials[number].report(score, until)
            alive.sort(key=lambda n: scores[n], reverse=greater)
            if rung + 1 < shared.RUNGS:
                for number in alive[len(alive) // shared.REDUCTION :]:
                    study.tell(trials[number], state=optuna.trial.TrialState.PRUNED)
                alive = alive[: len(alive) // shared.REDUCTION]
            done = until
        for number in alive:
            study.tell(trials[number], scores[number])
    return {"score": study.best_value, "setting": study.best_params, "steps": total}


def steps(job: shared.Job) -> int:
    """Optimizer steps of a whole training."""
    if not _ROWS:
        _begin(job)
    return int(job["epochs"] * len(_ROWS[0][1]) // shared.BATCH)


def _pool(job: shared.Job) -> Executor:
    if job.get("threads"):
        return ThreadPoolExecutor(job["jobs"])
    context = multiprocessing.get_context("fork")  # the rows are there without being read again
    return ProcessPoolExecutor(job["jobs"], mp_context=context)


def _begin(job: shared.Job) -> None:
    torch.set_num_threads(1)
    if not _ROWS:
        rows = shared.Rows(job)
        kind = torch.float32 if rows.metric == "rmse" else torch.int64
        _ROWS.append((rows, torch.from_numpy(rows.x), torch.from_numpy(rows.y).to(kind)))


def _train(
    asked: tuple[shared.Job, int, dict[str, float], State | None, int, int],
) -> tuple[int, float, State]:
    """One trial from step ``done`` to step ``until``, and its score there."""
    job, number, setting, state, done, until = asked
    rows, x, y = _ROWS[0]
    # All start alike and see the rows in one order, as everywhere here: settings differ, not luck.
    order = torch.Generator().manual_seed(job["seed"])
    torch.manual_seed(job["seed"])
    width, outputs = job["width"], rows.classes or 1
    network = nn.Sequential(
        nn.Linear(x.shape[1], width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, outputs),
    )
    rule = torch.optim.AdamW(network.parameters(), fused=True, **setting)
    places = torch.empty(0, dtype=torch.int64)
    if state is not None:
        network.load_state_dict({k: torch.from_numpy(v) for k, v in state[0].items()})
        rule.load_state_dict(_tensors(state[1]))
        order.set_state(torch.from_numpy(state[2][0]))
        places = torch.from_numpy(state[2][1])
    for _ in range(done, until):
        if len(places) < shared.BATCH:
            places = torch.cat([places, torch.randperm(len(x), generator=order)])
        batch, places = places[: shared.BATCH], places[shared.BATCH :]
        out = network(x[batch])
        loss = F.mse_loss(out[:, 0], y[batch]) if outputs == 1 else F.cross_entropy(out, y[batch])
        rule.zero_grad(set_to_none=True)
        loss.backward()
        rule.step()
    with torch.no_grad():
        out = network(torch.from_numpy(rows.held_x))
        answers = (out if outputs == 1 else out.softmax(-1)).double().numpy()
    score = rows.score(answers) if np.isfinite(answers).all() else float("nan")
    weights = {k: v.numpy() for k, v in network.state_dict().items()}
    kept = (order.get_state().numpy(), places.numpy())
    return number, _ranked(score, job["metric"]), (weights, _arrays(rule.state_dict()), kept)


def _ranked(score: float, metric: str) -> float:
    """A score that sorts: one that isn't a number is the worst."""
    if np.isnan(score):
        return float("inf") if metric == "rmse" else -float("inf")
    return score


def _arrays(value: Any) -> Any:
    """Tensors as arrays: they go through a pipe as bytes, and need no files."""
    if isinstance(value, torch.Tensor):
        return ("tensor", value.numpy())
    if isinstance(value, dict):
        return {key: _arrays(each) for key, each in value.items()}
    return [_arrays(each) for each in value] if isinstance(value, list) else value


def _tensors(value: Any) -> Any:
    if isinstance(value, tuple) and len(value) == 2 and value[0] == "tensor":
        return torch.from_numpy(np.array(value[1]))
    if isinstance(value, dict):
        return {key: _tensors(each) for key, each in value.items()}
    return [_tensors(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    shared.answer(search)
