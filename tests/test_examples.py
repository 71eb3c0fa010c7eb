"""The examples run, and the engine does what the plain loop does."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from sklearn.datasets import load_digits

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.step import Seen
from methodic.models.mlp import Inputs
from methodic.recipes.types import MLP, AdamW, Cosine, CrossEntropy, Recipe, Stage, Turn

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def engine_losses(plain: ModuleType, rate: float) -> list[float]:
    recipe = Recipe(
        name="plain",
        model=MLP(width=plain.WIDTH, depth=1),
        stages=(
            Stage(
                batch=plain.BATCH,
                turns=(
                    Turn(
                        objectives=(CrossEntropy(label_smoothing=plain.SMOOTHING),),
                        optimizer=AdamW(lr=rate, weight_decay=plain.WEIGHT_DECAY),
                        schedule=Cosine(),
                    ),
                ),
            ),
        ),
    )
    inputs, target = load_digits(return_X_y=True)
    rows = Rows({"numeric": torch.tensor(inputs, dtype=torch.float32) / 16.0}, torch.tensor(target))
    cohort = build.cohort(
        [recipe],
        [plain.SEED],
        steps=[plain.STEPS],
        inputs=Inputs(numeric=64),
        outputs=10,
        rows=len(rows),
    )
    state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
    seen: list[Seen] = []
    loop.advance(cohort, cohort.stages[0], state, rows, plain.STEPS, seen.append)
    return [each.loss.item() for each in seen]


def test_the_engine_has_the_losses_of_the_plain_loop() -> None:
    plain = load("minimal_loop")
    losses = plain.main()
    assert losses[-1] < 0.6 < losses[0]
    assert engine_losses(plain, plain.RATE) == pytest.approx(losses, rel=2e-4)
    assert engine_losses(plain, plain.RATE * 1.01) != pytest.approx(losses, rel=2e-4)


def test_the_plain_loop_stands_alone_and_short() -> None:
    text = (EXAMPLES / "minimal_loop.py").read_text()
    assert "import methodic" not in text
    assert "from methodic" not in text
    assert len(text.splitlines()) <= 150


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_examples_run(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_few_labels(tmp_path: Path) -> None:
    """Rows without a class are worth something here, in both ways."""
    module = load("few_labels")
    module.STEPS = 120
    found = module.main(tmp_path)
    assert set(found) == {"adamw_cosine", "joint_vicreg", "contrast_then_head"}
    assert min(found.values()) > 0.6
    assert found["joint_vicreg"] > found["adamw_cosine"] - 0.02
