"""Tables that live in memory: polars, pandas, NumPy, tensors and lists become polars frames."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from methodic.data.images.arrays import column_of
from methodic.data.sources.columnar import named
from methodic.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

ACCEPTED = "a file name, a polars or pandas frame, a NumPy array, a tensor, or a list of rows"


def as_frame(source: Any) -> pl.DataFrame:
    """A table as a polars frame.

    The columns of arrays and lists are called x0, x1, …; an array of three or more dimensions
    becomes the one column x, whose cells are arrays: images, if they are bytes in the shape of
    images (see `images.arrays.layout`).

    Args:
        source: a polars or pandas frame, or rows × columns (× …) as array, tensor or lists.

    Raises:
        InputError: something else; ragged; sparse; without rows; two columns of one name.
    """
    import polars as pl

    if isinstance(source, pl.LazyFrame):
        return named(source.collect())
    if isinstance(source, pl.DataFrame):
        return named(source)
    if _is_pandas(source, "DataFrame"):
        return _from_pandas(source)
    if hasattr(source, "toarray"):
        raise InputError("sparse matrices can't be used", advice="Pass source.toarray().")
    array = as_array(source)
    if array.ndim < 2 or 0 in array.shape:
        raise InputError(
            "the data must have rows and columns",
            found=f"an array of shape {array.shape}",
            accepted="rows × columns, each at least 1",
            advice="For a single column, pass array.reshape(-1, 1)." if array.ndim == 1 else None,
        )
    if array.ndim > 2:
        if array.dtype.kind not in "biuf":
            raise InputError("arrays of 3 or more dimensions must hold numbers", found=array.dtype)
        if array.dtype.kind == "b":
            array = array.astype("float32")  # bytes would be images
        return pl.DataFrame([column_of(array.copy(order="C"), "x")])
    return pl.DataFrame([as_series(array[:, i], f"x{i}") for i in range(array.shape[1])])


def as_array(source: Any) -> np.ndarray[Any, Any]:
    """A NumPy array of numbers, texts or objects; tensors are recognised by their methods."""
    import numpy as np

    if hasattr(source, "detach") and hasattr(source, "cpu"):
        tensor = source.detach().cpu()
        # NumPy has no bfloat16; float32 holds each of its values.
        return _real((tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy())
    if isinstance(source, Sequence) and not isinstance(source, str | bytes):
        return _from_lists(source)
    if isinstance(source, np.ndarray):
        return _real(source)
    if hasattr(source, "__array__"):
        return _real(np.asarray(source))
    raise InputError("this can't be read as data", found=type(source).__name__, accepted=ACCEPTED)


def _real(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array in a form that polars takes: native bytes, floats of 32 or 64 bits."""
    import numpy as np

    kind = array.dtype
    if kind.kind == "c":
        raise InputError("complex numbers can't be used", found=f"an array of {kind}")
    if kind.kind in "Mm":  # polars has no hours and no months
        return array.astype(kind.str.partition("[")[0] + "[us]")
    if kind.kind == "f" and kind.itemsize not in (4, 8):
        return array.astype(np.float32 if kind.itemsize < 4 else np.float64)
    return array.astype(kind.newbyteorder("="), copy=False)


def _from_lists(source: Sequence[Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    def width(row: Any) -> int | None:
        return len(row) if hasattr(row, "__len__") and not isinstance(row, str | bytes) else None

    widths = [width(row) for row in source]
    odd = next((i for i, each in enumerate(widths) if each != widths[0]), None)
    if odd is not None:
        raise InputError(
            f"the rows of the list have different lengths: row {odd + 1}",
            found=f"{widths[odd] or 'no'} cells, and the first row has {widths[0] or 'none'}",
            accepted="as many cells in each row",
        )
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise InputError("the nested lists are ragged", found=error) from None
    # NumPy turns [1, "a"] into two texts; as objects each column keeps its own type.
    return np.asarray(source, dtype=object) if array.dtype.kind in "USO" else _real(array)


def as_series(source: Any, name: str) -> pl.Series:
    """One column, such as a target, as a polars series called ``name``.

    Raises:
        InputError: it has more than one column.
    """
    import polars as pl

    if isinstance(source, pl.Series):
        return source.alias(name)
    if _is_pandas(source, "Series"):
        return _from_pandas(source.to_frame("x")).to_series().alias(name)
    if _is_pandas(source, "DataFrame") or isinstance(source, pl.DataFrame):
        frame = as_frame(source)
        if frame.width != 1:
            raise InputError("one target column is used", found=f"{frame.width} columns")
        return frame.to_series().alias(name)
    array = as_array(source)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(
            "the target must be one value per row",
            found=f"an array of shape {array.shape}",
            accepted="shape (rows,) or (rows, 1)",
        )
    if array.dtype.kind in "OSU":
        return _from_objects(array.tolist(), name)
    return pl.Series(name, array.copy())


def _from_objects(cells: list[Any], name: str) -> pl.Series:
    """Cells of one Python type keep it; of several, they become texts."""
    import polars as pl

    cells = [None if _is_missing(each) else each for each in cells]
    kinds = {type(each) for each in cells if each is not None}
    if kinds and all(issubclass(kind, bool) for kind in kinds):
        return pl.Series(name, cells, dtype=pl.Boolean)
    if kinds and all(issubclass(kind, Real) for kind in kinds):
        whole = all(issubclass(kind, Integral) for kind in kinds)
        small = whole and all(abs(int(each)) < 2**63 for each in cells if each is not None)
        make: type[int] | type[float] = int if small else float
        made = [None if each is None else make(each) for each in cells]
        return pl.Series(name, made, dtype=pl.Int64 if small else pl.Float64)
    return pl.Series(name, [_text(each) for each in cells], dtype=pl.String)


def _is_missing(cell: Any) -> bool:
    # pandas' NA answers no comparison, so it is told by its name.
    missing_types = ("NAType", "NaTType", "NoneType")
    return type(cell).__name__ in missing_types or (isinstance(cell, Real) and cell != cell)


def _text(cell: Any) -> str | None:
    if cell is None:
        return None
    return cell.decode(errors="backslashreplace") if isinstance(cell, bytes) else str(cell)


def _is_pandas(source: Any, kind: str) -> bool:
    # By name: importing pandas to ask would cost a second, and it may not be installed.
    return type(source).__name__ == kind and type(source).__module__.split(".")[0] == "pandas"


def _from_pandas(source: Any) -> pl.DataFrame:
    import polars as pl

    names = [str(name) for name in source.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            "two columns of the frame have the same name",
            found=", ".join(f"'{name}'" for name in twice),
            accepted="a different name for each column",
        )
    columns = []
    for i, name in enumerate(names):
        columns.append(_from_pandas_column(source.iloc[:, i], name))
    return pl.DataFrame(columns)


def _from_pandas_column(column: Any, name: str) -> pl.Series:
    """A copy: whoever changes the frame later doesn't change what was loaded."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    if type(column.dtype).__name__ == "SparseDtype":
        column = column.sparse.to_dense()
    if str(column.dtype) == "object":
        return _from_objects(column.to_numpy().tolist(), name)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufc":
        found = as_series(column.to_numpy(), name)
        return found.fill_nan(None) if found.dtype.is_float() else found
    try:
        return pl.Series(name, pl.from_pandas(column.rename(name).copy()))
    except (pa.ArrowException, pl.exceptions.PolarsError, TypeError) as error:
        raise InputError(
            f"column '{name}' of the frame can't be read",
            found=f"{column.dtype}: {error}",
            accepted="numbers, texts, categories, truth values, dates",
            advice="Convert it with astype, or leave it out.",
        ) from None
