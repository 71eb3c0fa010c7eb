"""A rule in place does what the rule does, and takes no memory that somebody still reads."""

from __future__ import annotations

import pytest
import torch
from contract.rule_table import ROWS
from reference.trajectories import coefficients

from methodic.optimizers.as_torch.in_place import in_place
from methodic.optimizers.prodigy import Prodigy
from methodic.types import Rule

MEANS = {f"fresh{i}": f"beta{i}" for i in (1, 2, 3)}
PRODIGY = {"lr": 1.0, "beta1": 0.9, "beta2": 0.97, "epsilon": 1e-8, "d0": 1e-3, "d_coef": 1.0}
TABLE = [(row.name, row.rule, row.numbers) for row in ROWS]
TABLE += [("prodigy", Prodigy(True, True), PRODIGY | {"weight_decay": 0.1})]


def apart(rule, numbers, steps=5, size=37):
    """Largest difference between a rule and itself in place, in weights and state."""
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(1, size, generator=generator)
    w, state = start.clone(), rule.initial(start)
    mine, own = start.clone(), {name: x.clone() for name, x in rule.initial(start).items()}
    names = list(coefficients(rule, 1, numbers, torch.float32))
    names += ["point"] if rule.probes else []
    program = in_place(rule, names, {f: k for f, k in MEANS.items() if {f, k} <= set(names)})
    rows = {f"t{i}": torch.full_like(start, torch.nan) for i in range(program.scratch)}
    rows |= {f"k{i}": torch.full_like(start, torch.nan) for i in range(program.kept)}
    for t in range(1, steps + 1):
        g = torch.randn(1, size, generator=generator)
        kept = g.clone()
        c = {n: x.squeeze() for n, x in coefficients(rule, t, numbers, torch.float32).items()}
        if rule.probes:
            c["point"] = w + 0.1 * torch.randn(1, size, generator=generator)
        change, state = rule.update(g, w, state, c)
        w = w + change
        known = rows | {"g": g, "w": mine, "sizes": None}
        for i, slot in enumerate((*program.slots, *program.numbers)):
            known[f"s{i}"] = own[slot]
        for i, coefficient in enumerate(program.coefficients):
            known[f"c{i}"] = c[coefficient]
        for phase in program.phases:
            after = phase.run(*[known[n] for n in (*phase.full, *phase.numbers)])
            known |= dict(zip(phase.results, after, strict=True))
        for slot, number in zip(program.numbers, program.following, strict=True):
            own[slot] = known[number].clone()
        assert torch.equal(g, kept), "gradients aren't ours to write"
    pairs = [(w, mine), *((state[name], own[name]) for name in state)]
    return max(float((a - b).abs().max() / (1 + a.abs().max())) for a, b in pairs)


@pytest.mark.parametrize(("name", "rule", "numbers"), TABLE, ids=[row[0] for row in TABLE])
def test_it_is_the_rule(name, rule, numbers):
    del name
    assert apart(rule, numbers) < 1e-6


class Odd(Rule):
    """Reads an old moment late, keeps two slots in one memory's order, and masks."""

    def initial(self, parameter):
        return {"a": torch.zeros_like(parameter), "b": torch.ones_like(parameter)}

    def coefficients(self, step, numbers):
        return {"lr": numbers["lr"] + 0 * step}

    def update(self, gradient, parameter, state, c):
        a = state["a"] + gradient
        b = a * state["b"]
        late = (state["a"] - state["b"]).abs()
        chosen = torch.where(late > 0.5, a, b)
        change = -c["lr"] * (chosen + parameter.relu())
        return change, {"a": b + late, "b": a * 0.5}


def test_moments_that_are_read_late_are_not_overwritten_early():
    assert apart(Odd(), {"lr": 0.1}) < 1e-6


def test_short_rules_need_no_memory_and_whole_ones_are_known():
    by_name = {
        name: in_place(rule, list(coefficients(rule, 1, n)))
        for name, rule, n in TABLE
        if not rule.probes
    }
    assert by_name["momentum"].scratch == 0
    assert by_name["momentum"].operations == 2
    assert by_name["adamw"].scratch == 1
    assert by_name["prodigy"].gathers
    assert not by_name["prodigy"].whole
    assert not by_name["adamw"].gathers
