"""Data: sources → data set → splits → encoders."""
