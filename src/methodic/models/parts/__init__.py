"""What networks are made of: layers, activations, initial weights."""
