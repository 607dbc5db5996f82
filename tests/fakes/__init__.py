"""In-memory implementations of the ports; each passes the same contract suite as its real adapter."""
