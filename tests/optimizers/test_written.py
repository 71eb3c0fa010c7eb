"""What a rule takes when it is written down: few operations, none of which reads what is gone."""

from __future__ import annotations

import torch

from methodic.optimizers.adam import Adam
from methodic.optimizers.prodigy import Prodigy
from methodic.optimizers.written import Written
from methodic.types import Rule

NAMES = ["scale", "beta1", "fresh1", "beta2", "fresh2", "epsilon"]
PRODIGY = ["rate", "d0", "d_coef", "epsilon", "beta1", "fresh1", "beta2", "fresh2", "beta3"]


def test_products_and_the_last_quotient_are_no_operations_of_their_own():
    written = Written(Adam(), NAMES)
    assert [term.method for term in written.terms] == ["addcdiv_"]
    assert len(written.operations) == 6


def test_what_needs_a_sum_waits_for_it():
    written = Written(Prodigy(), PRODIGY)
    assert len(written.gathering) == 2
    assert written.last_stage() == 1
    assert Written(Adam(), NAMES).last_stage() == 0


class Overwriting(Rule):
    """Its change is built on something that is written over afterwards."""

    def initial(self, parameter):
        return {"a": torch.zeros_like(parameter)}

    def update(self, gradient, parameter, state, c):
        del parameter
        a = state["a"] + gradient
        change = a * c["lr"]
        return change, {"a": a.mul_(c["lr"])}


def test_a_change_stays_whole_if_its_operands_are_written_over():
    (term,) = Written(Overwriting(), ["lr"]).terms
    assert term.method == "add_"
