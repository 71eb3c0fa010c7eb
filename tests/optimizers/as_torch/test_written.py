"""What a rule takes when it is written down: few operations, none of which reads what is gone."""

from __future__ import annotations

import torch

from methodic.optimizers.adam import Adam
from methodic.optimizers.as_torch.written import Written, name
from methodic.optimizers.prodigy import Prodigy
from methodic.optimizers.sign import Lion
from methodic.types import Rule

NAMES = ["scale", "beta1", "fresh1", "beta2", "fresh2", "epsilon"]
LION = ["scale", "beta1", "fresh1", "beta2", "fresh2", "weight_decay"]
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
    """Its change is built on something that is written over before or after."""

    def __init__(self, early):
        self.early = early

    def initial(self, parameter):
        return {"a": torch.zeros_like(parameter)}

    def update(self, gradient, parameter, state, c):
        del parameter
        a = state["a"] + gradient
        change = a * c["lr"]
        kept = a.mul_(c["lr"])
        return (change + 0 if self.early else change), {"a": kept}


def test_a_change_stays_whole_if_its_operands_are_written_over_before_it():
    (term,) = Written(Overwriting(early=True), ["lr"]).terms
    assert term.method == "add_"


def test_what_is_written_over_later_can_be_added_before():
    written = Written(Overwriting(early=False), ["lr"])
    assert [term.method for term in written.terms] == ["addcmul_"]
    assert [name(node) for node in written.late] == ["mul_"]


def test_a_running_mean_is_one_operation_where_its_weights_add_up_to_one():
    names = [name(node) for node in Written(Lion(), LION, {"fresh1": "beta1"}).operations]
    assert names.count("lerp") == 1
    assert names.count("mul") == 1
    assert "lerp" not in [name(node) for node in Written(Lion(), LION).operations]
