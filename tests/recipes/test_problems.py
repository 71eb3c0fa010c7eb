from __future__ import annotations

import math
from typing import Any, get_args

import pytest

from methodic.errors import InputError
from methodic.recipes import io
from methodic.recipes.types import Objective, Optimizer


def stage(**fields: Any) -> dict[str, Any]:
    return {"name": "a", "stages": [fields]}


def sgd(**fields: Any) -> dict[str, Any]:
    return stage(optimizer={"kind": "sgd", **fields})


def recipe(**fields: Any) -> dict[str, Any]:
    return {"name": "a", "stages": [{}], **fields}


SGD = "lr, momentum, nesterov, dampening, weight_decay, decays"
ADAM = "lr, beta1, beta2, epsilon, amsgrad, weight_decay, decays"
STAGE = (
    "name, share, rows, batch, unlabelled, alternate, fresh, turns, regularizers, objectives, "
    "weights, parameters, rates, layer_decay, repeat, optimizer, schedule, clip, drives"
)
ROOT = "name, about, source, use_when, not_when, model, stages, stop"
KINDS = [each.model_fields["kind"].default for each in get_args(get_args(Optimizer)[0])]
LOSSES = [each.model_fields["kind"].default for each in get_args(get_args(Objective)[0])]

# what was written → the whole message, line by line
TABLE: dict[str, tuple[Any, list[str]]] = {
    "misspelt field": (sgd(momentun=0.9), [
        "a.yaml: stages.0.optimizer: unknown field 'momentun' in optimizer sgd",
        "found: 0.9", f"accepted: {SGD}", "do: Did you mean 'momentum'?"]),
    "field of another kind": (stage(optimizer={"kind": "adam", "momentum": 0.9}), [
        "a.yaml: stages.0.optimizer: unknown field 'momentum' in optimizer adam",
        "found: 0.9", f"accepted: {ADAM}",
        "do: 'momentum' is a field of sgd, rmsprop, schedule_free_sgd, muon, not of adam."]),
    "field of another part": (stage(dropout=0.1), [
        "a.yaml: stages.0: unknown field 'dropout' in stage",
        "found: 0.1", f"accepted: {STAGE}",
        "do: 'dropout' is a field of model (mlp, realmlp, tabm, ft_transformer, cnn)."]),
    "field one level too high": (stage(lr=0.1), [
        "a.yaml: stages.0: unknown field 'lr' in stage",
        "found: 0.1", f"accepted: {STAGE}",
        "do: 'lr' is a field of optimizer (sgd, rmsprop, adam, adamw, adagrad, …)."]),
    "field one level too low": (stage(stop={"patience": 3}), [
        "a.yaml: stages.0: unknown field 'stop' in stage",
        "found: {'patience': 3}", f"accepted: {STAGE}",
        "do: 'stop' is a field of the recipe."]),
    "nonsense": (sgd(zzz=1), [
        "a.yaml: stages.0.optimizer: unknown field 'zzz' in optimizer sgd",
        "found: 1", f"accepted: {SGD}"]),
    "misspelt and so missing": ({"nmae": "a", "stages": [{}]}, [
        "a.yaml: unknown field 'nmae' in the recipe",
        "found: 'a'", f"accepted: {ROOT}", "do: Did you mean 'name'?"]),
    "in turns, when written so": (
        stage(turns=[{}, {"optimizer": {"kind": "sgd", "momentun": 0.9}}]), [
        "a.yaml: stages.0.turns.1.optimizer: unknown field 'momentun' in optimizer sgd",
        "found: 0.9", f"accepted: {SGD}", "do: Did you mean 'momentum'?"]),
    "field of a part without kinds": (stage(clip={"nrom": 1}), [
        "a.yaml: stages.0.clip: unknown field 'nrom' in clip",
        "found: 1", "accepted: norm, value, adaptive", "do: Did you mean 'norm'?"]),
    "unknown kind": (stage(optimizer={"kind": "adamm"}), [
        "a.yaml: stages.0.optimizer: there is no optimizer 'adamm'",
        f"accepted: {', '.join(KINDS[:20])}, … ({len(KINDS)} in all)", "do: Did you mean 'adam'?"]),
    "unknown kind in a list": (stage(objectives=[{"kind": "cross_entropi"}]), [
        "a.yaml: stages.0.objectives.0: there is no objective 'cross_entropi'",
        f"accepted: {', '.join(LOSSES[:20])}, … ({len(LOSSES)} in all)",
        "do: Did you mean 'cross_entropy'?"]),
    "no kind": (stage(optimizer={"lr": 0.1}), [
        "a.yaml: stages.0.optimizer: the optimizer's 'kind' is missing",
        "found: {'lr': 0.1}", f"accepted: {', '.join(KINDS)}"]),
    "a kind alone": (stage(optimizer="adam"), [
        "a.yaml: stages.0.optimizer: the optimizer's 'kind' is missing",
        "found: 'adam'", f"accepted: {', '.join(KINDS)}", "do: Write {kind: adam}."]),
    "text for a number": (sgd(lr="fast"), [
        "a.yaml: stages.0.optimizer.lr: this can't be used",
        "found: 'fast'", "accepted: a number"]),
    "number in quotes": (sgd(lr="0.1"), [
        "a.yaml: stages.0.optimizer.lr: this can't be used",
        "found: '0.1'", "accepted: a number, without quotes"]),
    "true for a number": (sgd(lr=True), [
        "a.yaml: stages.0.optimizer.lr: this can't be used",
        "found: True", "accepted: a number, without quotes"]),
    "number for true": (sgd(momentum=0.9, nesterov=1), [
        "a.yaml: stages.0.optimizer.nesterov: this can't be used",
        "found: 1", "accepted: true or false"]),
    "list for a number": (sgd(lr=[0.1]), [
        "a.yaml: stages.0.optimizer.lr: this can't be used",
        "found: [0.1]", "accepted: a number"]),
    "nan": (sgd(lr=math.nan), [
        "a.yaml: stages.0.optimizer.lr: this can't be used",
        "found: nan", "accepted: a finite number"]),
    "limit of a number": (sgd(lr=-1), [
        "a.yaml: stages.0.optimizer.lr: must be > 0", "found: -1.0"]),
    "limit of a range": (sgd(momentum={"uniform": [0.5, 1]}), [
        "a.yaml: stages.0.optimizer.momentum: must be < 1", "found: 1.0"]),
    "range the wrong way round": (sgd(lr={"log_uniform": [1, 0.1]}), [
        "a.yaml: stages.0.optimizer.lr: log_uniform needs 0 < low < high", "found: [1.0, 0.1]"]),
    "range with one end": (sgd(lr={"log_uniform": [1]}), [
        "a.yaml: stages.0.optimizer.lr.log_uniform: needs two numbers",
        "found: [1]", "accepted: [low, high]"]),
    "misspelt range": (sgd(lr={"log_unifrm": [1, 2]}), [
        "a.yaml: stages.0.optimizer.lr: there is no range 'log_unifrm'",
        "found: {'log_unifrm': [1, 2]}",
        "accepted: a number, {log_uniform: [low, high]}, {uniform: [low, high]} or "
        "{choice: [a, b, …]}",
        "do: Did you mean 'log_uniform'?"]),
    "one of two types": (stage(batch="fuul"), [
        "a.yaml: stages.0.batch: this can't be used",
        "found: 'fuul'", "accepted: a whole number or 'full'"]),
    "limit of one of two types": (stage(batch=0), [
        "a.yaml: stages.0.batch: this can't be used",
        "found: 0", "accepted: a number ≥ 1 or 'full'"]),
    "misspelt word": (recipe(stop={"keep": "bets"}), [
        "a.yaml: stop.keep: this can't be used",
        "found: 'bets'", "accepted: 'best' or 'last'", "do: Did you mean 'best'?"]),
    "half a step": (recipe(stop={"patience": 2.5}), [
        "a.yaml: stop.patience: this can't be used",
        "found: 2.5", "accepted: a whole number"]),
    "impossible together": (sgd(nesterov=True), [
        "a.yaml: stages.0.optimizer: nesterov needs a momentum above 0", "found: 0"]),
    "turns and a turn's fields": (stage(turns=[{}], optimizer={"kind": "sgd"}), [
        "a.yaml: stages.0: write optimizer inside a turn, or leave 'turns' out; not both"]),
    "shares": (stage(share=0.5), [
        "a.yaml: the shares of the stages must add up to 1", "found: 0.5"]),
    "one name twice": ({"name": "a", "stages": [{"share": 0.5}, {"share": 0.5}]}, [
        "a.yaml: stages need different names", "found: train, train"]),
    "no objective": (stage(objectives=[]), [
        "a.yaml: stages.0.objectives: this can't be used",
        "found: []", "accepted: at least one entry"]),
    "no stages": ({"name": "a"}, ["a.yaml: the field 'stages' is missing in the recipe"]),
    "empty stages": ({"name": "a", "stages": []}, [
        "a.yaml: stages: this can't be used", "found: []", "accepted: at least one entry"]),
    "stages of another kind": ({"name": "a", "stages": 5}, [
        "a.yaml: stages: this can't be used", "found: 5", "accepted: a list"]),
    "null stage": ({"name": "a", "stages": [None]}, [
        "a.yaml: stages.0: this can't be used", "found: None", "accepted: a mapping of fields"]),
    "bad name": ({"name": "A b", "stages": [{}]}, [
        "a.yaml: name: this can't be used", "found: 'A b'",
        "accepted: lower-case letters, digits, '_', '.' and '-', a letter or digit first"]),
    "number for a name": ({"name": 5, "stages": [{}]}, [
        "a.yaml: name: this can't be used", "found: 5",
        "accepted: text (in quotes, where it reads like a number)"]),
    "no mapping": ([1], [
        "a.yaml: this can't be used", "found: [1]", "accepted: a mapping of fields"]),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_one_message_in_the_words_of_the_file(case: str) -> None:
    data, lines = TABLE[case]
    with pytest.raises(InputError) as caught:
        io.from_data(data, "a.yaml")
    assert [line.strip() for line in str(caught.value).splitlines()] == lines


@pytest.mark.parametrize("case", TABLE)
def test_nothing_of_the_machinery_shows(case: str) -> None:
    with pytest.raises(InputError) as caught:
        io.from_data(TABLE[case][0], "a.yaml")
    text = str(caught.value)
    for word in ("pydantic", "Tuple", "Input should", "Value error", "validation", "turns.0"):
        assert word not in text
    assert caught.value.__context__ is None or caught.value.__suppress_context__
