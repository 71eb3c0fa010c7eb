"""Data sets by name: those that scikit-learn carries with it, so that no network is needed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from methodic.errors import unknown

if TYPE_CHECKING:
    import polars as pl

_ABOUT = {
    "digits": "handwritten digits, 8×8 grey values (UCI, Alpaydin and Kaynak 1998)",
    "breast_cancer": "tumours, malignant or benign, by 30 measures of cell nuclei (UCI, 1995)",
    "wine": "wines of three growers by 13 chemical measures (UCI, 1991)",
    "iris": "iris flowers of three kinds by four lengths (Fisher 1936)",
    "diabetes": "progress of diabetes in a year, by ten measures (Efron et al. 2004)",
}


def builtin_names() -> tuple[str, ...]:
    """The names that `builtin` knows.

    Example:
        >>> "iris" in builtin_names()
        True
    """
    return tuple(_ABOUT)


def builtin(name: str) -> tuple[pl.DataFrame, str, str]:
    """A bundled data set: its table, the name of the target column, and a line about it.

    Raises:
        InputError: no set has this name.
    """
    if name not in _ABOUT:
        raise unknown("built-in data set", name, _ABOUT)
    if name == "digits" and (table := _digits()) is not None:
        return table, "target", _ABOUT[name]
    import numpy as np
    import polars as pl
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    frame = pl.DataFrame(
        {str(each): bunch.data[:, i] for i, each in enumerate(bunch.feature_names)}
    )
    target = bunch.target
    if hasattr(bunch, "target_names") and name != "digits":
        target = np.asarray(bunch.target_names)[target].astype(str).tolist()
    return frame.with_columns(pl.Series("target", target)), "target", _ABOUT[name]


def _digits() -> pl.DataFrame | None:
    """Digits from their file: importing scikit-learn takes a second, and most runs begin here.

    Returns:
        what scikit-learn's function would; None where the file isn't where it is expected.
    """
    import numpy as np
    import polars as pl

    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if not path.is_file():
        return None
    table = np.loadtxt(path, delimiter=",")
    frame = pl.DataFrame({f"pixel_{i // 8}_{i % 8}": table[:, i] for i in range(64)})
    return frame.with_columns(pl.Series("target", table[:, 64].astype(int)))
