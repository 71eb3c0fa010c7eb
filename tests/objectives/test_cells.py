"""The cells of a row, and what a decoder's answers about them cost."""

from __future__ import annotations

import pytest
import torch
from objectives import looking
from reference import unlabelled as literal

from methodic.models.inputs import Inputs
from methodic.objectives.cells import Cells

WHOLE = Inputs(numeric=2, categorical=2, codes=7, sizes=(3, 4), array=3)
IMAGES = Inputs(array=12, shape=(2, 2, 3), scaling=((0.5, 0.2), (0.3, 0.4)))


def test_counts() -> None:
    cells = Cells(WHOLE)
    assert (cells.numbers, cells.outputs, cells.columns) == (5, 12, 7)
    only = Cells(Inputs(categorical=2, codes=7, sizes=(3, 4)))
    assert (only.numbers, only.outputs, only.columns) == (0, 7, 2)


@pytest.mark.parametrize("inputs", [WHOLE, Inputs(numeric=3), looking.TABLE])
@pytest.mark.parametrize("binary", [False, True])
def test_like_the_literal_version(inputs: Inputs, binary: bool) -> None:
    cells, rows = Cells(inputs), looking.table(inputs)
    rows = {n: x.sigmoid() if x.is_floating_point() and binary else x for n, x in rows.items()}
    generator = torch.Generator().manual_seed(3)
    found = torch.randn(2, 6, cells.outputs, generator=generator, dtype=torch.float64)
    costs = cells.costs(found, rows, binary)
    assert costs.shape == (2, 6, cells.columns)
    for m in range(2):
        for b in range(6):
            numbers = [x for n in ("numeric", "array") if n in rows for x in rows[n][m, b].tolist()]
            codes: list[int] = []
            if inputs.sizes:  # one table for all columns, one's codes behind the other's
                firsts = (0, inputs.sizes[0])
                codes = [int(c) - f for c, f in zip(rows["categorical"][m, b], firsts, strict=True)]
            wanted = literal.cells(found[m, b].tolist(), numbers, codes, inputs.sizes, binary)
            assert looking.close(costs[m, b], wanted)


def test_images_count_as_they_are_standardised() -> None:
    rows = looking.table(IMAGES)
    wanted = Cells(IMAGES).wanted(rows).view(2, 6, 2, 2, 3)
    for channel, (mean, deviation) in enumerate(IMAGES.scaling):
        own = (rows["array"][:, :, channel] - mean) / deviation
        torch.testing.assert_close(wanted[:, :, channel], own)
    assert torch.equal(Cells(IMAGES, unit=True).wanted(rows), rows["array"].flatten(2))
    plain = Inputs(array=12, shape=(2, 2, 3))
    assert torch.equal(Cells(plain).wanted(rows), rows["array"].flatten(2))


def test_columns_beside_an_image() -> None:
    inputs = Inputs(numeric=2, array=12, shape=(2, 2, 3), scaling=IMAGES.scaling)
    rows = looking.table(inputs)
    wanted = Cells(inputs).wanted(rows)
    assert torch.equal(wanted[..., :2], rows["numeric"])
    assert torch.equal(wanted[..., 2:], Cells(IMAGES).wanted({"array": rows["array"]}))
