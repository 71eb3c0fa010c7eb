"""Training a user's own module."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.data.splits import split
from methodic.errors import InputError
from methodic.runs.own import train_module
from tests.runs.conftest import recipe

ADAM = recipe("adam", optimizer={"kind": "adam", "lr": 0.02})
STEPS = 150


def net(outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, outputs))


def test_sequential(iris: DataSet) -> None:
    module = net()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    trained = train_module(module, iris, ADAM, steps=STEPS)
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())
    assert module.training, "nor its mode"
    assert trained.test > 0.85
    assert trained.steps == STEPS
    assert trained.status == "finished"
    assert trained.curve[-1].step == STEPS
    assert trained.validation == max(point.score or 0 for point in trained.curve)
    # The scores are those of the module that is handed back, on raw rows.
    cut = split(iris, 0)
    for index, score in ((cut.test, trained.test), (cut.validation, trained.validation)):
        rows = iris.frame[index]
        answers = trained.predict(rows.drop(iris.schema.target)).argmax(-1)
        names = [iris.schema.classes[i] for i in answers]
        hits = np.mean([a == b for a, b in zip(names, rows[iris.schema.target], strict=True)])
        assert score == pytest.approx(hits)


def test_batch_norm_and_dropout_come_back_in_evaluation_mode(iris: DataSet) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
    )
    trained = train_module(module, iris, ADAM, steps=STEPS)
    assert not trained.module.training
    assert trained.module[1].num_batches_tracked > 0  # type: ignore[index, union-attr]
    assert module[1].num_batches_tracked == 0
    rows = iris.frame.drop(iris.schema.target)
    assert torch.equal(trained.predict(rows), trained.predict(rows))
    torch.testing.assert_close(trained.predict(rows)[7:8], trained.predict(rows[7:8]))
    assert trained.test > 0.85


def test_the_same_seed_gives_the_same_module(iris: DataSet) -> None:
    module = nn.Sequential(net(), nn.Dropout(0.1))
    first = train_module(module, iris, ADAM, steps=20, seed=3)
    torch.rand(5)
    second = train_module(module, iris, ADAM, steps=20, seed=3)
    other = train_module(module, iris, ADAM, steps=20, seed=4)
    for a, b in zip(first.module.parameters(), second.module.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(next(first.module.parameters()), next(other.module.parameters()))


def test_training_starts_from_the_module_s_own_weights(iris: DataSet) -> None:
    """A rate that moves nothing: what comes back is what went in."""
    module = net()
    still = recipe("still", optimizer={"kind": "sgd", "lr": 1e-30})
    trained = train_module(module, iris, still, steps=3)
    for a, b in zip(module.parameters(), trained.module.parameters(), strict=True):
        assert torch.equal(a, b)


class Mixed(nn.Module):
    """Numbers and categories by name; one number out, as a vector."""

    def __init__(self, numbers: int, codes: int) -> None:
        super().__init__()
        self.table = nn.Embedding(codes, 3)
        self.dense = nn.Linear(numbers + 3, 1)

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        joined = torch.cat([numeric, self.table(categorical[:, 0])], 1)
        return self.dense(joined).squeeze(1)


def test_several_inputs_by_name_and_a_number_to_predict() -> None:
    x = np.random.default_rng(0).normal(size=120)
    colour = [("red", "green", "blue")[i % 3] for i in range(120)]
    shift = np.array([{"red": 0.0, "green": 5.0, "blue": -5.0}[c] for c in colour])
    data = load(pl.DataFrame({"x": x, "colour": colour, "y": 3 * x + shift + 1000}), "y")
    torch.manual_seed(0)
    trained = train_module(Mixed(1, 4), data, ADAM, steps=300)
    assert trained.metric == "rmse"
    assert trained.test < 1.5
    answers = trained.predict(data.frame.drop("y"))
    assert answers.shape == (120, 1)
    assert float(answers.mean()) == pytest.approx(1000, abs=3), "in the target's units"


def test_wrong_shapes(iris: DataSet) -> None:
    with pytest.raises(InputError, match=r"Sequential\.forward") as caught:
        train_module(net(outputs=2), iris, ADAM, steps=3)
    assert "3)" in (caught.value.accepted or "")


def test_wrong_arguments(iris: DataSet) -> None:
    with pytest.raises(InputError, match=r"must be a torch\.nn\.Module") as caught:
        train_module("adam", iris, ADAM)  # type: ignore[arg-type]
    assert caught.value.found == "str"
    with pytest.raises(InputError, match="steps must be at least 1"):
        train_module(net(), iris, ADAM, steps=0)
    with pytest.raises(InputError, match="no recipe"):
        train_module(net(), iris, "adamm", steps=3)


def test_ranges_take_their_middle_and_the_network_of_the_recipe_is_left_out(iris: DataSet) -> None:
    ranged = recipe("ranged", optimizer={"kind": "sgd", "lr": {"log_uniform": [0.01, 1.0]}})
    trained = train_module(net(), iris, ranged, steps=3)
    assert trained.recipe.stages[0].turns[0].optimizer.lr == pytest.approx(0.1)
    assert set(dict(trained.module.named_parameters())) == set(dict(net().named_parameters()))


def test_the_last_weights_come_with_their_own_score(iris: DataSet) -> None:
    last = recipe("last", optimizer={"kind": "sgd", "lr": 1.0}, stop={"keep": "last"})
    trained = train_module(net(), iris, last, steps=57)
    assert trained.validation == trained.curve[-1].score
    assert trained.validation < max(point.score or 0 for point in trained.curve)


class Tied(nn.Module):
    """Two layers with one weight, and a frozen one."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen, self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.weight = self.one.weight
        self.frozen.requires_grad_(False)
        self.head = nn.Linear(4, 3)

    def forward(self, *, numeric: Tensor) -> Tensor:
        return self.head(torch.relu(self.two(torch.relu(self.one(self.frozen(numeric))))))


