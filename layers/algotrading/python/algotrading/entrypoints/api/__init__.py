"""The HTTP routes, one module per function."""
