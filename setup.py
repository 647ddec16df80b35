"""Map the top-level folders onto the package ``lockstep``; every subfolder with an ``__init__.py`` is found."""

from setuptools import find_packages, setup

ROOMS = ("engine", "strategies", "data", "research", "live", "scenarios", "reports")
PATTERNS = [pattern for room in ROOMS for pattern in (room, f"{room}.*")]

setup(packages=["lockstep", *(f"lockstep.{name}" for name in find_packages(include=PATTERNS))])
