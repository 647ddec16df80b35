"""The write-ahead journal: a SQLite file that holds every row, result, intention and answer of a live run."""

from .reading import Reader
from .writing import Intent, Journal

__all__ = ["Intent", "Journal", "Reader"]
