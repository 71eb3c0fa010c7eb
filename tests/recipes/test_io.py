from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.errors import InputError
from methodic.recipes import io
from methodic.recipes.types import SGD, Recipe

QUICK = settings(deadline=None, max_examples=80)


@QUICK
@given(st.data())
def test_yaml_both_ways(recipes: Any, data: st.DataObject) -> None:
    recipe = data.draw(recipes)
    assert io.from_yaml(io.to_yaml(recipe), "text") == recipe
    assert io.from_yaml(io.to_yaml(recipe, defaults=False), "text") == recipe


@QUICK
@given(st.data())
def test_fingerprints_tell_methods_apart_and_ignore_the_header(
    recipes: Any, data: st.DataObject
) -> None:
    a, b = data.draw(recipes), data.draw(recipes)
    header = {"about", "source", "use_when", "not_when"}
    same = a.model_dump(exclude=header) == b.model_dump(exclude=header)
    assert (io.fingerprint(a) == io.fingerprint(b)) == same
    assert io.fingerprint(a.model_copy(update=dict.fromkeys(header, "other"))) == io.fingerprint(a)
    assert io.fingerprint(a.model_copy(update={"name": "other"})) != io.fingerprint(a)


def test_yaml_reads_well() -> None:
    text = """\
name: mine
stages:
- batch: 64
  optimizer:
    kind: adam
    lr: {log_uniform: [0.0001, 0.01]}
  clip: {norm: 1.0}
  regularizers:
  - {kind: ema}
stop: {patience: 5}
"""
    recipe = io.from_yaml(text, "text")
    assert io.to_yaml(recipe, defaults=False) == text
    complete = io.to_yaml(recipe)
    assert "decay: 0.999" in complete
    order = [line.split(":")[0] for line in complete.splitlines() if line[0].isalpha()]
    assert [*order, "open"] == list(Recipe.model_fields)  # whose ranges stand in place


@pytest.mark.parametrize("number", ["1e-3", "1.0e-3", "0.001", "1E-3", ".001", "+1e-3"])
def test_numbers_as_people_write_them(number: str) -> None:
    recipe = io.from_yaml(f"{{name: a, stages: [{{optimizer: {{kind: sgd, lr: {number}}}}}]}}", "a")
    optimizer = recipe.stages[0].turns[0].optimizer
    assert isinstance(optimizer, SGD)
    assert optimizer.lr == 0.001


def test_words_stay_words() -> None:
    recipe = io.from_yaml("{name: no, about: 2020-01-01, stages: [{name: off}]}", "a")
    assert (recipe.name, recipe.about, recipe.stages[0].name) == ("no", "2020-01-01", "off")


BOMB = "a: &a [x, x]\n" + "\n".join(
    f"{x}: &{x} [{', '.join(['*' + y] * 10)}]" for x, y in zip("bcdefghi", "abcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "problem", "found"),
    [
        ("name: !!python/object/apply:os.system [ls]", "a.yaml, line 1: tags aren't read",
         "tag:yaml.org,2002:python/object/apply:os.system"),
        ("name: a\nabout: !!str 5", "a.yaml, line 2: tags aren't read", "tag:yaml.org,2002:str"),
        (BOMB, "a.yaml, line 2: aliases aren't read", "*a"),
        ("name: a\n\nname: b", "a.yaml, line 3: the field 'name' stands here a second time", None),
        ("stages: [{batch: 1, batch: 2}]",
         "a.yaml, line 1: the field 'batch' stands here a second time", None),
        ("[" * 10_000, "a.yaml, line 1: nested too deeply", None),
        ("name: a\n---\nname: b", "a.yaml, line 2: a second document", None),
        ("name: [a", "a.yaml, line 1: not YAML", "expected ',' or ']', but got '<stream end>'"),
        ("name: a\n\tb: 1", "a.yaml, line 2: not YAML",
         "found character '\\t' that cannot start any token"),
        ("name: \x00", "a.yaml: not YAML", "special characters are not allowed"),
        ("? [a]\n: b", "a.yaml, line 1: a field's name must be one word", None),
        ("", "a.yaml: empty", None),
        ("# only a comment", "a.yaml: empty", None),
        ("just words", "a.yaml: this can't be used", "'just words'"),
        ("{name: a, stages: [{batch: 99999999999999999999}]}",
         "a.yaml: stages.0.batch: this can't be used", "1e+20"),
        ("{name: a, stages: [{optimizer: {kind: sgd, lr: .nan}}]}",
         "a.yaml: stages.0.optimizer.lr: this can't be used", "nan"),
        ("{name: a, stages: [{optimizer: {kind: sgd, lr: " + "9" * 5000 + "}}]}",
         "a.yaml: stages.0.optimizer.lr: this can't be used", "inf"),
    ],
)  # fmt: skip
def test_refused(text: str, problem: str, found: str | None) -> None:
    with pytest.raises(InputError) as caught:
        io.from_yaml(text, "a.yaml")
    assert caught.value.problem == problem
    assert caught.value.found == found


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=60) | st.text("{}[]:,-&*!|>'\"#%@ \n\tab01~?", max_size=60))
def test_no_text_ends_in_anything_but_an_answer(text: str) -> None:
    with pytest.raises(InputError):
        io.from_yaml(text, "a.yaml")


def test_read_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(InputError, match="no such recipe file"):
        io.read(path)
    path.write_bytes(b"name: \xff")
    with pytest.raises(InputError, match=r"mine\.yaml: not a text file"):
        io.read(path)
    path.write_text("name: a\nstages: [{}]\n# " + "x" * io.LIMIT)
    with pytest.raises(InputError, match=r"mine\.yaml: too long for a recipe"):
        io.read(path)
    with pytest.raises(InputError, match="can't be read"):
        io.read(tmp_path)
    path.write_text("name: a\nstages: [{}]\n")
    assert io.read(path).name == "a"


def test_a_fingerprint_knows_ranges_of_structure() -> None:
    data = {"name": "a", "stages": [{"batch": 32}]}
    space = {"name": "a", "stages": [{"batch": {"choice": [32, 64]}}]}
    prints = {io.fingerprint(io.from_data(each, "a")) for each in (data, space)}
    assert len(prints) == 2
