"""Map the top-level folders onto the package ``lockstep``; every subfolder with an ``__init__.py`` is found."""

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOMS = ("engine", "strategies", "data", "research", "live", "scenarios", "reports")
PATTERNS = [pattern for room in ROOMS for pattern in (room, f"{room}.*")]


class BuildWithoutThisFile(build_py):
    """Leave this file out of the wheel, although it lies in the folder of the package ``lockstep``."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        """List ``(package, module, file)`` of one package."""
        found = super().find_package_modules(package, package_dir)
        return [each for each in found if each[:2] != ("lockstep", "setup")]


setup(
    packages=["lockstep", *(f"lockstep.{name}" for name in find_packages(include=PATTERNS))],
    cmdclass={"build_py": BuildWithoutThisFile},
)
