"""The examples of the texts end where they must, and docs/texts.md says what they return."""

from __future__ import annotations

import importlib
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
import torch

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "texts"
PICTURES = ROOT / "docs" / "pictures"
NAMES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
SLOW = {"autoencoder", "alternating", "orders_of_pretraining", "batch_regimes", "convex"}
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", autouse=True)
def on_path() -> Iterator[None]:
    """As for a script that is run there: the examples import each other."""
    before = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    for name in set(sys.modules) - before:
        if name in NAMES or name in ("_draw", "_descent", "_semi", "_images"):
            del sys.modules[name]


def load(name: str) -> ModuleType:
    return importlib.import_module(name)


def page() -> str:
    return (ROOT / "docs" / "texts.md").read_text(encoding="utf-8")


def quoted(name: str) -> dict[str, str]:
    """What the page's table of an example says."""
    found = re.search(rf"<!-- numbers: {name} -->\n(.*?)<!-- end -->", page(), re.DOTALL)
    assert found, f"docs/texts.md has no table for {name}"
    rows = [line.strip("|\n ").split(" | ") for line in found.group(1).splitlines()[2:]]
    return dict(rows)


def parsed(value: str) -> float:
    digits, times, power = value.replace(",", "").partition("·10")
    return float(digits) * (10.0 ** int(power.translate(RAISED)) if times else 1.0)


