"""Measurements beside peers and floors, taken in the same run: `python -m benchmarks`."""
