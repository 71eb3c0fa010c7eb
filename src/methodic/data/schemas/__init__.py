"""What the columns of a table mean: found out, written down, read back, shown."""
