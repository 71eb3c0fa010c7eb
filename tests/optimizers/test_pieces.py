from __future__ import annotations

import torch
from reference.trajectories import as_arrays, coefficients, drive

from methodic.optimizers.adam import AdamW
from methodic.optimizers.muon import Muon
from methodic.optimizers.pieces import ByParameter, as_matrix, pieces
from methodic.types import ParameterSpec

SPECS = {
    "embedding": ParameterSpec((4, 3), "zeros", role="embedding"),
    "a.weight": ParameterSpec((3, 5), "zeros"),
    "a.bias": ParameterSpec((5,), "zeros", decays=False),
    "b.weight": ParameterSpec((5, 5), "zeros"),
    "head": ParameterSpec((5, 2), "zeros", role="head"),
}
EVERYTHING = pieces(SPECS)
CHOSEN = tuple(p for p in EVERYTHING if p.matrix and p.role == "hidden")
REST = tuple(p for p in EVERYTHING if p not in CHOSEN)
NAMES = (("lr", "adamw_ratio"), *((n, f"adamw_{n}") for n in ("beta1", "beta2", "epsilon")))
RULE = ByParameter(CHOSEN, REST, Muon(), AdamW(), NAMES)
NUMBERS = {
    "lr": 0.02,
    "momentum": 0.9,
    "weight_decay": 0.3,
    "adamw_ratio": 0.5,
    "adamw_beta1": 0.8,
    "adamw_beta2": 0.9,
    "adamw_epsilon": 1e-6,
}
TOTAL = sum(p.size for p in EVERYTHING)
MASK = torch.cat([torch.full((p.size,), float(SPECS[p.name].decays)) for p in EVERYTHING]).double()


def random(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_pieces_follow_each_other():
    assert [p.start for p in EVERYTHING] == [0, 12, 27, 32, 57]
    assert [p.name for p in CHOSEN] == ["a.weight", "b.weight"]
    flat = random(2, TOTAL, seed=0)
    assert torch.equal(torch.cat([p.of(flat).flatten(1) for p in EVERYTHING], 1), flat)
    assert EVERYTHING[1].of(flat).shape == (2, 3, 5)
    assert as_matrix(torch.zeros(2, 8, 3, 3, 3)).shape == (2, 8, 27)


def test_every_part_moves_as_it_would_alone():
    start, gradients = random(2, TOTAL, seed=0), random(6, 2, TOTAL, seed=1)
    for mask in (None, MASK):
        path = drive(RULE, start, lambda _, t: gradients[t - 1], lambda _: NUMBERS, 6, mask)
        for piece in CHOSEN:
            w, rule = piece.of(start), Muon()
            state = rule.initial(w)
            for t in range(1, 7):
                c = coefficients(rule, t, NUMBERS)
                c = {name: x.unsqueeze(-1) for name, x in c.items()}
                change, state = rule.update(piece.of(gradients[t - 1]), w, state, c)
                w = w + change
            torch.testing.assert_close(piece.of(path[-1][0]), w, rtol=0, atol=1e-12)
            torch.testing.assert_close(path[-1][1][f"momentum/{piece.name}"], state["momentum"])
        own = {n.removeprefix("adamw_"): x for n, x in NUMBERS.items()} | {"lr": 0.01}
        for piece in REST:
            cut = slice(piece.start, piece.start + piece.size)
            alone = drive(
                AdamW(),
                start[:, cut],
                lambda _, t, cut=cut: gradients[t - 1, :, cut],
                lambda _, own=own: own,
                6,
                None if mask is None else mask[cut],
            )
            torch.testing.assert_close(path[-1][0][:, cut], alone[-1][0], rtol=0, atol=1e-12)


def test_neither_rule_sees_the_others_parameters():
    """A mutant: with Muon on everything that is a matrix the head goes elsewhere."""
    start, gradients = random(1, TOTAL, seed=0), random(3, 1, TOTAL, seed=1)
    matrices = tuple(p for p in EVERYTHING if p.matrix)
    rest = tuple(p for p in EVERYTHING if not p.matrix)
    ends = [
        drive(rule, start, lambda _, t: gradients[t - 1], lambda _: NUMBERS, 3)[-1][0]
        for rule in (RULE, ByParameter(matrices, rest, Muon(), AdamW(), NAMES))
    ]
    head, hidden = EVERYTHING[4], EVERYTHING[3]
    assert not torch.allclose(head.of(ends[0]), head.of(ends[1]), atol=1e-4)
    assert torch.equal(hidden.of(ends[0]), hidden.of(ends[1]))


def test_a_schedule_moves_both_rates():
    steps = torch.arange(1.0, 3.0).double().unsqueeze(1).numpy()
    numbers = as_arrays(NUMBERS)
    full = RULE.coefficients(steps, numbers)
    half = RULE.coefficients(steps, numbers | {"lr": numbers["lr"] / 2})
    for name in ("scale", "rest/scale", "decay_rate", "rest/decay_rate"):
        torch.testing.assert_close(torch.tensor(half[name] * 2), torch.tensor(full[name]))
    assert (half["weight_decay"] == full["weight_decay"]).all()


def test_without_decay_there_is_none():
    rule = ByParameter(CHOSEN, REST, Muon(decay=False), AdamW(decay=False), NAMES)
    assert not any("decay" in name for name in coefficients(rule, 1, NUMBERS))
    start = random(1, TOTAL, seed=0)
    path = drive(rule, start, lambda w, _: torch.zeros_like(w), lambda _: NUMBERS, 2)
    assert torch.equal(path[-1][0], start)
