"""What a cell means, and what a column of cells is."""
