"""What becomes of a run: scores, the shipped model, closer looks, the same run again."""
