from __future__ import annotations

from typing import Any

import pytest
import torch

from methodic import build
from methodic.engine.parts import Stage
from methodic.errors import InputError
from methodic.models.mlp import Inputs
from methodic.recipes.types import Recipe
from methodic.regularizers.averaging import SWA
from methodic.regularizers.corruption import Cutout, InputNoise, LabelNoise
from methodic.regularizers.mixing import CutMix, Mixup
from methodic.regularizers.selection import Group, GroupLasso

TABLE = Inputs(numeric=4, categorical=2, codes=9)
IMAGES = Inputs(array=48, shape=(3, 4, 4))
MLP = {"kind": "mlp", "width": 8, "depth": 1, "embedding": 3}


def recipe(*regularizers: dict[str, Any], **stage: Any) -> Recipe:
    whole = {"regularizers": list(regularizers), "objectives": [{"kind": "cross_entropy"}], **stage}
    return Recipe.model_validate({"name": "a", "model": MLP, "stages": [whole]})


def built(*regularizers: dict[str, Any], inputs: Inputs = TABLE, steps: int = 40) -> Stage:
    return build.cohort(
        [recipe(*regularizers)],
        [0],
        steps=[steps],
        inputs=inputs,
        outputs=3,
        rows=50,
        class_counts=torch.tensor([10, 15, 25]),
    ).stages[0]


def test_parts_keep_the_recipes_order() -> None:
    kinds = ["label_noise", "cutmix", "input_noise", "cutout"]
    stage = built(*({"kind": kind} for kind in kinds))
    assert [type(each) for each in stage.mixing] == [LabelNoise, CutMix, InputNoise, Cutout]
    assert [each.path for each in stage.mixing] == [f"stages.0.regularizers.{i}" for i in range(4)]


@pytest.mark.parametrize(
    "off",
    [
        {"kind": "l1", "weight": 0},
        {"kind": "elastic_net", "weight": 0},
        {"kind": "proximal_elastic_net", "weight": 0},
        {"kind": "group_lasso", "weight": 0},
        {"kind": "mixup", "alpha": 0},
        {"kind": "cutmix", "alpha": 0},
        {"kind": "cutout", "share": 0},
        {"kind": "input_noise", "deviation": 0},
        {"kind": "label_noise", "amount": 0},
        {"kind": "gradient_noise", "eta": 0},
        {"kind": "sam", "rho": 0},
    ],
)
def test_what_has_no_strength_is_not_built(off: dict[str, Any]) -> None:
    stage, plain = built(off), built()
    for field in ("average", "mixing", "sharpness", "gradient_noise"):
        assert getattr(stage, field) == getattr(plain, field)
    assert stage.turns[0].penalties == stage.turns[0].proximal == ()


def test_columns_and_images() -> None:
    (mixup,), (cutmix,) = built({"kind": "mixup"}).mixing, built({"kind": "cutmix"}).mixing
    assert mixup == Mixup("stages.0.regularizers.0", 2)
    assert cutmix == CutMix("stages.0.regularizers.0", {"numeric": 4, "categorical": 2})
    for kind in ("cutmix", "cutout"):
        (part,) = built({"kind": kind}, inputs=IMAGES).mixing
        assert part.shape == (3, 4, 4)  # type: ignore[attr-defined]
        assert part.columns == {}  # type: ignore[attr-defined]
        (part,) = built({"kind": kind}, inputs=Inputs(array=48)).mixing
        assert part.shape is None  # type: ignore[attr-defined]
        assert part.columns == {"array": 48}  # type: ignore[attr-defined]


def test_swa_starts_at_its_share_of_the_stage() -> None:
    assert built({"kind": "swa", "start": 0.75}).average == SWA(30, 1)
    assert built({"kind": "swa", "start": 0.99, "every": 7}, steps=3).average == SWA(2, 7)


def test_group_lasso_knows_which_rows_belong_to_an_input() -> None:
    (lasso,) = built({"kind": "group_lasso"}).turns[0].proximal
    at = "stages.0.regularizers.0"
    groups = (Group(0, 4), Group(4, 2, 3))
    assert lasso == GroupLasso(at, ("hidden.0.weight",), groups)
    still = [{"parameters": ["encoder"], "factor": 0}]
    with pytest.raises(InputError, match="belong to single inputs"):
        build.cohort(
            [recipe({"kind": "group_lasso"}, parameters=["head"], rates=still)],
            [0],
            steps=[3],
            inputs=TABLE,
            outputs=3,
            rows=50,
        )


