from __future__ import annotations

import json
from pathlib import Path

import pytest

from methodic.commands.library import recipes_command
from methodic.errors import InputError
from methodic.recipes import catalogue, io, spaces


def test_a_space_is_a_recipe_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recipes_command("tabm", space=True)
    printed = capsys.readouterr().out
    assert printed.startswith("# All that can be searched for in tabm: ")
    assert "--search lr,weight_decay," in printed
    space = io.from_yaml(printed, "printed")
    assert space == spaces.searched(catalogue.get("tabm"), ["all"])
    assert "model: {kind: mlp" not in printed
    path = tmp_path / "mine.yaml"
    path.write_text(printed)
    recipes_command(str(path), space=True)
    assert io.from_yaml(capsys.readouterr().out, "printed") == space


def test_who_lets_the_data_choose_learns_how_to_search_the_network(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipes_command("adam", space=True)
    assert "# model: {kind: mlp, width: {choice: [64, 128, 256]}" in capsys.readouterr().out


def test_a_space_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    recipes_command("tabm", space=True, json=True)
    found = json.loads(capsys.readouterr().out)
    space = io.from_data(found["recipe"], "json")
    assert space == spaces.searched(catalogue.get("tabm"), ["all"])
    assert [each["path"] for each in found["dimensions"]] == [
        each.path for each in spaces.dimensions(space)
    ]
    assert "width" in found["fields"]
    assert any(each["given"] for each in found["dimensions"])


def test_a_space_is_one_method_s() -> None:
    with pytest.raises(InputError, match="one method"):
        recipes_command(space=True)
