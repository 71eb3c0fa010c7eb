"""What every objective without targets must do. A new kind adds a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from objectives import looking

from methodic.build.unlabelled import KINDS, Place, objective, with_views
from methodic.models.inputs import Inputs
from methodic.recipes.kinds import unlabelled as recipe
from methodic.types import Batch, Pass

SHARES = (0.2, 0.3, 0.5)
TABLE, NUMBERS = looking.TABLE, looking.NUMBERS
IMAGES = Inputs(array=18, shape=(2, 3, 3), scaling=((0.5, 0.2), (0.3, 0.4)))


@dataclass(frozen=True)
class Row:
    """A kind with its fields, its data, the Numbers that it reads and its loss term."""

    name: str
    spec: Any
    term: str
    inputs: Inputs = TABLE
    numbers: dict[str, float] = field(default_factory=dict)


_SMALL = {"projection": (4, 3)}
_SWAP = {"views.0.share": 0.5}

ROWS = [
    Row("reconstruction", recipe.Reconstruction(decoder=(4,)), "reconstruction"),
    Row(
        "binary reconstruction",
        recipe.Reconstruction(decoder=(4,), loss="binary"),
        "reconstruction",
        IMAGES,
    ),
    Row(
        "variational",
        recipe.Reconstruction(decoder=(4,), latent=2),
        "reconstruction",
        numbers={"beta": 0.7},
    ),
    Row("masked", recipe.Masked(decoder=(4,)), "masked", numbers={"share": 0.5,
                                                                  "mask_weight": 0.6}),
    Row("masked images", recipe.Masked(decoder=(4,), patch=2), "masked", IMAGES, {"share": 0.5}),
    Row("simclr", recipe.SimCLR(**_SMALL), "contrast", numbers={"temperature": 0.5, **_SWAP}),
    Row("scarf", recipe.Scarf(**_SMALL), "contrast", numbers={"temperature": 0.5,
                                                              "corruption": 0.5}),
    Row(
        "vicreg",
        recipe.VICReg(**_SMALL),
        "vicreg",
        numbers={"invariance": 3, "variance": 2, "covariance": 0.5, **_SWAP},
    ),
    Row(
        "barlow twins",
        recipe.BarlowTwins(**_SMALL),
        "barlow_twins",
        numbers={"redundancy": 0.1, **_SWAP},
    ),
    Row("byol", recipe.BYOL(**_SMALL, predictor=(4,)), "byol", numbers=_SWAP),
    Row("simsiam", recipe.SimSiam(**_SMALL, predictor=(4,)), "simsiam", numbers=_SWAP),
    Row(
        "supervised contrast",
        recipe.SupervisedContrastive(**_SMALL),
        "supervised_contrast",
        numbers={"temperature": 0.5, **_SWAP},
    ),
    Row("pseudo-labels", recipe.PseudoLabels(), "self_labelled", numbers={"threshold": 0.4}),
    Row(
        "fixmatch",
        recipe.FixMatch(),
        "self_labelled",
        numbers={"threshold": 0.4, "weak.0.share": 0.2, "strong.0.share": 0.6},
    ),
    Row(
        "fixmatch, aligned",
        recipe.FixMatch(),
        "self_labelled",
        numbers={"threshold": 0.4, "alignment": 0.6, "weak.0.share": 0.7, "strong.0.share": 0.6},
    ),
    Row("consistency", recipe.Consistency(), "consistency", numbers=_SWAP),
    Row("mean teacher", recipe.MeanTeacher(), "mean_teacher", numbers=_SWAP),
    Row("distillation", recipe.Distillation(), "distillation", numbers={"temperature": 2.0}),
    *(
        Row(f"{kind.__name__} of {of}", kind(of=of, latent=2, generator=(4,), hidden=(3,)),
            kind.__name__.lower(), NUMBERS)
        for kind in (recipe.Discriminator, recipe.Generator)
        for of in ("rows", "features")
    ),
]  # fmt: skip
every = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
STOPPED = ("simsiam",)
"""Rows whose gradient leaves out, on purpose, a part on which the loss depends."""


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(row: Row) -> tuple[Any, Any]:
    network = looking.mlp(row.inputs, width=4, embedding=2)
    spec = with_views(row.spec, row.inputs)
    if row.inputs is IMAGES and hasattr(spec, "views"):
        spec = spec.model_copy(update={"views": ()})
    part = objective(spec, Place("o", "s", 0, False, network, row.inputs, "classes", SHARES))
    return part, looking.extended(network, part)


def given(row: Row, part: Any, model: Any, rows: int = 5, members: int = 2, **how: Any) -> Pass:
    run = looking.given(part, model, rows, members, **how, **row.numbers)
    if part.taught:
        run.teacher = {name: 0.8 * x.detach() for name, x in run.parameters.items()}
    return run


def batch(row: Row, rows: int = 5, members: int = 2, dtype: torch.dtype = torch.float64) -> Batch:
    generator = torch.Generator().manual_seed(7)
    soft = torch.softmax(torch.randn(members, rows, 3, generator=generator, dtype=dtype), -1)
    target = torch.randint(0, 3, (members, rows), generator=generator)
    return looking.batch(looking.table(row.inputs, rows, members, dtype), target, soft=soft)


def with_parameters(run: Pass, values: Any) -> Pass:
    named = dict(zip(run.parameters, values, strict=True))
    return Pass(named, run.buffers, run.noise, run.numbers, True, teacher=run.teacher)


def test_every_kind_has_a_row() -> None:
    assert {type(row.spec) for row in ROWS} == set(KINDS)


@every
def test_a_term_of_its_name_and_one_number_for_each_member(row: Row) -> None:
    part, model = made(row)
    terms = part(model, given(row, part, model, members=3), batch(row, members=3))
    assert tuple(terms) == (row.term,) == (part.name,)
    assert terms[row.term].shape == (3,)
    assert terms[row.term].isfinite().all()
    low = given(row, part, model, dtype=torch.float32)
    assert looking.cost(part, model, low, batch(row, dtype=torch.float32)).dtype == torch.float32


@pytest.mark.parametrize("row", [r for r in ROWS if r.name not in STOPPED], ids=lambda r: r.name)
def test_gradients_equal_finite_differences(row: Row) -> None:
    """Of what it trains; what it holds fixed is held."""
    part, model = made(row)
    run, rows = given(row, part, model), batch(row)
    names = list(run.parameters)
    mine = {n for n in names if n in part.trained() or reached(part, model, n)}
    leaves = [run.parameters[n].requires_grad_() for n in names if n in mine]

    def total(*values: torch.Tensor) -> torch.Tensor:
        moved = {**run.parameters, **dict(zip([n for n in names if n in mine], values,
                                              strict=True))}  # fmt: skip
        return looking.cost(part, model, with_parameters(run, moved.values()), rows)

    if row.name == "fixmatch":
        threshold = run.numbers["o.threshold"]
        sure = torch.softmax(part.sides[0].outputs(model, run, rows.inputs), -1).amax(-1)
        assert ((sure - threshold.unsqueeze(1)).abs() > 1e-4).all(), "differences cross no step"
    assert torch.autograd.gradcheck(total, leaves, eps=1e-6, atol=1e-6, rtol=1e-4)


def reached(part: Any, model: Any, name: str) -> bool:
    network = part.network
    return name in network.parameters() and network.half(name) in part.trains


@every
def test_it_trains_what_it_says_and_all_of_it(row: Row) -> None:
    part, model = made(row)
    run = given(row, part, model)
    leaves = [x.requires_grad_() for x in run.parameters.values()]
    found = looking.cost(part, model, run, batch(row)).sum()
    grads = torch.autograd.grad(found, leaves, allow_unused=True)
    moved = {n for n, g in zip(run.parameters, grads, strict=True) if g is not None and g.any()}
    mine = {n for n in run.parameters if n in part.trained() or reached(part, model, n)}
    assert mine <= moved
    if not isinstance(row.spec, recipe.Discriminator | recipe.Generator):
        assert moved == mine, "nothing else has a gradient; of two players, the other one may"
    assert set(part.trained()) <= set(part.parameters())


@every
@pytest.mark.parametrize("rows", [2, 7, 16, 33])
def test_a_member_alone_and_in_company_is_equal_to_the_bit(row: Row, rows: int) -> None:
    part, model = made(row)
    run = given(row, part, model, rows, 4, dtype=torch.float32)
    data = batch(row, rows, 4, torch.float32)
    leaves = [x.requires_grad_() for x in run.parameters.values()]
    together = looking.cost(part, model, run, data)
    slopes = torch.autograd.grad(together.sum(), leaves, materialize_grads=True)
    for m in (0, 2, 3):
        at = slice(m, m + 1)

        def own(named: Any, at: slice = at) -> Any:
            return {k: x[at].detach().clone() for k, x in named.items()}

        alone = Pass(own(run.parameters), {}, own(run.noise), own(run.numbers), True)
        alone.teacher = None if run.teacher is None else own(run.teacher)
        mine = [x.requires_grad_() for x in alone.parameters.values()]
        single = Batch(own(data.inputs), data.target[at].clone(), soft=data.soft[at].clone())  # type: ignore[index]
        cost = looking.cost(part, model, alone, single)
        assert torch.equal(together[at], cost)
        found = torch.autograd.grad(cost.sum(), mine, materialize_grads=True)
        for a, b in zip(slopes, found, strict=True):
            assert torch.equal(a[at], b)


@every
def test_members_do_not_touch_each_other(row: Row) -> None:
    part, model = made(row)
    run, data = given(row, part, model, members=3), batch(row, members=3)
    wanted = looking.cost(part, model, run, data)
    for x in data.inputs.values():
        if x.is_floating_point():
            x[1] = torch.nan
    for x in (*run.parameters.values(), *(run.teacher or {}).values()):
        x[1] = torch.nan
    found = looking.cost(part, model, run, data)
    assert torch.equal(found[[0, 2]], wanted[[0, 2]])
    assert not torch.equal(found[1], wanted[1])


@every
def test_it_draws_at_sites_of_its_own_and_reads_all_of_them(row: Row) -> None:
    part, model = made(row)
    sites = part.noise(5)
    assert all(name.startswith("o/") for name in sites)
    assert all(site.shape[0] == 5 for site in sites.values())
    run, data = given(row, part, model), batch(row)
    wanted = looking.cost(part, model, run, data)
    for name, x in run.noise.items():
        other = {**run.noise, name: 0.5 * x.flip(1)}
        moved = Pass(run.parameters, run.buffers, other, run.numbers, True, teacher=run.teacher)
        assert not torch.equal(looking.cost(part, model, moved, data), wanted), name


@every
def test_it_reads_no_target_but_where_it_says(row: Row) -> None:
    part, model = made(row)
    run, data = given(row, part, model), batch(row)
    wanted = looking.cost(part, model, run, data)
    data.target = data.target[:, :0]
    if isinstance(row.spec, recipe.SupervisedContrastive):
        return
    assert torch.equal(looking.cost(part, model, run, data), wanted)


@every
def test_a_batch_is_not_written_to(row: Row) -> None:
    part, model = made(row)
    run, data = given(row, part, model), batch(row)
    before = {k: x.clone() for k, x in data.inputs.items()}
    looking.cost(part, model, run, data)
    assert all(torch.equal(data.inputs[k], x) for k, x in before.items())
    assert not run.new_buffers