def last_digit(value: str) -> float:
    """One unit of the last printed digit."""
    digits, times, power = value.replace(",", "").partition("·10")
    places = len(digits.partition(".")[2])
    return 10.0 ** (-places) * (10.0 ** int(power.translate(RAISED)) if times else 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_has_a_section_and_a_picture(name: str) -> None:
    assert f"[{name}.py](../examples/texts/{name}.py)" in page()
    assert re.search(rf"!\[[^\]]+\]\(pictures/{name}\.svg\)", page())
    assert quoted(name)
    drawn = ElementTree.parse(PICTURES / f"{name}.svg").getroot()
    assert drawn.find("{http://www.w3.org/2000/svg}title") is not None
    assert (PICTURES / f"{name}.svg").stat().st_size < 30_000


def test_the_page_has_no_other_pictures_and_no_broken_links() -> None:
    assert {path.stem for path in PICTURES.iterdir()} == set(NAMES)
    for target in re.findall(r"\]\(([^)#]+)\)", page()):
        assert (ROOT / "docs" / target).exists(), target
    titles = re.findall(r"^## (.+)$", page(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", page())) == anchors


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SLOW])
def test_the_page_says_what_the_examples_return(name: str) -> None:
    numbers, told = load(name).numbers(), quoted(name)
    assert list(numbers) == list(told)
    for what, value in numbers.items():
        # Long trainings round differently on other processors: a hundredth of the number is borne.
        close = {"rel_tol": 0.01, "abs_tol": last_digit(told[what])}
        assert math.isclose(value, parsed(told[what]), **close), what


def test_an_example_runs_alone_and_draws(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "missing_factor.py"), "--picture", "drawn.svg"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "as printed: θ" in done.stdout
    assert ElementTree.parse(tmp_path / "drawn.svg") is not None


# What is known.


def test_three_points_end_at_the_smallest_exact_fit() -> None:
    found = load("three_points").numbers()
    assert [found[w] for w in ("w1", "w2", "b")] == pytest.approx([2 / 3, 1 / 3, -1 / 3], abs=1e-5)
    assert found["largest error left"] < 1e-5


def test_two_weights_end_where_start_and_data_say() -> None:
    for name, visited in load("two_weights").paths().items():
        near = 0.01 if name == "RMSprop" else 1e-3  # one learning rate
        assert visited[-1].tolist() == pytest.approx([0.05, 2.0, -0.05], abs=near), name


def test_without_its_minus_the_gradient_climbs() -> None:
    found = load("wrong_sign").numbers()
    assert 4e15 < found["as printed: size of w1"] < 6e15
    assert found["as printed: loss"] > 1e30
    example, two = load("wrong_sign"), load("two_weights")
    w = torch.tensor([0.3, -0.2, 0.7], dtype=torch.float64, requires_grad=True)
    (right,) = torch.autograd.grad(two.loss(w), w)
    assert torch.allclose(example.printed(w.detach()), -right)


def test_a_noisy_line_is_the_least_squares_line() -> None:
    found = load("noisy_line").numbers()
    slope, intercept = found["slope"], found["intercept"]
    assert slope == pytest.approx(found["slope of the least-squares line"], abs=1e-6)
    assert intercept == pytest.approx(found["intercept of the least-squares line"], abs=1e-6)
    assert intercept == pytest.approx(2.5, abs=0.2)


def test_without_factor_and_bias_the_means_agree() -> None:
    found = load("missing_factor").numbers()
    assert found["as printed: θ"] == pytest.approx(found["mean(y) / mean(x)"], rel=0.01)
    assert found["as printed: θ"] == pytest.approx(8, abs=1)
    worse = found["as printed: mean squared error"]
    assert worse > 10 * found["least squares: mean squared error"]


def test_five_points_and_the_broadcast_product() -> None:
    found = load("five_points").numbers()
    assert (found["w"], found["b"]) == pytest.approx((2, 0), abs=0.01)
    wrong = load("broadcasting").numbers()
    assert wrong["products of errors and inputs"] == 25
    assert 1e279 < wrong["as printed: size of w"] < 1e285


def test_the_printed_momentum_grows_by_half_a_step() -> None:
    found = load("momentum_as_printed").numbers()
    assert found["as printed: growth a step"] == pytest.approx(1.5)
    assert 1e34 < found["as printed: distance"] < 1e36
    assert found["same gradient twice: distance"] == pytest.approx(1.8**200, rel=1e-6)
    assert found["momentum: distance"] < 1e-5


def test_the_printed_rmsprop_is_gradient_descent_where_it_is_flat() -> None:
    found = load("rmsprop_as_printed").numbers()
    flat = [found[f"{n}: left in the flat direction"] for n in ("as printed", "gradient descent")]
    assert flat[0] == pytest.approx(flat[1], rel=1e-6)
    assert flat[0] > 0.99
    assert abs(found["RMSprop: left in the flat direction"]) < 1e-3


def test_adam_without_corrections_leaps() -> None:
    found = load("adam_without_correction").numbers()
    steps = [value for name, value in found.items() if name.endswith("first step ÷ rate")]
    assert steps == pytest.approx([0.1 / math.sqrt(0.001), 1 / math.sqrt(0.001), 1.0], rel=1e-3)
    ways = [value for name, value in found.items() if "10⁻⁶" in name]
    assert ways[0] < 0.02 * ways[1]


def test_an_exact_gradient_brings_more_a_step_and_less_a_row() -> None:
    found = load("batch_regimes").numbers()
    regimes = "all rows", "32 rows", "one row"
    a_step = [found[f"{name}: loss after 5 steps"] for name in regimes]
    a_row = [found[f"{name}: loss after 5 epochs"] for name in regimes]
    assert a_step == sorted(a_step)
    assert a_row == sorted(a_row, reverse=True)
    assert a_row[0] > 5 * a_row[1]


def test_noise_is_learnt_by_heart_and_not_beyond() -> None:
    found = load("noise_targets").numbers()
    assert found["training rows: error at the end"] < 1 / 12
    assert found["other rows: best error"] > 1 / 12
    assert found["other rows: error at the end"] > found["other rows: best error"]


def test_depth_makes_gradients_vanish_or_explode() -> None:
    curves = load("deeper_vanishes").curves()
    for name in ("sigmoid, Xavier", "ReLU, deviation 0.01"):
        assert curves[name] == sorted(curves[name], reverse=True)
        assert curves[name][-1] < 1e-20 * curves[name][0]
    assert curves["ReLU, 1.5 × Kaiming"][-1] > 1e6 * curves["ReLU, 1.5 × Kaiming"][0]
    for name in ("tanh, Xavier", "ReLU, Kaiming", "sigmoid, batch norm"):
        assert 0.02 < curves[name][-1] / curves[name][0] < 50


def test_backpropagation_by_hand_agrees_and_a_forgotten_factor_is_found() -> None:
    example = load("finite_differences")
    weights, x, y = example.network(seed=1)
    exact = example.by_differences(weights, x, y)
    assert example.apart(example.by_hand(weights, x, y), exact) < 1e-8
    assert example.apart(example.by_hand(weights, x, y, slope=False), exact) > 0.1
    hand, torchs = example.by_hand(weights, x, y), example.by_autograd(weights, x, y)
    assert example.apart(hand, torchs) < 1e-13


def test_every_rule_reaches_the_lowest_point_of_a_convex_problem() -> None:
    example = load("convex")
    assert {*example.CONSTANT, *example.FALLING} == {*example.kinds()}
    for kind in example.kinds():
        assert example.error(kind) < example.CLOSE, kind
    told = quoted("convex")
    assert parsed(told["that reach the lowest point"]) == len(example.kinds())
    assert parsed(told["of these at a constant rate"]) == len(example.CONSTANT)
    section = page().split("## Convex")[1].split("## ")[0]
    for kind in example.FALLING:
        assert f"`{kind}`" in section


def test_not_convex_different_starts_end_in_different_minima() -> None:
    found = load("two_minima").numbers()
    deeper, other = (found[name] for name in list(found)[:2])
    assert deeper + other == 100
    assert min(deeper, other) > 30
    assert found["networks that solve exclusive or, of 200"] > 20
    assert found["networks that don't"] > 20


def test_an_autoencoder_beats_the_mean_image() -> None:
    found = load("autoencoder").numbers(None, epochs=100)
    assert found["pixels"] == 64
    least, last = (
        found[n] for n in ("least that any image could have", "the same on training rows")
    )
    assert least < last < found["cross-entropy a pixel, first epoch"]
    assert found["squared error a pixel"] < 0.75 * found["squared error of the mean image"]
    told = {name: parsed(value) for name, value in quoted("autoencoder").items()}
    assert told["squared error a pixel"] < 0.3 * told["squared error of the mean image"]


def test_an_unrelated_autoencoder_changes_no_bit_and_a_shared_encoder_does() -> None:
    example = load("alternating")
    scores, same = example.outcomes(3, 3)
    assert same == 3
    assert scores["labels alone"] == scores["two unrelated models"]
    assert scores["labels alone"] != scores["shared encoder"]
    told = quoted("alternating")
    assert told["two unrelated models: classifiers with the same bits"] == told["seeds"]
    assert list(example.numbers(3, 3))[:4] == list(told)[:4]


def test_self_supervision_after_the_labels_undoes_them() -> None:
    found = load("orders_of_pretraining").outcomes(3, 20)
    means = {name: sum(scores) / 3 for name, scores in found.items()}
    assert means["labels, then self-supervised"] < means["labels alone"] - 5
    told = {name: parsed(value) for name, value in quoted("orders_of_pretraining").items()}
    assert told["labels, then self-supervised: to"] < 0
