"""Damaged bundles, with and without a manifest that goes along: a result or one clear error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from methodic.files import file_hash
from tests.fuzz import damage
from tests.fuzz.bounded import Bounded
from tests.fuzz.conftest import many, some

ROWS = 40
FILES = ("bundle.json", "weights.safetensors", "card.md", "card.json", "manifest.json")
FRAME = pl.DataFrame(
    {
        "size": [i % 7 + 0.5 for i in range(ROWS)],
        "when": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(ROWS)],
        "kind": [("red", "green", None)[i % 3] for i in range(ROWS)],
        "y": [("no", "yes")[i % 2] for i in range(ROWS)],
    }
)


class Damage(NamedTuple):
    """What happens to one of the files: to its bytes, or to values in its JSON."""

    name: str
    edits: list[tuple[int, float, float]]
    values: list[tuple[float, Any]]
    sealed: bool  # the manifest has the new hash

    def apply(self, folder: Path) -> None:
        """Damage the file."""
        file = folder / self.name
        content = file.read_bytes()
        if self.name.endswith(".json"):
            document = damage.replaced(json.loads(content), self.values)
            content = json.dumps(document).encode()
        elif self.name.endswith(".safetensors") and self.values:
            content = _other_header(content, self.values)
        file.write_bytes(damage.damaged(content, self.edits))
        if self.sealed and self.name != "manifest.json":
            manifest = json.loads((folder / "manifest.json").read_text())
            manifest["files"][self.name] = file_hash(file)
            (folder / "manifest.json").write_text(json.dumps(manifest))


def _other_header(content: bytes, values: list[tuple[float, Any]]) -> bytes:
    length = int.from_bytes(content[:8], "little")
    header = damage.replaced(json.loads(content[8 : 8 + length]), values)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def damages() -> st.SearchStrategy[Damage]:
    some_values = st.one_of(st.just([]), damage.json_edits())
    return st.builds(
        Damage,
        # The document has most to say, so it has most to get wrong.
        st.sampled_from((*FILES, "bundle.json", "bundle.json", "weights.safetensors")),
        damage.bytes_edits(most=1),
        some_values,
        st.sampled_from([True, True, True, False]),
    )


@pytest.fixture(scope="module")
def model(place: Path, command: Bounded) -> Path:
    """A good bundle, and the rows that it predicts."""
    FRAME.write_csv(place / "rows.csv")
    recipe, out = str(place / "small.yaml"), str(place / "run")
    good = ["train", str(place / "rows.csv"), "--target", "y", "--recipe", recipe]
    command.warm([*good, "--steps", "2", "--out", out, "--quiet"])
    return place / "run" / "model"


def check(place: Path, model: Path, command: Bounded, harm: Damage) -> None:
    """Predict and evaluate by a damaged bundle."""
    folder = place / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(model, folder)
    harm.apply(folder)
    out = place / "out.csv"
    out.unlink(missing_ok=True)
    answer = command.ended(["predict", str(folder), str(place / "rows.csv"), "-o", str(out)])
    assert out.exists() == (answer.code == 0)
    if answer.code == 0:
        predicted = pl.read_csv(out)
        assert predicted.height == ROWS
        numbers = predicted.select(pl.selectors.float())
        assert all(column.is_finite().all() for column in numbers), "NaN is no prediction"
    command.ended(["evaluate", str(folder), str(place / "rows.csv")])


@some(15)
@given(harm=damages())
def test_some(place: Path, model: Path, command: Bounded, harm: Damage) -> None:
    check(place, model, command, harm)


@pytest.mark.heavy
@many(300)
@given(harm=damages())
def test_many(place: Path, model: Path, command: Bounded, harm: Damage) -> None:
    check(place, model, command, harm)


def test_the_whole_bundle_predicts(place: Path, model: Path, command: Bounded) -> None:
    """The damage is what is refused."""
    check(place, model, command, Damage("card.md", [], [], True))
    assert (place / "out.csv").exists()
