from methodic.evidence.confirmation import Confirmed
from methodic.evidence.notes import notes
from methodic.plan import Amendment, RunState


def test_nothing_to_say():
    assert notes(RunState(status="finished"), [], Confirmed({}, {}), []) == ()


def test_a_search_that_was_cut_says_whose_settings_these_were():
    cut = Amendment(phase="search", blocks=(16,), reason="time")
    state = RunState(status="finished", amendments=(cut,))
    (each,) = notes(state, [], Confirmed({}, {}), [])
    (together,) = notes(state, [], Confirmed({}, {}), [], together=True)
    assert "16 settings of each method" in each
    assert "16 settings in all" in together


def test_intervals_and_letters_are_explained_only_where_there_are_any(world):
    world.screen("plain", [0.9]).test("plain", [0.9])
    (one,) = world.board().notes
    assert "one seed of each method: no interval" in one
    world.confirmed.clear()
    world.test("plain", [0.9, 0.8])
    assert [note.split()[0] for note in world.board().notes] == ["Intervals"]
    world.baseline("linear", 0.5, 0.5)
    _, second = world.board().notes
    assert "1 t-test over seeds" in second
