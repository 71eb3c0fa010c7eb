from methodic.search.chance import seed_of, uniform


def test_seeds_differ_by_all_of_their_path():
    seeds = {seed_of(s, "ask", n) for s in range(10) for n in range(10)}
    assert len(seeds) == 100
    assert all(0 <= each < 2**31 for each in seeds)


def test_uniform_numbers_are_even():
    numbers = [uniform(3, "x", i) for i in range(2000)]
    assert all(0 <= each < 1 for each in numbers)
    for tenth in range(10):
        assert 150 < sum(tenth <= 10 * each < tenth + 1 for each in numbers) < 250
