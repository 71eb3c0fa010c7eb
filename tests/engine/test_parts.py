"""Where parameters lie in the flat tensor."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.engine.parts import Layout, Stage, State, picked
from methodic.types import ParameterSpec
from tests.engine.conftest import MakeCohort

SHAPES = st.lists(st.lists(st.integers(1, 4), max_size=3).map(tuple), min_size=1, max_size=5)


def layout(shapes: list[tuple[int, ...]]) -> Layout:
    return Layout({f"p{i}": ParameterSpec(shape, "zeros") for i, shape in enumerate(shapes)})


@settings(deadline=None, max_examples=30)
@given(SHAPES, st.integers(1, 3))
def test_views_and_flat_are_inverse(shapes: list[tuple[int, ...]], members: int) -> None:
    made = layout(shapes)
    flat = torch.arange(members * made.total).float().view(members, made.total)
    views = made.views(flat)
    assert [tuple(view.shape) for view in views.values()] == [(members, *s) for s in shapes]
    assert torch.equal(made.flatten(views), flat)


def test_views_share_memory_and_flatten_copies() -> None:
    made = layout([(2, 3), (4,)])
    flat = torch.zeros(2, 10)
    made.views(flat)["p1"][1] = 5.0
    assert flat[1].tolist() == [0.0] * 6 + [5.0] * 4
    copy = made.flatten(made.views(flat))
    copy.zero_()
    assert flat.any()


def test_flatten_goes_by_name_not_by_order() -> None:
    made = layout([(1,), (2,)])
    named = {"p1": torch.tensor([[2.0, 3.0]]), "p0": torch.tensor([[1.0]])}
    assert made.flatten(named).tolist() == [[1.0, 2.0, 3.0]]


def test_masks_and_what_decays() -> None:
    made = Layout(
        {
            "w": ParameterSpec((2, 2), "zeros"),
            "b": ParameterSpec((3,), "zeros", decays=False),
            "v": ParameterSpec((), "zeros"),
        }
    )
    assert made.total == 8
    assert made.decaying() == ("w", "v")
    assert made.mask(["w", "v"]).tolist() == [1, 1, 1, 1, 0, 0, 0, 1]


def test_width(make_cohort: MakeCohort) -> None:
    assert make_cohort([0.1, 0.2, 0.3]).width == 3


def state(members: int, start: float) -> State:
    flat = torch.arange(members * 3.0).view(members, 3) + start
    alive = torch.tensor([m % 2 == 0 for m in range(members)])
    return State(
        flat,
        {"mean": flat[:, :1] + 1},
        [{"velocity": flat + 2}, {}],
        {"ema": flat + 3},
        alive,
        steps_taken=members,
    )


def test_rows_of_states_are_picked() -> None:
    both = picked([state(2, 0.0), state(3, 100.0)], torch.tensor([4, 0, 0, 2]))
    assert both.flat[:, 0].tolist() == [106, 0, 0, 100]
    assert both.buffers["mean"][:, 0].tolist() == [107, 1, 1, 101]
    assert both.rules[0]["velocity"][:, 0].tolist() == [108, 2, 2, 102]
    assert both.average["ema"][:, 0].tolist() == [109, 3, 3, 103]
    assert both.alive.tolist() == [True, True, True, True]
    assert (both.rules[1], both.steps_taken) == ({}, 2)
    assert picked([state(3, 0.0)], torch.tensor([1, 2])).alive.tolist() == [False, True]


# --- turns ------------------------------------------------------------------------------------


def of_turns(lengths: tuple[int, ...], steps: int, written: bool = True) -> Stage:
    turns: Any = (None,) * len(lengths)
    return Stage("s", steps, 1, turns, (), None, lengths=lengths if written else ())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple), st.integers(1, 40))
def test_turns_like_a_written_list(lengths: tuple[int, ...], steps: int) -> None:
    stage = of_turns(lengths, steps)
    once = [turn for turn, count in enumerate(lengths) for _ in range(count)]
    laid = once * (2 + steps // len(once))
    assert [stage.which(i) for i in range(steps)] == laid[:steps]
    for i in range(steps):
        run = next(n for n, turn in enumerate([*laid[i:], None]) if turn != laid[i])
        assert stage.left(i) == (steps if len(lengths) == 1 else run)
        for turn in range(len(lengths)):
            assert stage.turn_steps(i, turn) == laid[:i].count(turn)
    assert stage.round == (1 if len(lengths) == 1 else len(once))


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 4), st.integers(0, 30))
def test_a_step_each_needs_no_lengths(turns: int, step: int) -> None:
    short, long = of_turns((1,) * turns, 40, written=False), of_turns((1,) * turns, 40)
    assert short.cycle == long.cycle == (1,) * turns
    assert short.which(step) == long.which(step) == step % turns
    assert short.left(step) == long.left(step) == (40 if turns == 1 else 1)
    assert [short.turn_steps(step, t) for t in range(turns)] == [
        len(range(t, step, turns)) for t in range(turns)
    ]


def test_rates_multiply() -> None:
    made = Layout(
        {
            "a": ParameterSpec((2,), "zeros", lr_scale=3.0),
            "b": ParameterSpec((1,), "zeros"),
            "c": ParameterSpec((1,), "zeros"),
        }
    )
    rates = made.rates(["a", "b"], None, {"a": 0.5, "b": 0.25})
    assert rates is not None
    assert rates.tolist() == [1.5, 1.5, 0.25, 0]
    one = Layout({"a": ParameterSpec((2,), "zeros")})
    assert one.rates(["a"]) is None
    assert one.rates(["a"], None, {"a": 1.0}) is None
