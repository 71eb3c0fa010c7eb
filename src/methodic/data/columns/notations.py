"""How the cells of a text column write numbers, dates and times, and what they are then.

A cell by itself tells most of it: 1234.5 and 1,234.5 are numbers, 2024-01-31 is a date. The rest
only a column tells: whether the comma of 1,234 is a decimal comma, whether 12% stands among shares
or beside a plain 12, whether 03/04/2024 is in March or in April. This is the column's *notation*:
"" where each cell tells by itself, one of `NUMBERS`, or a format of dates or times such as
"%d/%m/%Y". Years of two digits are 1970 to 2069, or, where a column's years lie closer together so,
the hundred years that its notation names: "%d/%m/%y since 1935".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

COMMA = "1.234,5"
"""The notation of numbers with a decimal comma; points, spaces or apostrophes part thousands."""
PERCENT, COMMA_PERCENT = "1,234.5%", "1.234,5%"
"""Notations of shares that all have a percent sign, but for 0: a 7 among them may mean 7 or 7%."""
NUMBERS = (COMMA, PERCENT, COMMA_PERCENT)
"""The notations of numbers that a column has to tell."""

SINCE = " since "
"""In a notation, between the format of dates and the year at which years of two digits begin."""

FIRST, LAST = 1901, 1970
"""The years that may stand there; 1900 had no 29 February."""

_PIVOT = 70  # years of two digits below it are 20… unless their column says otherwise
_GAP = 10  # years that are missing between two centuries, at least
_PEEK = 1000  # so many cells are tried before a long column is parsed
_GROUP = "[ '’\u00a0\u202f{}]"  # what parts thousands, beside a comma or a point
_NUMBER = (
    r"^[+-]?(?:(?:[1-9]\d{{0,2}}(?:{group}\d{{3}})+|\d+)(?:{mark}\d*)?|{mark}\d+)"
    r"(?:[eE][+-]?\d+)?{sign}$"
)
_ZERO = r"^[+-]?0+(?:{mark}0*)?$"
_TIMES = ("%H:%M:%S", "%H:%M", "%H:%M:%S%.f", "%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p")
_ISO_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d")
_DATES = (
    *("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%y", "%m-%d-%y"),
    *("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y", "%a, %d %b %Y", "%Y-%b-%d"),
    *("%d %B %Y", "%B %d, %Y", "%B %d %Y"),
)
_FORMATS = (*_DATES, *(f"{date} {time}" for date in _DATES for time in _TIMES), *_TIMES)
_ZONE = r"(?:[Zz]|[+-]\d{2}:?\d{2})$"


def notation(cells: pl.Series) -> str | None:
    """In what way all cells of a column are numbers, dates or times; None where they are texts.

    Of two formats that fit, the one in which the day doesn't vary is taken (03/01, 04/01, 05/01 are
    the first days of three months), else month/day/year, day-month-year and day.month.year.

    Args:
        cells: texts without spaces around them; null where missing.

    Example:
        >>> import polars as pl
        >>> notation(pl.Series(["3,5", "1.200,75"])), notation(pl.Series(["13/04/2024"]))
        ('1.234,5', '%d/%m/%Y')
    """
    known = cells.drop_nulls()
    if not len(known):
        return None
    if plain_numbers(known) is not None:
        return ""
    peek = known.head(_PEEK)
    fitting = [each for each in _candidates(str(peek[0])) if not parse(peek, each).null_count()]
    if len(known) > _PEEK:
        fitting = [each for each in fitting if not parse(known, each).null_count()]
    if not fitting:
        return None
    if len(fitting) > 1 and "%d" in fitting[0] and "%d" in fitting[1]:
        fitting = sorted(fitting[:2], key=lambda each: _days(known, each) > 1)
    return fitting[0] + _since(known, fitting[0])


def parse(cells: pl.Series, notation: str) -> pl.Series:
    """What the cells are: Int64, Float64, Date, Datetime in microseconds (UTC) or Time.

    Args:
        cells: texts without spaces around them; null where missing.
        notation: see the module; null is returned for a cell that isn't written so.
    """
    if notation in NUMBERS:
        mark = "." if notation == PERCENT else ","
        return _shares(cells, mark) if notation.endswith("%") else _numbers(cells, mark)
    if notation:
        return _moments(cells, notation)
    found = plain_numbers(cells)
    if found is not None:
        return found
    first = cells.drop_nulls().head(1)
    if len(first) and _is_iso(str(first[0])):
        return _iso(cells)
    return _numbers(cells, ".")


def mostly_moments(cells: pl.Series) -> tuple[str, pl.Series] | None:
    """How most cells of a column write dates or times, and what `parse` makes of all of them.

    Args:
        cells: different texts without spaces around them, sorted: most are alike, so that the one
            in the middle is of their kind.

    Returns:
        The notation and the moments, null for the other cells; None where most are something else.
    """
    import polars as pl

    middle = cells.gather([len(cells) // 2])
    best = None
    for each in _candidates(str(middle[0])):
        # The first cell tells whether plain texts are dates.
        found = parse(pl.concat([middle, cells]), each).slice(1)
        if found.dtype.is_temporal() and (best is None or found.null_count() < best.null_count()):
            best = found
    if best is None or best.null_count() > len(cells) / 2:
        return None
    written = notation(cells.filter(best.is_not_null())) or ""
    return written, parse(pl.concat([middle, cells]), written).slice(1)


def ambiguous(cells: pl.Series) -> bool:
    """Whether these numbers could as well have a decimal comma: 1,234 beside nothing that tells."""
    import polars as pl

    known = cells.drop_nulls()
    if not len(known) or not known.str.contains(",", literal=True).any():
        return False
    pattern = r"^[+-]?[1-9]\d{0,2},\d{3}\s*%?$"
    either = pl.Series(known).str.contains(pattern) | known.str.contains(r"^[+-]?\d+\s*%?$")
    return bool(either.all())


def _candidates(cell: str) -> list[str]:
    """The notations that a column may have whose first cell this is; cheap."""
    if not any(each.isdigit() for each in cell) or len(cell) > 40:
        return []
    found = ["", *NUMBERS] if cell[-1] in "0123456789.%" or cell[0].isdigit() else []
    if ":" not in cell and sum(each in "-/. ," for each in cell) < 2:
        return found
    return found + [each for each in _FORMATS if _fits(cell, each)]


def _fits(cell: str, form: str) -> bool:
    from datetime import datetime

    try:
        datetime.strptime(cell, form.replace("%.f", ".%f"))
    except ValueError:
        return False
    return True


def _days(known: pl.Series, form: str) -> int:
    return _moments(known, form).dt.day().n_unique()


def plain_numbers(cells: pl.Series) -> pl.Series | None:
    """Texts as integers, or else as floats; None unless all are numbers as programs write them."""
    import polars as pl

    gone = cells.null_count()
    known = len(cells) - gone
    if not known:
        return None
    peek = cells.drop_nulls().head(_PEEK) if known > _PEEK else None
    for kind in (pl.Int64, pl.Float64):
        if peek is not None and peek.cast(kind, strict=False).null_count():
            continue
        parsed = cells.cast(kind, strict=False)
        if parsed.null_count() == gone:
            return parsed if kind == pl.Int64 else parsed.fill_nan(None)
    return None


def _numbers(cells: pl.Series, mark: str) -> pl.Series:
    """Numbers with parted thousands and this decimal mark; integers where it fits."""
    import polars as pl

    texts = _bare(cells, mark, sign="")
    whole = texts.cast(pl.Int64, strict=False)
    if whole.null_count() == texts.null_count():
        return whole
    return texts.cast(pl.Float64, strict=False).fill_nan(None)


def _shares(cells: pl.Series, mark: str) -> pl.Series:
    """Numbers with a percent sign, as floats: 12% is 0.12; 0 may lack the sign."""
    import polars as pl

    shares = _bare(cells, mark, sign=r"\s*%").cast(pl.Float64, strict=False) / 100
    zero = cells.str.contains(_ZERO.format(mark=rf"\{mark}"))
    frame = pl.DataFrame([shares.alias("share"), zero.alias("zero")])
    found = frame.select(pl.when("zero").then(0.0).otherwise("share"))
    return found.to_series().alias(cells.name)


def _bare(cells: pl.Series, mark: str, sign: str) -> pl.Series:
    """Numbers as programs write them, null for other cells.

    Args:
        cells: see `parse`.
        mark: of decimals.
        sign: what follows each number, as a pattern.
    """
    import polars as pl

    other = "," if mark == "." else "."
    pattern = _NUMBER.format(group=_GROUP.format(other), mark=rf"\{mark}", sign=sign)
    cell = pl.col("cell")
    bare = cell.str.replace_all(_GROUP.format(other + r"%\s"), "").str.replace(
        mark, ".", literal=True
    )
    frame = cells.to_frame("cell").select(pl.when(cell.str.contains(pattern)).then(bare))
    return frame.to_series().alias(cells.name)


def _is_iso(cell: str) -> bool:
    return len(cell) >= 8 and cell[:4].isdigit() and cell[4] in "-/." and cell[4] in cell[5:8]


def _iso(cells: pl.Series) -> pl.Series:
    """Year, month and day in this order, perhaps with a time of day, perhaps with its zone."""
    import polars as pl

    start = str(cells.drop_nulls()[0])
    form = _ISO_DATES["-/.".index(start[4])]
    gone = cells.null_count()
    # How most files write them, before what costs more to find out.
    seconds = ("%S%.f", "%S") if "." in start[10:] else ("%S", "%S%.f")
    usual = [f"{form}{start[10:11]}%H:%M:{each}" for each in seconds] if ":" in start else [form]
    for each in usual:
        found = _moments(cells, each)
        if found.null_count() == gone:
            return found
    texts = cells.str.replace("T", " ", literal=True)
    if texts.str.contains(_ZONE).any():
        zoned = texts.str.replace(r"\s*[Zz]$", "+00:00")
        tried = [f"{form} {time}" for time in ("%H:%M:%S%.f%#z", "%H:%M%#z")]
        read = [zoned.str.to_datetime(each, time_unit="us", strict=False) for each in tried]
        parts = [each.dt.replace_time_zone(None) for each in read]
    else:
        tried = [f"{form} %H:%M:%S%.f", f"{form} %H:%M", form]
        parts = [_moments(texts, each).cast(pl.Datetime("us")) for each in tried]
    moments = pl.DataFrame([part.alias(each) for part, each in zip(parts, tried, strict=True)])
    return moments.select(pl.coalesce(tried)).to_series().alias(cells.name)


def _since(known: pl.Series, form: str) -> str:
    """What a notation says of the century, where years aren't those of 1970 to 2069; or nothing.

    Years 40 to 99 are those of one lifetime, and not of 1970 to 1999 and 2040 to 2069. The widest
    gap between them, on the circle of a hundred years, is where a century begins.
    """
    if "%y" not in form:
        return ""
    years = sorted({each % 100 for each in _moments(known, form).dt.year().unique()})
    following = [*years[1:], years[0] + 100]
    widest = max(range(len(years)), key=lambda i: following[i] - years[i])
    first, gap = following[widest] % 100, following[widest] - years[widest]
    usual = sorted((each - _PIVOT) % 100 for each in years)
    if gap < _GAP or first >= _PIVOT or usual[-1] - usual[0] <= 100 - gap:
        return ""
    return f"{SINCE}{max(FIRST, 1900 + first - gap // 2)}"


def _moments(cells: pl.Series, form: str) -> pl.Series:
    """Dates, moments or times of one format."""
    form, _, since = form.partition(SINCE)
    if since:
        found = _moments(cells, form)
        late = found.dt.year() >= int(since) + 100
        return found.zip_with(~late, found.dt.offset_by("-100y"))
    if "%Y" not in form and "%y" not in form:
        return cells.str.to_time(form, strict=False)
    if "%H" not in form and "%I" not in form:
        found = cells.str.to_date(form, strict=False, exact=True, cache=False)
    else:
        # Long columns hold different texts: what repeats is looked at once before.
        found = cells.str.to_datetime(form, time_unit="us", strict=False, exact=True, cache=False)
    if "%Y" not in form or (found.bottom_k(1).dt.year() >= 1000).all():
        return found
    # Polars takes 31/12/24 for a day of the year 24, where a year has four digits.
    return found.set(found.dt.year() < 1000, None)
