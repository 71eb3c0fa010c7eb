"""The figures of the report: plotly documents as plain values, each with its summary in words."""
