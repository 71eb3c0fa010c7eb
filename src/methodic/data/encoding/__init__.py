"""From columns to tensors: each kind of column, and all of them together."""
