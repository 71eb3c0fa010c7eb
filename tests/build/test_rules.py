"""What of an optimizer depends on the data is written out before it is built."""

from __future__ import annotations

import pytest

from methodic import build
from methodic.recipes import catalogue
from methodic.recipes.kinds.optimizers import IVON
from methodic.recipes.numbers import walk


@pytest.mark.parametrize(("asked", "rows", "told"), [(0.0, 1234, 1234.0), (50.0, 1234, 50.0)])
def test_ivon_counts_the_training_rows_unless_told_otherwise(
    asked: float, rows: int, told: float
) -> None:
    recipe = catalogue.get("ivon")
    (stage,) = recipe.stages
    (turn,) = stage.turns
    optimizer = turn.optimizer.model_copy(update={"ess": asked})
    turns = (turn.model_copy(update={"optimizer": optimizer}),)
    changed = recipe.model_copy(update={"stages": (stage.model_copy(update={"turns": turns}),)})
    resolved = build.resolve(changed, "binary", rows)
    found = resolved.stages[0].turns[0].optimizer
    assert isinstance(found, IVON)
    assert dict(walk(resolved))["stages.0.turns.0.optimizer.ess"] == found.ess == told
