"""Statistics: means, intervals, tests, effects, power."""
