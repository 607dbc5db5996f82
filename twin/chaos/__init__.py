"""Chaos on the twin: a session of many strategies while everything around them is killed, cut and delayed."""
