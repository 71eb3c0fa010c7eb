"""Data that are larger than the memory a user gives them: read piece by piece, never whole.

`pieces` cuts files into tables, `keys` names rows by their content, `survey` looks at all rows
once and keeps a sample of them, `parts` divides rows without knowing the others, and `maps` holds
encoded rows in a file from which training reads. A data set of this kind has the sample as its
frame, so whatever looks at a data set sees rows of the whole file; `runs.rows.streaming` encodes
all of them.
"""

from methodic.data.large.survey import Large, sampled

__all__ = ["Large", "sampled"]
