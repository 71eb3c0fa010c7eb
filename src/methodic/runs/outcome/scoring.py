"""Scores on test rows, out of the predictions that were made once and stored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from methodic.evidence import predictions
from methodic.evidence.numbers.bootstrap import over_rows
from methodic.evidence.numbers.statistics import Interval
from methodic.files import read_json, write_json
from methodic.metrics import get_metric
from methodic.metrics.weighing import Array
from methodic.plan import BaselineRecord, Plan, UnitRecord
from methodic.runs import paths
from methodic.runs.rows.preparation import Prepared, load, place

SCORES = "scores.json"
"""In RUN/records: name → [seed, test score]; a score that isn't finite is null."""

Scores = dict[str, list[tuple[int, float]]]


def write_scores(folder: Path, scores: Mapping[str, Iterable[tuple[int, float]]]) -> None:
    """Keep the test scores of each finalist and baseline, for comparisons with other runs."""
    finite = {
        name: [[seed, x if math.isfinite(x) else None] for seed, x in pairs]
        for name, pairs in scores.items()
    }
    write_json(folder / "records" / SCORES, finite)


class Scoring:
    """The test rows of a run that is going on, and what was predicted for them.

    Args:
        folder: the run's; RUN/work holds the rows of all splits.
        plan: frozen.
        prepared: the rows of the run's own split.
    """

    def __init__(self, folder: Path, plan: Plan, prepared: Prepared) -> None:
        self.folder = folder
        self.plan = plan
        self.prepared = prepared
        self.metric = get_metric(plan.metric, plan.data.task)

    def split(self, number: int) -> Prepared:
        """The rows of a split; 0 is the run's own."""
        return load(place(self.folder / paths.WORK, number)) if number else self.prepared

    def baselines(self) -> list[BaselineRecord]:
        """Records of fitted baselines."""
        return [
            BaselineRecord.model_validate(read_json(path, "record"))
            for path in sorted((self.folder / "records").glob("baseline-*.json"))
        ]

    def test_scores(self, records: Sequence[UnitRecord]) -> Scores:
        """Finalist or baseline → (seed, score on test rows).

        The seed of a baseline is −1; in cross-validation, where it is fitted on each split, it is
        the one of the models that trained there.
        """
        scores: Scores = {}
        for record in records:
            values = self._scored(record.unit.id, record.unit.split)
            for member, value in zip(record.members, values, strict=True):
                broken = member.status == "diverged"
                pair = (member.member.seed, math.nan if broken else value)
                scores.setdefault(member.member.recipe, []).append(pair)
        done = {seed for pairs in scores.values() for seed, _ in pairs}
        confirm = self.plan.confirm
        crossed = confirm is not None and confirm.splits == "cv"
        seeds = () if confirm is None else confirm.seeds
        for baseline in self.baselines():
            seed = seeds[baseline.split - 1] if baseline.split else -1
            if crossed and seed not in done:
                continue
            name = paths.baseline_name(baseline.kind, baseline.split)
            value = self._scored(name, baseline.split)[0]
            scores.setdefault(baseline.kind, []).append((seed, value))
        return scores

    def over_rows(self, records: Sequence[UnitRecord]) -> dict[str, Interval]:
        """Finalist or baseline → mean test score, with its interval over other test rows.

        Nothing in cross-validation, whose splits have test rows of their own.
        """
        found: dict[str, list[Array]] = {}
        for record in records:
            if record.unit.split:
                return {}
            made = self._predicted(record.unit.id)
            for member, each in zip(record.members, made, strict=True):
                if member.status != "diverged" and np.isfinite(each).all():
                    found.setdefault(member.member.recipe, []).append(each)
        for baseline in self.baselines():
            found[baseline.kind] = [*self._predicted(paths.baseline_name(baseline.kind))]
        truth, weights = self.prepared.truth["test"], self.prepared.weights("test")
        groups = self.prepared.groups.get("test")
        return {
            name: over_rows(self.metric, truth, np.stack(x), weights=weights, groups=groups)
            for name, x in found.items()
            if all(math.isfinite(self.metric.score(truth, each, weights)) for each in x)
        }

    def _scored(self, name: str, split: int) -> list[float]:
        prepared = self.split(split)
        truth, weights = prepared.truth["test"], prepared.weights("test")
        return [self.metric.score(truth, each, weights) for each in self._predicted(name)]

    def _predicted(self, name: str) -> Array:
        return predictions.read(paths.predictions_path(self.folder, name))