def test_tied_and_frozen_weights_come_back_so(iris: DataSet) -> None:
    torch.manual_seed(0)
    module = Tied()
    decaying = recipe("d", optimizer={"kind": "adamw", "lr": 0.02, "weight_decay": 0.1})
    trained = train_module(module, iris, decaying, steps=STEPS)
    back = trained.module
    assert isinstance(back, Tied)
    assert back.two.weight is back.one.weight
    assert torch.equal(back.frozen.weight, module.frozen.weight)
    assert not back.frozen.weight.requires_grad
    assert not torch.equal(back.one.weight, module.one.weight)
    assert trained.preflight.width == "vmap"
    answers = trained.predict(iris.frame.drop(iris.schema.target))
    assert answers.shape == (iris.frame.height, 3)
    assert trained.predict(iris.frame.drop(iris.schema.target)[:0]).shape == (0, 3)


def test_the_preflight_is_made_and_told(iris: DataSet) -> None:
    dropping = nn.Sequential(net(), nn.Dropout(0.1))
    told = train_module(dropping, iris, ADAM, steps=3).preflight
    assert told.width == "alone"
    assert told.reason == "layer '1' (Dropout) draws from torch's generator"
    assert told.repeatable


class Clamped(nn.Module):
    """Trains in the engine without an error, but not as in plain PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.dense.weight.data.clamp_(-0.1, 0.1)
        return self.dense(x)


def test_what_the_preflight_refuses_is_not_trained(iris: DataSet) -> None:
    with pytest.raises(InputError, match=r"'dense\.weight' of Clamped is written to in forward"):
        train_module(Clamped(), iris, ADAM, steps=3)
    with pytest.raises(InputError, match=r"layer '1' \(Linear\) fails in training"):
        train_module(nn.Sequential(nn.Linear(4, 5), nn.Linear(6, 3)), iris, ADAM, steps=3)
    with pytest.raises(InputError, match=r"layer '0' \(LazyLinear\) has no shape yet"):
        train_module(nn.Sequential(nn.LazyLinear(3)), iris, ADAM, steps=3)


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU])
def test_recurrent_layers(iris: DataSet, layer: type[nn.RNNBase]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = layer(1, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x.unsqueeze(-1))[0][:, -1])

    torch.manual_seed(0)
    trained = train_module(Net(), iris, ADAM, steps=200)
    assert trained.test > 0.8
    rows = iris.frame.drop(iris.schema.target)
    torch.testing.assert_close(trained.predict(rows)[3:5], trained.predict(rows[3:5]))


@pytest.mark.parametrize("name", ["fixmatch", "consistency", "mean_teacher", "pseudo_labels"])
def test_rows_without_targets_teach_a_module_too(iris: DataSet, name: str) -> None:
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    trained = train_module(net, iris, name, steps=20)
    assert trained.steps == 20


def test_a_method_that_needs_a_teacher_says_so(iris: DataSet) -> None:
    net = nn.Sequential(nn.Linear(4, 3))
    with pytest.raises(InputError, match="distillation learns from a trained network"):
        train_module(net, iris, "distillation", steps=5)
