import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.errors import InputError
from methodic.recipes.spaces import concrete, untuned
from methodic.recipes.types import Recipe
from methodic.search.jobs import Job, Outcome
from methodic.search.methods import space
from methodic.search.study import Study
from methodic.tuning import METHOD, SearchPlan
from tests.search.spaces import quality, recipe, run, study, trained, wide

SYNCHRONOUS = ("full", "halving", "hyperband", "population")
FAST = ("grid", "random", "sobol", "tpe", "cmaes")


def plan(**changes):
    return SearchPlan(**{"sampler": "random", "settings": 24, "strategy": "halving"} | changes)


@pytest.mark.parametrize("strategy", [*SYNCHRONOUS, "asha"])
@pytest.mark.parametrize("sampler", FAST)
def test_every_sampler_with_every_strategy(sampler, strategy):
    each = study(plan(sampler=sampler, strategy=strategy))
    jobs = run(each)
    record = each.record()
    fresh = [c for c in record.candidates if c.parent is None]
    assert len(fresh) <= 24
    assert len(fresh) == 24 or sampler == "grid"
    assert [c.number for c in record.candidates] == list(range(len(record.candidates)))
    assert record.candidates[0].setting == untuned(wide())
    assert sum(len(c.rungs) for c in record.candidates) == len(jobs)
    assert any(c.status == "finished" for c in record.candidates)
    for c in record.candidates:
        concrete(wide(), c.setting)
        steps = [rung.step for rung in c.rungs]
        assert steps == sorted(set(steps))
        assert c.seconds == pytest.approx(0.1 * len(c.rungs))


@pytest.mark.parametrize("strategy", SYNCHRONOUS)
@pytest.mark.parametrize("sampler", ["random", "tpe", "cmaes"])
def test_the_order_of_outcomes_does_not_matter(sampler, strategy):
    whole, shuffled = (study(plan(sampler=sampler, strategy=strategy)) for _ in range(2))
    run(whole)
    run(shuffled, order=3)
    assert whole.record() == shuffled.record()


@settings(max_examples=25, deadline=None)
@given(
    sampler=st.sampled_from(["random", "sobol", "tpe", "cmaes"]),
    strategy=st.sampled_from(SYNCHRONOUS),
    n=st.integers(1, 40),
    stop=st.integers(0, 60),
)
def test_a_replay_goes_on_where_it_was(sampler, strategy, n, stop):
    """Stopped after any number of outcomes, told to a new study, and driven to the end."""
    chosen = plan(sampler=sampler, strategy=strategy, settings=n)
    whole = study(chosen)
    run(whole)
    known: dict[tuple[int, int], Outcome] = {}
    first = study(chosen)
    while not first.over and len(known) < stop:
        for job in first.ask(2):
            if len(known) < stop:
                known[job.candidate, job.rung] = trained(job)
                first.tell(job, known[job.candidate, job.rung])
    second = study(chosen)
    while not second.over:
        for job in second.ask(2):
            second.tell(job, known.get((job.candidate, job.rung)) or trained(job))
    assert second.record() == whole.record()


