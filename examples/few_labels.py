"""Sixty digits have a class, twelve hundred don't: what are these worth?

One method that learns from labelled rows alone, one that adds a loss without targets to each step,
and one of your own, written as a recipe: contrast first, then a smaller rate for the encoder.

Run: python examples/few_labels.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import methodic as mt

STEPS = 300

MINE = """
name: contrast_then_head
about: Contrastive pretraining on every row; then the head, with the encoder at a tenth of its rate.
model: {kind: mlp, width: 128, depth: 2}
stages:
  - name: pretrain
    share: 0.6
    rows: all
    batch: 256
    objectives: [{kind: scarf, corruption: 0.4}]
    optimizer: {kind: adamw, lr: 0.002}
  - name: fine-tune
    share: 0.4
    batch: 32
    objectives: [{kind: supervised}]
    rates: [{parameters: [encoder], factor: 0.1}]
    optimizer: {kind: adamw, lr: 0.003}
"""


def main(folder: Path) -> dict[str, float]:
    """Accuracy on test rows, by method; everything lands in ``folder``."""
    mine = folder / "contrast_then_head.yaml"
    mine.write_text(MINE)
    data = mt.load("digits", labels=60)
    found = {}
    for recipe in ("adamw_cosine", "joint_vicreg", mine):
        run = mt.train_method(data, recipe, steps=STEPS, out=folder / Path(recipe).stem)
        row = next(row for row in run.leaderboard.rows if row.kind == "method")
        assert row.test is not None
        found[row.name] = row.test.mean
        print(f"{row.name:20s} {row.test.mean:.1%} of the test rows")
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
