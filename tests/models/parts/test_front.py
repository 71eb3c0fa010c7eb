"""What enters a network as one vector: numbers, one-hot categories, embeddings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methodic.models.inputs import Inputs
from methodic.models.parts.front import Front, OneHot
from methodic.models.parts.numeric import PBLD
from tests.models.passes import MEMBERS, pass_of, same_rows, scattered, table

SIZES = (3, 6, 21)  # unseen and 2, 5, 20 categories


def inputs(numeric: int = 3) -> Inputs:
    return Inputs(numeric=numeric, categorical=3, codes=30, sizes=SIZES)


class Model:
    """A front as a model."""

    def __init__(self, front: Front) -> None:
        self.front = front

    def parameters(self) -> dict[str, object]:
        return {k: v for layer in self.front.layers() for k, v in layer.parameters().items()}

    def buffers(self) -> dict[str, object]:
        return {k: v for layer in self.front.layers() for k, v in layer.buffers().items()}


def test_parts_stand_side_by_side_and_small_columns_are_one_hot() -> None:
    front = Front(inputs(), embedding=4, one_hot=5)
    assert front.parts == (1, 1, 1, 2, 5, 4)
    assert front.features == 14
    model, x = Model(front), table(40, 3, SIZES)
    run = pass_of(model, scattered(model))
    got = front(run, x)
    for m in range(MEMBERS):
        assert torch.equal(got[m, :, :3], x["numeric"][m])
        for row, codes in enumerate(x["categorical"][m].tolist()):
            due = [0.0] * 7
            for code, start, size, at in zip(codes[:2], (0, 3), (2, 5), (0, 2), strict=True):
                if code > start:
                    due[at + code - start - 1] = 1.0
                assert code <= start + size
            assert got[m, row, 3:10].tolist() == due
            # Codes 9 … 29 are rows 0 … 20 of a table that has no others.
            own = run.parameters["embedding.table"][m, codes[2] - 9]
            assert torch.equal(got[m, row, 10:], own)
    assert run.parameters["embedding.table"].shape == (MEMBERS, 21, 4)


def test_without_known_sizes_everything_is_embedded() -> None:
    front = Front(Inputs(numeric=3, categorical=3, codes=30), embedding=4, one_hot=5)
    assert front.one_hot is None
    assert front.features == 3 + 3 * 4
    assert front.embedding is not None
    assert front.embedding.codes == 30


def test_two_categories_are_one_signed_entry() -> None:
    layer = OneHot("o", (0, 1), (1, 4), (2, 5), signed=True)
    codes = torch.tensor([[[0, 3], [1, 4], [2, 8]]])
    got = layer(pass_of(Model(Front(inputs(), embedding=1)), {"a": torch.ones(1)}), codes)
    assert got[0].tolist() == [[0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [-1, 0, 0, 0, 0, 1]]


def test_scaled_entries_are_like_encoded_numbers() -> None:
    """Median, quartiles, smooth clipping: literally, over the training rows' entries."""
    layer = OneHot("o", (0, 1), (1, 4), (2, 5), signed=True, scaled=True)
    generator = np.random.default_rng(0)
    first = generator.choice(3, 60, p=[0.1, 0.6, 0.3])
    second = generator.choice(6, 60, p=[0.0, 0.5, 0.3, 0.1, 0.1, 0.0]) + 3
    codes = torch.tensor(np.stack([first, second], 1)).expand(MEMBERS, -1, -1)
    plain = OneHot("o", (0, 1), (1, 4), (2, 5), signed=True)(None, codes)  # type: ignore[arg-type]
    run = pass_of(layer, {"a": torch.ones(MEMBERS)})
    run = pass_of(layer, {"a": torch.ones(MEMBERS)}, buffers=layer.fitted(run, codes))
    got = layer(run, codes)[0].numpy()
    for h, column in enumerate(plain[0].double().numpy().T):
        low, q25, middle, q75, high = np.quantile(column, [0, 0.25, 0.5, 0.75, 1])
        width = q75 - q25 if q75 > q25 else (high - low) / 2
        z = (column - middle) / width if width else 0 * column
        np.testing.assert_allclose(got[:, h], z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-6, atol=1e-6)
    assert set(np.round(got[:, 5], 6)) == {0.0}, "the last category is in no training row"


@pytest.mark.parametrize("numeric", [0, 3])
def test_embedded_numbers_and_their_absence(numeric: int) -> None:
    front = Front(inputs(numeric), embedding=4, numeric=PBLD("numeric", numeric), one_hot=5)
    assert (front.numeric is None) == (numeric == 0)
    model, x = Model(front), table(7, numeric, SIZES)
    got = front(pass_of(model, scattered(model)), x)
    assert got.shape == (MEMBERS, 7, 4 * numeric + 11)
    assert front.features == got.shape[2]
    assert len(same_rows(x)) == len(x)
