"""Images: found in folders and tables, decoded once, kept as bytes [C, H, W].

`reading` finds them, `columns` turns cells into pixels, `decoding` knows one file, `sizes` chooses
what all are resized to, `arrays` and `idx` are for what is pixels already.
"""

from methodic.data.images.reading import Pictures, holds_images, read, rows_of

__all__ = ["Pictures", "holds_images", "read", "rows_of"]
