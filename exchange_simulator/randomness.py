"""Seeded random numbers, so that a run can be repeated."""

import random


def generator(seed: float) -> random.Random:
    """A source of numbers for prices and faults; nothing secret is drawn from it."""
    return random.Random(seed)  # noqa: S311
