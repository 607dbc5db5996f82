"""Doors: what every function of a kind does between its event and its service."""
