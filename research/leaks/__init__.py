"""The leak suite: what was done by a time must not depend on what became known after it."""

TOLERANCE = 1e-6
"""Part of the largest value of its kind by which a floating-point result may move with the length of the history."""
