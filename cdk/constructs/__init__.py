"""Building blocks that more than one stack uses, or that would hide a stack's story if inlined."""
