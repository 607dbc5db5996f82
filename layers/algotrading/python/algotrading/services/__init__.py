"""Use cases. Each takes ports, lets the domain decide, and carries the decision out."""