def test_max_norm_leaves_embeddings_alone() -> None:
    (bound,) = built({"kind": "max_norm"}).turns[0].proximal
    assert bound.names == ("hidden.0.weight", "head.weight")  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["cutout", "input_noise"])
def test_noise_on_numbers_needs_numbers(kind: str) -> None:
    with pytest.raises(InputError, match=f"{kind} changes numbers") as found:
        built({"kind": kind}, inputs=Inputs(categorical=2, codes=9))
    assert "stages.0.regularizers.0" in str(found.value)


@pytest.mark.parametrize(
    ("several", "words"),
    [
        (("ema", "swa"), "average of weights"),
        (("swa", "swa"), "average of weights"),
        (("mixup", "cutmix"), "part that mixes rows"),
        (("sam", "sam"), "SAM"),
        (("gradient_noise", "gradient_noise"), "noise on gradients"),
    ],
)
def test_what_excludes_each_other(several: tuple[str, ...], words: str) -> None:
    chosen = recipe(*({"kind": kind} for kind in several))
    with pytest.raises(InputError, match=f"a stage has one {words}") as found:
        build.resolve(chosen, "multiclass", 50)
    assert " and ".join(several) in str(found.value)


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixed_rows_and_a_ranking_loss(kind: str) -> None:
    ranking = [{"kind": "cross_entropy"}, {"kind": "pairwise_ranking"}]
    with pytest.raises(InputError, match="a ranking loss compares one target") as found:
        build.resolve(recipe({"kind": kind}, objectives=ranking), "binary", 50)
    text = str(found.value)
    assert f"{kind} with pairwise_ranking at stages.0.turns.0.objectives.1" in text
    assert "input_noise, cutout and label_noise" in text
    off = [ranking[0], {"kind": "pairwise_ranking", "weight": 0}]
    build.resolve(recipe({"kind": kind}, objectives=off), "binary", 50)
    build.resolve(recipe({"kind": kind, "alpha": 0}, objectives=ranking), "binary", 50)
    build.resolve(recipe({"kind": "cutout"}, objectives=ranking), "binary", 50)


def test_rows_without_targets_and_what_changes_targets() -> None:
    for kind in ("mixup", "cutmix", "label_noise"):
        chosen = recipe({"kind": kind}, rows="all", objectives=[{"kind": "vicreg"}])
        with pytest.raises(InputError, match=f"{kind} changes targets") as found:
            build.resolve(chosen, "multiclass", 50)
        assert str(found.value).startswith("stages.0: ")
        assert "swap" in str(found.value.accepted)
    for kind in ("swap", "input_noise", "cutout"):
        chosen = recipe({"kind": kind}, rows="all", objectives=[{"kind": "vicreg"}])
        build.resolve(chosen, "multiclass", 50)
    off = recipe({"kind": "mixup", "alpha": 0}, rows="all", objectives=[{"kind": "vicreg"}])
    build.resolve(off, "multiclass", 50)


@pytest.mark.parametrize("kind", ["supervised_contrastive", "distillation"])
def test_mixed_rows_and_what_is_about_whole_ones(kind: str) -> None:
    chosen = recipe({"kind": "mixup"}, objectives=[{"kind": "cross_entropy"}, {"kind": kind}])
    with pytest.raises(InputError, match="mixup gives each row two targets") as found:
        build.resolve(chosen, "multiclass", 50)
    assert f"mixup with {kind}" in str(found.value.found)
    fine = recipe({"kind": "mixup"}, objectives=[{"kind": "cross_entropy"}, {"kind": "vicreg"}])
    build.resolve(fine, "multiclass", 50)


def test_a_teacher_of_rows_beside_a_mixed_batch() -> None:
    both = [{"kind": "cross_entropy"}, {"kind": "distillation"}]
    build.resolve(recipe({"kind": "mixup"}, objectives=both, unlabelled=32), "multiclass", 50)
