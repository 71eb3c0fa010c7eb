"""A user's own torch.nn.Module: as a model, and whether it trains as plain PyTorch trains it."""
