import pytest

from methodic.evidence.simplicity import parts, simplest


def test_the_order_of_kinds(world):
    world.screen("plain", [0.5]).screen("moving", [0.5]).screen("fancy", [0.5])
    for kind in ("constant", "linear", "gradient_boosting"):
        world.baseline(kind, 0.5)
    plan, rows = world.plan(), list(world.board().rows)
    order = []
    while rows:
        order.append(simplest(rows, plan))
        rows.remove(order[-1])
    names = ["constant", "plain", "linear", "moving", "fancy", "gradient_boosting"]
    assert [row.name for row in order] == names


@pytest.mark.parametrize(
    "more",
    [
        {"optimizer": {"kind": "sgd", "momentum": 0.9}},
        {"optimizer": {"kind": "rmsprop"}},
        {"schedule": {"kind": "cosine"}},
        {"schedule": {"kind": "constant", "warmup": 0.1}},
        {"clip": {"norm": 1.0}},
        {"clip": {"value": 1.0}},
        {"objectives": [{"kind": "cross_entropy"}, {"kind": "supervised"}]},
        {"regularizers": [{"kind": "l2"}]},
    ],
)
def test_every_part_counts(make_recipe, more):
    assert parts(make_recipe("a", **more)) == parts(make_recipe("a")) + 1


def test_augment_counts_as_what_it_stands_for(make_recipe):
    plain = parts(make_recipe("a"))
    for changes in ([], [{"kind": "crop"}], [{"kind": "crop"}, {"kind": "flip"}]):
        more = {"regularizers": [{"kind": "augment", "changes": changes}]}
        assert parts(make_recipe("a", **more)) == plain + len(changes)
