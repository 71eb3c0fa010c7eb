"""A closer look at one model."""
