"""Lockstep: the strategy you tested is the strategy that trades."""

__version__ = "0.1.0"
