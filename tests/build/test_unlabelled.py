"""Objectives without targets of recipes: every kind has its part, every field arrives."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import nn

from methodic import build
from methodic.build.objectives import TASKS, answers
from methodic.build.unlabelled import KINDS, with_views
from methodic.engine.parts import Cohort
from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.objectives.adversarial import Discriminator, Generator
from methodic.objectives.agreement import Consistency, Distillation, MeanTeacher, SelfLabelled
from methodic.objectives.contrast import SimCLR, SupervisedContrast
from methodic.objectives.decorrelation import BarlowTwins, VICReg
from methodic.objectives.foretelling import BYOL, SimSiam
from methodic.objectives.reconstruction import MaskedCells, MaskedPatches, Reconstruction
from methodic.plan import Task
from methodic.recipes.kinds import objectives as losses
from methodic.recipes.kinds import unlabelled as recipe
from methodic.recipes.types import Recipe
from methodic.regularizers.corruption import Swap

TABLE = Inputs(numeric=4, categorical=2, codes=7, sizes=(3, 4))
NUMBERS = Inputs(numeric=4)
IMAGES = Inputs(array=192, shape=(3, 8, 8), scaling=((0.5, 0.2),) * 3)
MLP = {"kind": "mlp", "width": 6, "depth": 1}
CNN = {"kind": "cnn", "channels": [4], "width": 6}
ENTROPY = {"kind": "cross_entropy"}
EMA = [{"kind": "ema"}]

PARTS: dict[type[Any], type[Any]] = {
    recipe.Reconstruction: Reconstruction,
    recipe.Masked: MaskedCells,
    recipe.SimCLR: SimCLR,
    recipe.Scarf: SimCLR,
    recipe.VICReg: VICReg,
    recipe.BarlowTwins: BarlowTwins,
    recipe.BYOL: BYOL,
    recipe.SimSiam: SimSiam,
    recipe.SupervisedContrastive: SupervisedContrast,
    recipe.PseudoLabels: SelfLabelled,
    recipe.FixMatch: SelfLabelled,
    recipe.Consistency: Consistency,
    recipe.MeanTeacher: MeanTeacher,
    recipe.Distillation: Distillation,
    recipe.Discriminator: Discriminator,
    recipe.Generator: Generator,
}
AGAINST = (recipe.Discriminator, recipe.Generator)
EVERY = [kind for kind in KINDS if kind not in AGAINST]


def made(
    *objectives: dict[str, Any],
    inputs: Inputs = NUMBERS,
    model: dict[str, Any] = MLP,
    task: Task = "multiclass",
    module: nn.Module | None = None,
    counts: torch.Tensor | None = None,
    **stage: Any,
) -> Cohort:
    stage = {"unlabelled": 8, "regularizers": EMA, **stage}
    if "turns" not in stage:
        loss = {"kind": "supervised"}
        stage["objectives"] = [loss, *objectives]
    raw = Recipe.model_validate({"name": "a", "model": model, "stages": [stage]})
    outputs = {"regression": 1, "binary": 2}.get(task, 3)
    resolved = build.resolve(raw, task, 50, inputs)
    return build.cohort(
        [resolved],
        [0],
        steps=[4],
        inputs=inputs,
        outputs=outputs,
        rows=50,
        every=80,
        class_counts=counts,
        module=module,
    )


def built(spec: dict[str, Any], **how: Any) -> Any:
    return made(spec, **how).stages[0].turns[0].objectives[1][0]


def adversaries(first: dict[str, Any], second: dict[str, Any], **how: Any) -> Cohort:
    turns = [{"objectives": [each]} for each in (first, second, {"kind": "supervised"})]
    return made(turns=turns, **how)


def test_every_kind_is_known() -> None:
    assert set(KINDS) == set(get_args(recipe.Unlabelled)) == set(PARTS)
    assert set(KINDS) < set(get_args(get_args(losses.Objective)[0]))


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("task", get_args(Task))
def test_every_kind_has_its_part(kind: type[Any], task: Task) -> None:
    spec = kind().model_dump()
    if task not in TASKS.get(spec["kind"], (task,)):
        with pytest.raises(InputError, match=f"doesn't fit a {task} task"):
            made(spec, task=task)
        return
    part = built(spec, task=task)
    assert type(part) is PARTS[kind]
    assert part.path == "stages.0.turns.0.objectives.1"
    assert part.owner == f"train.{spec['kind']}"
    assert part.beside == (kind is not recipe.SupervisedContrastive)
    assert not built(spec, task=task, unlabelled=0).beside
    if hasattr(part, "kind"):
        expected = {"regression": "numbers", "multilabel": "labels"}.get(task, "classes")
        assert part.kind == expected


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("inputs", [TABLE, NUMBERS, IMAGES])
def test_every_kind_for_all_data(kind: type[Any], inputs: Inputs) -> None:
    spec, model = kind().model_dump(), CNN if inputs is IMAGES else MLP
    if kind is recipe.Scarf and inputs is IMAGES:
        with pytest.raises(InputError, match="exchanges cells of tables") as caught:
            built(spec, inputs=inputs, model=model)
        assert caught.value.advice == "Choose simclr."
        return
    part = built(spec, inputs=inputs, model=model)
    wanted = MaskedPatches if kind is recipe.Masked and inputs is IMAGES else PARTS[kind]
    assert type(part) is wanted


def test_fields_arrive() -> None:
    views = [{"kind": "input_noise", "deviation": 0.3}, {"kind": "swap", "share": 0.2}]
    at = "stages.0.turns.0.objectives.1"
    simclr = built({"kind": "simclr", "projection": [7, 5], "views": views})
    assert simclr.projection == (7, 5)
    assert [each.path for each in simclr.first] == [f"{at}.views.0", f"{at}.views.1"]
    assert simclr.first == simclr.second
    assert simclr.parameters()["train.simclr.projector.1.weight"].shape == (7, 5)
    scarf = built({"kind": "scarf", "corruption": 0.3})
    assert scarf.first == ()
    assert scarf.second == (Swap(f"{at}/corruption", 4, f"{at}.corruption"),)
    numbers = made({"kind": "scarf", "corruption": 0.3, "temperature": 0.7}).numbers
    assert numbers[f"{at}.corruption"].tolist() == pytest.approx([0.3])
    assert numbers[f"{at}.temperature"].tolist() == pytest.approx([0.7])
    byol = built({"kind": "byol", "projection": [5], "predictor": [9]})
    assert [layer.outputs for layer in byol.predictor.layers] == [9, 5]
    back = built({"kind": "reconstruction", "decoder": [9], "latent": 3}, inputs=TABLE)
    assert (back.decoder, back.latent, back.cells.outputs) == ((9,), 3, 11)
    patches = built({"kind": "masked", "patch": 3}, inputs=IMAGES, model=CNN)
    assert (patches.patch, patches.shape) == (3, (3, 8, 8))
    fix = built({"kind": "fixmatch", "weak": [], "strong": views})
    assert (fix.weak, len(fix.strong)) == ((), 2)
    game = adversaries(
        *({"kind": k, "latent": 5, "generator": [6], "hidden": [4]} for k in
          ("discriminator", "generator"))
    )  # fmt: skip
    one, other = (turn.objectives[0][0] for turn in game.stages[0].turns[:2])
    assert one.latent == other.latent == 5  # type: ignore[attr-defined]
    names = [n for n in game.layout.names if n.startswith("train.adversary")]
    assert len(names) == 3 + 4, "the generator's hidden units are standardised, so without a bias"


def test_fixmatch_knows_the_shares_of_classes() -> None:
    counts = torch.tensor([30, 15, 5])
    assert built({"kind": "fixmatch"}, counts=counts).shares == pytest.approx((0.6, 0.3, 0.1))
    missing = built({"kind": "fixmatch"}, counts=torch.tensor([30, 20, 0])).shares
    assert missing == pytest.approx((30 / 51, 20 / 51, 1 / 51)), "no share is 0"
    assert built({"kind": "fixmatch"}).shares == ()
    assert built({"kind": "pseudo_labels"}, counts=counts).shares == ()


def test_views_without_any_strength_are_not_there() -> None:
    off = [{"kind": "swap", "share": 0}, {"kind": "input_noise", "deviation": 0}]
    part = built({"kind": "simclr", "views": off})
    assert part.first == part.second == ()
    assert len(built({"kind": "fixmatch", "weak": off, "strong": off}).sides) == 1


def test_views_that_the_data_choose() -> None:
    chosen = with_views(recipe.SimCLR(), TABLE)
    assert [each.kind for each in chosen.views] == ["swap"]  # type: ignore[union-attr]
    assert with_views(chosen, IMAGES) == chosen, "they are written down once"
    assert with_views(recipe.SimCLR(views=()), IMAGES).views == ()  # type: ignore[union-attr]
    shares = {
        kind: with_views(kind(), TABLE).views[0].share  # type: ignore[union-attr, index]
        for kind in (recipe.SimCLR, recipe.Consistency, recipe.MeanTeacher)
    }
    assert shares[recipe.Consistency] == shares[recipe.MeanTeacher] < shares[recipe.SimCLR]
    fix = with_views(recipe.FixMatch(), TABLE)
    assert fix.weak[0].share < fix.strong[0].share  # type: ignore[union-attr, index, operator]
    assert with_views(recipe.Distillation(), TABLE) == recipe.Distillation()


def test_the_same_kind_twice_has_parameters_of_its_own() -> None:
    twice = made({"kind": "simclr", "projection": [3]}, {"kind": "simclr", "projection": [5]})
    own = [n for n in twice.layout.names if n.startswith("train.simclr")]
    assert own == [
        "train.simclr.projector.0.weight",
        "train.simclr.projector.0.bias",
        "train.simclr.1.projector.0.weight",
        "train.simclr.1.projector.0.bias",
    ]


def test_what_answers_mean() -> None:
    def said(*specs: Any, outputs: int = 3) -> str:
        return answers(specs, outputs)

    assert said(losses.CrossEntropy()) == said(losses.Hinge()) == "classes"
    assert said(losses.Multilabel(), losses.CrossEntropy()) == "labels"
    assert said(losses.Multilabel(), outputs=1) == "labels"
    assert said(losses.Huber()) == said(losses.Poisson()) == "numbers"
    assert said(losses.Multilabel(weight=0), losses.Huber()) == "numbers"
    assert said(losses.PairwiseRanking(), outputs=1) == "numbers"
    assert said(losses.PairwiseRanking(), outputs=2) == "classes"


# --- errors -----------------------------------------------------------------------------------


WITH_LAYERS = [
    "reconstruction", "masked", "simclr", "scarf", "vicreg", "barlow_twins", "byol", "simsiam",
    "supervised_contrastive",
]  # fmt: skip


@pytest.mark.parametrize("kind", WITH_LAYERS)
def test_a_network_without_an_encoder(kind: str) -> None:
    with pytest.raises(InputError, match=f"{kind} trains an encoder") as caught:
        made({"kind": kind}, model={"kind": "linear"})
    assert "stages.0.turns.0.objectives.1" in str(caught.value)
    assert caught.value.found == "a linear model of numbers"
    assert caught.value.advice == "Choose another model, such as mlp."
    # Embeddings of categories are something to train.
    assert made({"kind": kind}, model={"kind": "linear"}, inputs=TABLE)


@pytest.mark.parametrize("kind", WITH_LAYERS)
def test_a_network_that_has_no_halves(kind: str) -> None:
    with pytest.raises(InputError, match="an encoder and a head") as caught:
        made({"kind": kind}, model={"kind": "tabm", "width": 6})
    assert caught.value.found == "the network TabM"
    assert "mlp" in str(caught.value.accepted)
    with pytest.raises(InputError, match="an encoder and a head") as caught:
        made({"kind": kind}, module=nn.Linear(4, 3))
    assert caught.value.found == "the network ModuleModel"


@pytest.mark.parametrize("kind", ["consistency", "mean_teacher", "pseudo_labels", "fixmatch"])
@pytest.mark.parametrize("model", [{"kind": "linear"}, {"kind": "tabm", "width": 6}])
def test_answers_need_no_encoder(kind: str, model: dict[str, Any]) -> None:
    assert made({"kind": kind}, model=model)
    assert made({"kind": kind}, module=nn.Linear(4, 3))


def test_a_binary_loss_of_other_numbers() -> None:
    spec = {"kind": "reconstruction", "loss": "binary"}
    for inputs in (NUMBERS, TABLE, Inputs(array=9), Inputs(array=192, shape=(3, 8, 8))):
        with pytest.raises(InputError, match="numbers between 0 and 1") as caught:
            made(spec, inputs=inputs)
        assert caught.value.found == "columns of other numbers"
        assert "loss: squared" in str(caught.value.accepted)
    part = built(spec, inputs=IMAGES, model=CNN)
    assert part.binary
    assert part.cells.unit


def test_categories_of_unknown_number() -> None:
    unknown = Inputs(numeric=2, categorical=2, codes=7)
    for kind in ("reconstruction", "masked"):
        with pytest.raises(InputError, match="how many categories each column has isn't known"):
            made({"kind": kind}, inputs=unknown)


def test_a_generator_makes_no_categories() -> None:
    both = {"kind": "discriminator"}, {"kind": "generator"}
    with pytest.raises(InputError, match="a generator makes numbers") as caught:
        adversaries(*both, inputs=TABLE)
    assert caught.value.found == "2 categorical columns"
    assert "--drop" in str(caught.value.advice)
    assert adversaries(*({**each, "of": "features"} for each in both), inputs=TABLE)


def test_vicreg_of_nothing() -> None:
    nothing = {"invariance": 0, "variance": 0, "covariance": 0}
    with pytest.raises(InputError, match="all of them weigh 0") as caught:
        made({"kind": "vicreg", **nothing})
    assert caught.value.found == "invariance 0, variance 0, covariance 0"
    assert made({"kind": "vicreg", **nothing, "variance": 1})


def test_views_of_other_data() -> None:
    for kind, inputs, model, problem in (
        ("swap", IMAGES, CNN, "swap exchanges cells of tables"),
        ("crop", NUMBERS, MLP, "crop changes images"),
    ):
        with pytest.raises(InputError, match=problem) as caught:
            made({"kind": "simclr", "views": [{"kind": kind}]}, inputs=inputs, model=model)
        assert "objectives.1.views.0" in str(caught.value)


def test_patches_of_an_image_that_has_columns_beside_it() -> None:
    """Only the image is hidden, and only it is to be told."""
    both = Inputs(numeric=2, array=192, shape=(3, 8, 8), scaling=((0.5, 0.2),) * 3)
    cohort = made({"kind": "masked", "share": 0.5}, inputs=both)
    part = cohort.stages[0].turns[0].objectives[1][0]
    assert isinstance(part, MaskedPatches)
    assert part.cells.outputs == 192
    from methodic.data.batches import Rows
    from methodic.engine import loop

    rows = Rows(
        {
            "numeric": torch.randn(80, 2),
            "array": torch.randint(0, 256, (80, 3, 8, 8), dtype=torch.uint8),
        },
        torch.arange(50) % 3,
    )
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    state = loop.advance(cohort, stage, state, rows, 2, lambda _: None)
    assert bool(state.alive.all())
