"""The kinds of parts that a recipe can have: one family per file, its union at the end."""
