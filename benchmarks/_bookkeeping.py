"""What `methodic.search.study.Study` costs for each candidate, beside its sampler in bare Optuna.

Candidates are trivial: their score is a formula, and no time passes in them. Both ask for as many
at once, and tell them all before they ask again.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

SAMPLERS = ("random", "sobol", "grid", "tpe", "cmaes")
TOGETHER = 16  # asked for at once
_LR, _DECAY = (1e-4, 1e-1), (1e-6, 1e-1)


def overhead(sampler: str, count: int, rounds: int) -> dict[str, float]:
    """Milliseconds per candidate, the best of the rounds, which take turns."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")  # experimental samplers
    best = {"ours": math.inf, "bare": math.inf}
    searches = {"ours": _ours, "bare": _bare}
    if sampler == "grid":  # not Optuna's, which looks through the whole grid for each candidate
        del searches["bare"]
        best["bare"] = 0.0
    for search in searches.values():
        search(sampler, TOGETHER)  # imports
    for _ in range(rounds):
        for name, search in searches.items():
            begun = time.perf_counter()
            done = search(sampler, count)
            best[name] = min(best[name], 1e3 * (time.perf_counter() - begun) / done)
    return best


def _score(lr: float, decay: float) -> float:
    return -((math.log10(lr) + 2.5) ** 2) - 0.1 * (math.log10(decay) + 3) ** 2


def _ours(sampler: str, count: int) -> int:
    from methodic.recipes.types import Recipe
    from methodic.search.study import Outcome, Study
    from methodic.tuning import SearchPlan

    ranges: dict[str, Any] = {
        "lr": {"log_uniform": list(_LR)},
        "weight_decay": {"log_uniform": list(_DECAY)},
    }
    if sampler == "grid":
        ranges = {key: {"choice": _spread(key, count)} for key in ranges}
    recipe = Recipe.model_validate(
        {"name": "trivial", "stages": [{"optimizer": {"kind": "adamw", **ranges}}]}
    )
    plan = SearchPlan.model_validate({"sampler": sampler, "settings": count, "strategy": "full"})
    study = Study("trivial", [recipe], plan, steps={"trivial": 100}, greater_is_better=True)
    done = 0
    while not study.over:
        for job in study.ask(TOGETHER):
            lr, decay = (float(x) for x in job.setting.values())
            study.tell(job, Outcome(_score(lr, decay), None, 100, 0.0))
            done += 1
    return done


def _bare(sampler: str, count: int) -> int:
    import optuna
    from optuna.distributions import BaseDistribution, FloatDistribution

    space: dict[str, BaseDistribution] = {
        "lr": FloatDistribution(*_LR, log=True),
        "weight_decay": FloatDistribution(*_DECAY, log=True),
    }
    study = optuna.create_study(direction="maximize", sampler=_samplers()[sampler]())
    done = 0
    while done < count:
        trials = [study.ask(space) for _ in range(min(TOGETHER, count - done))]
        for trial in trials:
            study.tell(trial, _score(*trial.params.values()))
        done += len(trials)
    return done


def _samplers() -> dict[str, Callable[[], Any]]:
    from optuna import samplers

    return {
        "random": lambda: samplers.RandomSampler(seed=0),
        "sobol": lambda: samplers.QMCSampler(scramble=True, seed=0),
        "tpe": lambda: samplers.TPESampler(seed=0, constant_liar=True),
        "cmaes": lambda: samplers.CmaEsSampler(seed=0),
    }


def _spread(key: str, count: int) -> list[float]:
    """So many values that a grid of two numbers has about ``count`` points."""
    low, high = _LR if key == "lr" else _DECAY
    n = max(math.isqrt(count), 2)
    return [low * (high / low) ** (i / (n - 1)) for i in range(n)]
