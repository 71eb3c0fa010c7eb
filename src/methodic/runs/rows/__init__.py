"""The rows of a run: split, encoded, kept, and what is wrong with them."""
