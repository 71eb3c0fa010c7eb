"""Searches made by hand, as a run would record them: settings, rungs, scores that answer."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from methodic.tuning import (
    CandidateRecord,
    Rung,
    Sampler,
    SearchPlan,
    SearchRecord,
    Setting,
    Strategy,
    StudyRecord,
)

LR = "stages.0.turns.0.optimizer.lr"
OPTIMIZER = "stages.0.turns.0.optimizer"
ADAM = f"{OPTIMIZER}[adam].lr"
MOMENTUM = f"{OPTIMIZER}[sgd].momentum"
DECAY = "stages.0.turns.0.optimizer.weight_decay"
WIDTH = "model.width"
ACTIVATION = "model.activation"
STEPS = 900
TOPS = {"adamw": 0.974, "momentum": 0.970, "rmsprop": 0.966, "sgd": 0.955}
"""Best score by method."""

Draw = Callable[[random.Random], Setting]


def numbers(noise: random.Random) -> Setting:
    """A flat space: two numbers, a choice of numbers, a choice of words."""
    return {
        LR: 10 ** noise.uniform(-4, -1),
        DECAY: 10 ** noise.uniform(-6, -1),
        WIDTH: noise.choice((64, 128, 256)),
        ACTIVATION: noise.choice(("relu", "gelu")),
    }


def conditional(noise: random.Random) -> Setting:
    """The optimizer is a choice of parts, whose numbers hang on it."""
    kind = noise.choice(("adam", "sgd"))
    own: Setting = {ADAM: 10 ** noise.uniform(-4, -1)}
    if kind == "sgd":
        own = {MOMENTUM: noise.uniform(0, 0.99)}
    return {OPTIMIZER: kind, WIDTH: noise.choice((64, 128, 256)), **own}


UNTUNED: Setting = {LR: 10**-2.5, DECAY: 10**-3.5, WIDTH: 128, ACTIVATION: "relu"}


@dataclass(frozen=True)
class Search:
    """What to make; ``make`` makes it."""

    methods: tuple[str, ...] = ("adamw", "momentum", "sgd")
    settings: int = 16
    sampler: Sampler = "random"
    strategy: Strategy = "full"
    metric: str = "accuracy"
    together: bool = False
    draw: Draw = numbers
    seed: int = 0

    def make(self) -> SearchRecord:
        plan = SearchPlan(
            sampler=self.sampler,
            settings=self.settings,
            strategy=self.strategy,
            together=self.together,
            seed=self.seed,
        )
        names = [self.methods] if self.together else [(name,) for name in self.methods]
        return SearchRecord(
            plan=plan,
            metric=self.metric,
            greater_is_better=self.metric == "accuracy",
            studies=tuple(
                StudyRecord(
                    name="methods" if self.together else recipes[0],
                    recipes=recipes,
                    steps=dict.fromkeys(recipes, STEPS),
                    candidates=tuple(self._candidates(recipes)),
                )
                for recipes in names
            ),
        )

    def _candidates(self, recipes: tuple[str, ...]) -> list[CandidateRecord]:
        noise = random.Random(f"{recipes} {self.seed}")
        drawn = [(name, self._first(noise)) for name in recipes][: self.settings]
        left = self.settings - len(drawn)
        drawn += [(noise.choice(recipes), self.draw(noise)) for _ in range(left)]
        looks = {"full": (STEPS,), "population": tuple(range(100, STEPS + 1, 100))}
        steps = looks.get(self.strategy, (STEPS // 9, STEPS // 3, STEPS))
        scores = [
            [self._score(name, setting, step, noise) for step in steps] for name, setting in drawn
        ]
        if self.strategy == "population":
            return self._population(recipes[0], drawn, steps, noise)
        last = self._promoted(scores)
        return [
            self._candidate(
                name,
                number,
                setting,
                steps[: last[number]],
                scores[number],
                untuned=number < len(recipes),
            )
            for number, (name, setting) in enumerate(drawn)
        ]

    def _first(self, noise: random.Random) -> Setting:
        return UNTUNED if self.draw is numbers else self.draw(noise)

    def _promoted(self, scores: list[list[float | None]]) -> list[int]:
        """How many rungs each climbs: the best third of each goes on."""
        sign = 1 if self.metric == "accuracy" else -1
        rungs = [1] * len(scores)
        alive = [i for i, each in enumerate(scores) if each[0] is not None]
        for rung in range(1, len(scores[0])):
            alive.sort(key=lambda i: -sign * (scores[i][rung - 1] or 0))
            alive = alive[: max(len(alive) // 3, 1)]
            for i in alive:
                rungs[i] += 1
        return rungs

    def _candidate(
        self,
        name: str,
        number: int,
        setting: Setting,
        steps: tuple[int, ...],
        scores: list[float | None],
        **fields: Any,
    ) -> CandidateRecord:
        lost = scores[0] is None
        status = "diverged" if lost else "finished" if steps[-1] == STEPS else "dropped"
        return CandidateRecord(
            recipe=name,
            number=number,
            setting=setting,
            rungs=tuple(
                Rung(
                    step=step,
                    until=step / STEPS,
                    score=x,
                    loss=None if x is None else 1 - x / 2,
                    setting=setting,
                )
                for step, x in zip(steps, scores, strict=False)
            ),
            seconds=0.5 * steps[-1] / STEPS,
            **({"status": status} | fields),
        )

    def _score(self, name: str, setting: Setting, step: int, noise: random.Random) -> float | None:
        """It falls with the distance of the rate from 10^-2.5, a little with the width."""
        rate = float(setting.get(LR, setting.get(ADAM, 10**-2.2)))
        if rate > 0.09:
            return None
        x = TOPS.get(name, 0.96) - 0.03 * (math.log10(rate) + 2.5) ** 2
        x += 0.003 * math.log2(float(setting[WIDTH]) / 128) + noise.gauss(0, 0.001)
        x -= 0.05 * (float(setting.get(MOMENTUM, 0.9)) - 0.9) ** 2
        x = x - 0.8 * math.exp(-step / 60)
        return x if self.metric == "accuracy" else 2 * (1.1 - x)

    # --- population-based ---------------------------------------------------------------------

    def _population(
        self,
        name: str,
        drawn: list[tuple[str, Setting]],
        steps: tuple[int, ...],
        noise: random.Random,
    ) -> list[CandidateRecord]:
        """In the middle the worst fifth are replaced by copies of the best with other rates."""
        half = len(steps) // 2
        order = sorted(
            range(len(drawn)), key=lambda i: abs(math.log10(float(drawn[i][1][LR])) + 2.5)
        )
        fifth = max(len(drawn) // 5, 1)
        found = []
        for number, (_, setting) in enumerate(drawn):
            gone = number in order[-fifth:]
            mine = steps[:half] if gone else steps
            scores = [
                self._score(name, {**setting, LR: min(float(setting[LR]), 0.05)}, s, noise)
                for s in mine
            ]
            fields: dict[str, Any] = {"status": "replaced"} if gone else {}
            fields["untuned"] = number == 0
            found.append(self._candidate(name, number, setting, mine, scores, **fields))
        for i in range(fifth):
            parent = found[order[i]]
            setting = {**parent.setting, LR: float(parent.setting[LR]) * noise.choice((0.8, 1.25))}
            scores = [self._score(name, setting, step, noise) for step in steps[half:]]
            number = len(drawn) + i
            found.append(
                self._candidate(name, number, setting, steps[half:], scores, parent=parent.number)
            )
        return found