def test_asha_replays_in_the_order_of_calls():
    def play(each):
        running = []
        while not each.over:
            running += each.ask(3 - len(running))
            job = running.pop(len(running) // 2)
            each.tell(job, trained(job))
        return each.record()

    chosen = plan(sampler="tpe", strategy="asha")
    assert play(study(chosen)) == play(study(chosen))


@pytest.mark.parametrize("strategy", ["full", "halving", "hyperband"])
def test_the_cost_is_what_is_trained(strategy):
    for sampler in ("random", "tpe"):
        each = study(plan(sampler=sampler, strategy=strategy, settings=50))
        spent = 0.0
        before: dict[int, float] = {}
        while not each.over:
            for job in each.ask(1):
                spent += job.until - before.get(job.candidate, 0.0)
                before[job.candidate] = job.until
                each.tell(job, Outcome(float(job.candidate), None, 1, 0.0))
        assert spent == pytest.approx(each.cost)


def test_learning_samplers_have_news_between_brackets():
    sizes = []
    each = study(plan(sampler="tpe", settings=64))
    while not each.over:
        jobs = each.ask(1)
        if jobs[0].since == 0:
            sizes.append(len(jobs))
        for job in jobs:
            each.tell(job, trained(job))
    assert sizes == [16] * 4
    assert len(study(plan(settings=64)).ask(1)) == 64
    assert len(study(plan(sampler="tpe", strategy="full", settings=64)).ask(1)) == 8
    assert len(study(plan(sampler="tpe", settings=64, rungs=4)).ask(1)) == 32, "27 and more"


def test_the_same_candidates_whatever_the_strategy():
    found = []
    for strategy in ("full", "halving", "asha"):
        each = study(plan(strategy=strategy))
        run(each)
        found.append([c.setting for c in each.record().candidates])
    assert found[0] == found[1] == found[2]


def test_the_best_is_one_that_trained_to_the_end():
    each = study(plan(settings=27))
    while not each.over:
        for job in each.ask(1):
            # What is dropped scored better early than anything does in the end.
            score = {1: 100.0, 2: 10.0, 3: 1.0}[job.rung] + quality(job.setting) / 1000
            each.tell(job, Outcome(score, None, 1, 0.0))
    best = each.record().candidates[each.best()]
    assert best.status == "finished"
    assert each.best("wide") == best.number
    assert each.best("another") is None


def test_the_best_so_far_is_one_that_came_furthest():
    each = study(plan(settings=27))
    assert each.best() is None
    jobs = each.ask(1)
    for job in jobs:
        each.tell(job, Outcome(float(job.candidate), None, 1, 0.0))
    second = each.ask(1)
    assert each.best() == 26
    each.tell(second[0], Outcome(-5.0, None, 1, 0.0))
    assert each.best() == second[0].candidate


def test_all_diverged_has_no_best():
    each = study(plan(settings=9))
    while not each.over:
        for job in each.ask(1):
            each.tell(job, Outcome(None, None, 1, 0.0, "diverged"))
    assert each.best() is None
    assert {c.status for c in each.record().candidates} == {"diverged"}


def test_methods_are_chosen_among_by_their_name():
    recipes = (recipe("one"), recipe("two", weight_decay={"log_uniform": [1e-4, 1e-2]}))
    dimensions = space(recipes)
    assert [each.path.partition("/")[0] for each in dimensions] == [METHOD, "one", "two", "two"]
    each = study(plan(sampler="tpe", settings=32, together=True), *recipes)
    run(each)
    record = each.record()
    assert record.recipes == ("one", "two")
    assert [c.recipe for c in record.candidates[:2]] == ["one", "two"], "both untuned ones"
    for c in record.candidates:
        own = next(r for r in recipes if r.name == c.recipe)
        concrete(own, c.setting)
    assert record.candidates[each.best("two")].recipe == "two"


def test_structure_is_searched_for():
    nested = Recipe.model_validate(recipe("a").model_dump())
    from methodic.recipes.spaces import searched

    wider = searched(nested, ["batch"])
    each = study(plan(sampler="tpe", settings=16, strategy="full"), wider)
    run(each)
    batches = {c.setting["stages.0.batch"] for c in each.record().candidates}
    assert len(batches) > 1


def test_a_small_space_ends_early():
    few = Recipe.model_validate(
        {"name": "few", "stages": [{"optimizer": {"kind": "sgd", "lr": {"choice": [0.1, 0.01]}}}]}
    )
    each = study(plan(settings=64), few)
    assert each.cost == pytest.approx(study(plan(settings=2), few).cost)
    run(each)
    assert len(each.record().candidates) == 2
    none = Recipe.model_validate({"name": "none", "stages": [{"optimizer": {"kind": "sgd"}}]})
    each = study(plan(sampler="tpe"), none)
    run(each)
    assert [c.setting for c in each.record().candidates] == [{}]


def test_a_copy_carries_the_numbers_of_its_ancestors():
    each = study(plan(strategy="population", settings=10, rounds=4))
    run(each)
    record = each.record()
    copies = [c for c in record.candidates if c.parent is not None]
    assert len(copies) == 6
    assert {c.status for c in record.candidates} >= {"finished", "replaced"}
    for c in copies:
        stretches = each.stretches(c.number)
        parent = record.candidates[c.parent]
        assert stretches[0][1] in [p.setting for p in record.candidates[:10]]
        assert stretches[-1] == (1.0, c.setting)
        assert [share for share, _ in stretches] == sorted({share for share, _ in stretches})
        assert any(setting == parent.setting for _, setting in stretches)
    assert each.stretches(0) == ((1.0, record.candidates[0].setting),)


def test_only_the_untuned_one_is_called_so():
    for strategy in ("full", "population"):
        each = study(plan(strategy=strategy, sampler="tpe"))
        run(each)
        assert [c.number for c in each.record().candidates if c.untuned] == [0]
    both = study(plan(together=True), recipe("one"), recipe("two"))
    run(both)
    assert [c.recipe for c in both.record().candidates if c.untuned] == ["one", "two"]


@pytest.mark.parametrize("strategy", ["full", "halving", "hyperband"])
@pytest.mark.parametrize("n", [24, 40, 64])
def test_a_generation_of_cmaes_is_a_bracket(strategy, n):
    """So that none of it is in training yet when the next one is asked for."""
    each = study(plan(sampler="cmaes", strategy=strategy, settings=n))
    sizes = []
    while not each.over:
        jobs = each.ask(1)
        sizes += [len(jobs)] if jobs[0].since == 0 else []
        for job in jobs:
            each.tell(job, trained(job))
    assert each._sampler._width == min(sizes)


def test_a_population_is_compared_more_often_than_halving():
    each = study(plan(strategy="population", settings=10))
    run(each)
    assert len({job.rung for c in each._candidates for job, _ in c.looks}) == 10


def test_shortened_takes_no_fresh_candidates():
    each = study(plan(sampler="tpe", settings=64))
    jobs = each.ask(1)
    each.shorten()
    for job in jobs:
        each.tell(job, trained(job))
    run(each)
    assert len(each.record().candidates) == 16
    assert each.best() is not None


def test_what_was_not_asked_for_is_not_told():
    each = study(plan())
    job = each.ask(1)[0]
    each.tell(job, trained(job))
    with pytest.raises(ValueError, match="isn't under way"):
        each.tell(job, trained(job))
    other = Job(candidate=99, recipe="a", setting={}, since=0, rung=1, until=1.0)
    with pytest.raises(ValueError, match="isn't under way"):
        each.tell(other, trained(job))


def test_bad_plans_are_explained():
    for changes, message in (
        ({"settings": 0}, "needs settings"),
        ({"reduction": 1}, "drops candidates"),
        ({"sampler": "gp", "settings": 500}, "at most 200"),
    ):
        with pytest.raises(InputError, match=message):
            study(plan(**changes))
    with pytest.raises(InputError, match="can't choose among methods"):
        study(plan(strategy="population", together=True), recipe("one"), recipe("two"))


def test_bookkeeping_is_cheap():
    """What stands around the sampler; benchmarks/search.py measures it against bare Optuna."""
    import time

    start = time.process_time()
    each = study(plan(settings=1000, strategy="full"))
    run(each)
    assert time.process_time() - start < 3, "a third of a millisecond for each is usual"
    assert isinstance(each, Study)
