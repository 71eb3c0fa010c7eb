import numpy as np
import pytest
from sklearn import datasets

from methodic.baselines import Rows


def parts(x, y, categorical=None):
    """Training, validation and test rows: 60, 20 and 20%."""
    order = np.random.default_rng(0).permutation(len(y))
    cuts = np.split(order, [int(0.6 * len(y)), int(0.8 * len(y))])
    return [
        Rows(
            None if x is None else x[cut],
            None if categorical is None else categorical[cut],
            y[cut],
        )
        for cut in cuts
    ]


@pytest.fixture
def split():
    return parts


@pytest.fixture
def bundled():
    def load(name):
        return parts(*getattr(datasets, f"load_{name}")(return_X_y=True))

    return load
