"""The learning-rate finder: a range test, then short runs of several rates and seeds."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import numpy as np

from methodic import build
from methodic.data.dataset import DataSet
from methodic.engine import loop
from methodic.engine.parts import Cohort
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.evidence import design
from methodic.evidence.rates import Rates, Sweep, Tried, check, spread, standing, sweep
from methodic.metrics import get_metric
from methodic.plan import Machine
from methodic.recipes.numbers import ranges, replace, walk
from methodic.recipes.types import Recipe
from methodic.report.rates import write
from methodic.report.terminal import Quiet
from methodic.rng import key
from methodic.runs.cohorts import at_once, cohort_of, room
from methodic.runs.plans.planning import machine
from methodic.runs.plans.units import evaluations
from methodic.runs.plans.wishes import Wishes, wish
from methodic.runs.rows.preparation import Prepared, prepare
from methodic.types import FloatArray

LR = "stages.0.turns.0.optimizer.lr"
SWEEP_STEPS, SWEEP_SEEDS = 100, 3
LOOKS = 5  # of each short run
AROUND = 1000.0  # the range test of a fixed rate goes so many times below and above it
BEYOND = 10.0  # and beyond the ends of a range
MORE = 2  # rates beyond an end where the best rate is the last one, and how often


def find_lr(
    data: DataSet,
    recipe: str | Path | Recipe = "adamw_cosine",
    *,
    low: float | None = None,
    high: float | None = None,
    rates: int = 7,
    seeds: int = 5,
    steps: int = 300,
    metric: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    out: Path | str | None = None,
    progress: Quiet | None = None,
) -> Rates:
    """The learning rate of a method for these data, with the rates that are as good.

    The rate first rises exponentially over 100 steps (a range test), which proposes a span. Then
    several rates of it train from the same seeds for some hundred steps, with the recipe's whole
    schedule, and are scored on validation rows. For a recipe of several stages or turns, it is the
    rate of the first one.

    Args:
        data: from `methodic.load`.
        recipe: a name, a YAML file or a value; of other ranges the middle is taken.
        low, high: ends of the range test; default ten times beyond the recipe's range.
        rates: to confirm, ≥ 3.
        seeds: runs of each rate, ≥ 1.
        steps: of each of them.
        metric, seed, device, threads: as for `run`.
        out: an HTML file for a picture; default none.
        progress: told what happens.

    Raises:
        InputError: something about the arguments or the data, or every rate diverged.

    Example:
        >>> import methodic as mt
        >>> found = mt.find_lr(mt.load("digits"), "momentum")      # doctest: +SKIP
        >>> found.low, found.best, found.high                      # doctest: +SKIP
        (0.0215, 0.1, 0.215)
    """
    started = time.monotonic()
    check(low, high, rates, seeds, steps)
    wishes = wish(
        data,
        [recipe],
        metric,
        None,
        seed=seed,
        device=device,
        threads=threads,
        workers=0,
        command="",
    )
    progress = progress or Quiet()
    prepared = prepare(data, seed)
    finder = _Finder(prepared, wishes, steps, seeds)
    with Pool(0, threads or 1):
        progress.phase("range test")
        ends = finder.ends(low, high)
        found = finder.sweep(*ends)
        progress.phase("short runs")
        tried = finder.confirmed(found, rates)
    chosen = standing(tried, finder.metric)
    if chosen is None:
        raise InputError(
            f"{finder.recipe.name}: every rate diverged for some seed",
            found=", ".join(f"{each.rate:g}" for each in tried),
            advice=f"Try lower ones: --low {ends[0] / 1000:g} --high {ends[0]:g}.",
        )
    result = Rates(
        recipe=finder.recipe.name,
        data=data.name,
        task=data.schema.task,
        metric=wishes.metric,
        sweep=found,
        tried=tuple(tried),
        best=chosen[0],
        low=chosen[1],
        high=chosen[2],
        steps=steps,
        grid=finder.grid,
        seconds=round(time.monotonic() - started, 3),
    )
    if out is not None:
        write(result, Path(out))
    return result


class _Finder:
    """One method on prepared data, with a rate to be found."""

    def __init__(self, prepared: Prepared, wishes: Wishes, steps: int, seeds: int) -> None:
        (chosen,) = wishes.recipes
        self.prepared = prepared
        self.steps = steps
        self.machine: Machine = machine(wishes)
        self.metric = get_metric(wishes.metric, prepared.encoders.schema.task)
        self.recipe = build.resolve(
            chosen, prepared.encoders.schema.task, prepared.counts[0], prepared.inputs
        )
        self.range: Any = dict(walk(self.recipe))[LR]
        self.grid: tuple[float, ...] = ()
        if LR in ranges(self.recipe):
            self.grid = tuple(dict.fromkeys(s[LR] for s in design.grid(self.recipe, 5)))
        self.seeds = [_stream(x) for x in design.seeds(wishes.seed, "screen", max(seeds, 3))]
        self.count = seeds

    def ends(self, low: float | None, high: float | None) -> tuple[float, float]:
        """Between which rates to look."""
        if isinstance(self.range, float):
            known = (self.range / AROUND, self.range * AROUND)
        else:
            known = (min(self.grid) / BEYOND, max(self.grid) * BEYOND)
        first, last = low or known[0], high or known[1]
        if not first < last:
            raise InputError(
                "--low must be below --high",
                found=f"{first:g} and {last:g}",
                advice=f"The range of {self.recipe.name} asks for {known[0]:g} to {known[1]:g}.",
            )
        return first, last

    def sweep(self, low: float, high: float) -> Sweep:
        """The range test."""
        ratio = high / low
        rates = [low * ratio ** (i / (SWEEP_STEPS - 1)) for i in range(SWEEP_STEPS)]
        table: FloatArray = np.array(rates)

        def rising(step: FloatArray, total: int, numbers: object) -> FloatArray:  # noqa: ARG001
            now: FloatArray = table[np.minimum(step, SWEEP_STEPS - 1).astype(int)]
            return now

        losses: list[list[float]] = [[] for _ in rates]
        for part in self._parts([1.0] * SWEEP_SEEDS, self.seeds[:SWEEP_SEEDS]):
            cohort = self._cohort(*part, [SWEEP_STEPS for _ in self.recipe.stages])
            first, *turns = cohort.stages[0].turns
            first = changed(first, schedule=rising, schedule_numbers={}, drives=(), plateau=None)
            stage = changed(cohort.stages[0], turns=(first, *turns))
            cohort = changed(cohort, stages=(stage, *cohort.stages[1:]))
            self._rise(cohort, losses)
        return sweep(rates, losses)

    def _rise(self, cohort: Cohort, losses: list[list[float]]) -> None:
        rows = self.prepared.rows["train"].to(cohort.device)
        stage, state = cohort.stages[0], loop.begin(cohort.stages[0], loop.initial_state(cohort))
        seen: list[list[float]] = []
        loop.advance(
            cohort, stage, state, rows, SWEEP_STEPS, lambda step: seen.append(step.loss.tolist())
        )
        for step, found in zip(losses, seen, strict=True):
            step.extend(found)

    def confirmed(self, found: Sweep, count: int) -> list[Tried]:
        """Short runs of rates across the span, and beyond an end where that is the best."""
        span = spread(found.low, found.high, count)
        tried = self._tried(span)
        ratio = span[1] / span[0]
        for _ in range(MORE):
            chosen = standing(tried, self.metric)
            if chosen is None:
                more = [tried[0].rate / ratio**i for i in range(MORE, 0, -1)]
            elif chosen[0] == tried[-1].rate:
                more = [tried[-1].rate * ratio**i for i in range(1, MORE + 1)]
            elif chosen[0] == tried[0].rate:
                more = [tried[0].rate / ratio**i for i in range(MORE, 0, -1)]
            else:
                break
            tried += self._tried([float(f"{rate:.3g}") for rate in more])
            tried.sort(key=lambda each: each.rate)
        return tried

    def _tried(self, rates: Sequence[float]) -> list[Tried]:
        seeds = self.seeds[: self.count]
        members = [(rate, seed) for rate in rates for seed in seeds]
        results: list[tuple[float | None, float | None]] = []
        by_stage = [max(1, round(self.steps * stage.share)) for stage in self.recipe.stages]
        for part in self._parts([rate for rate, _ in members], [seed for _, seed in members]):
            cohort = self._cohort(*part, by_stage)
            rows = self.prepared.rows["train"].to(cohort.device)
            judge = self.prepared.judge(self.metric.name, cohort.device)
            trained = loop.train(cohort, rows, judge, evaluations(sum(by_stage), LOOKS))
            for fate in trained.fates:
                sound = fate.status != "diverged" and math.isfinite(fate.kept_score)
                results.append((fate.kept_score, fate.kept_loss) if sound else (None, None))
        return [
            Tried(
                rate=rate,
                scores=tuple(score for score, _ in results[i : i + len(seeds)]),
                losses=tuple(loss for _, loss in results[i : i + len(seeds)]),
            )
            for rate, i in zip(rates, range(0, len(results), len(seeds)), strict=True)
        ]

    def _parts(
        self, rates: Sequence[float], seeds: Sequence[int]
    ) -> list[tuple[list[Recipe], list[int]]]:
        """Members that fit beside each other."""
        middle = design.grid(self.recipe, 1)[0]
        recipes = [replace(self.recipe, middle | {LR: rate}) for rate in rates]
        width = at_once(self.recipe, self.machine, None, len(recipes))
        width = room(self.prepared, recipes, seeds, self.machine).width(width)
        firsts = range(0, len(recipes), width)
        return [(recipes[i : i + width], list(seeds[i : i + width])) for i in firsts]

    def _cohort(
        self, recipes: Sequence[Recipe], seeds: Sequence[int], steps: Sequence[int]
    ) -> Cohort:
        return cohort_of(self.prepared, recipes, seeds, steps, self.machine)


def _stream(seed: int) -> int:
    """The seed of a member's random numbers: the same for every rate."""
    return key(seed, "rates") & (2**63 - 1)
