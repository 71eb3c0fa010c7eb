import optuna
import pytest

from methodic.errors import InputError
from tests.search.spaces import STEPS, recipe
from tests.search.test_shared import searching


def test_a_study_made_for_something_else_is_refused(sqlite):
    storage, _ = searching(sqlite)
    with pytest.raises(InputError, match="made for another search") as error:
        searching(sqlite, "b", about={"data": "adult 3c4d", "steps": str(STEPS)})
    assert error.value.found == "data: digits 1a2b there, adult 3c4d here"
    other = [recipe("wide", lr={"log_uniform": [1e-3, 1e-2]})]
    with pytest.raises(InputError, match="made for another search") as error:
        searching(sqlite, "b", recipes=other)
    assert "range of stages.0.turns.0.optimizer.lr" in str(error.value.found)
    assert "[0.001, 0.01]} here" in str(error.value.found)
    storage.close()


def test_a_study_that_others_made_is_left_alone(sqlite):
    optuna.create_study(storage=sqlite, study_name="digits/wide", direction="maximize")
    with pytest.raises(InputError, match="made for another search") as error:
        searching(sqlite)
    assert error.value.found == "a study that Methodic didn't make"
