import pytest

from methodic.errors import InputError
from methodic.search.methods import joined, parted, space, suits
from methodic.tuning import METHOD, SearchPlan
from tests.search.spaces import recipe, wide

POPULATION = SearchPlan(sampler="random", settings=8, strategy="population")


def test_one_method_has_its_own_space():
    assert [each.path for each in space([recipe()])] == ["stages.0.turns.0.optimizer.lr"]
    assert joined("a", {"x": 1}, 1) == {"x": 1}
    assert parted({"x": 1}, ["a"]) == ("a", {"x": 1})


def test_several_methods_stand_below_their_choice():
    first, *rest = space([recipe("one"), wide("two")])
    assert first.path == METHOD
    assert first.range.labels == ("one", "two")
    for each in rest:
        name = each.path.partition("/")[0]
        assert each.given[0] == (METHOD, name)
    setting = joined("two", {"x": 1, "y[a/b].z": 2}, 2)
    assert setting == {METHOD: "two", "two/x": 1, "two/y[a/b].z": 2}
    assert parted(setting, ["one", "two"]) == ("two", {"x": 1, "y[a/b].z": 2})


def test_populations_stay_with_one_method_and_one_process():
    suits("one", [wide()], POPULATION, shared=False)
    with pytest.raises(InputError, match="can't choose among methods"):
        suits("methods", [recipe("one"), recipe("two")], POPULATION, shared=False)
    with pytest.raises(InputError, match="can't be shared") as error:
        suits("one", [wide()], POPULATION, shared=True)
    assert "--study" in str(error.value)
