"""The update rules as torch.optim optimizers: formulas, written down and run in place."""
