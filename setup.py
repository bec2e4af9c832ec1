"""Where the packages lie: three top-level folders are installed below ``affekt``; all else is in pyproject.toml."""

from setuptools import find_packages, setup

BELOW_AFFEKT = ("components", "pipelines", "serving")

setup(
    packages=find_packages(include=["affekt", "affekt.*"])
    + [f"affekt.{name}" for top in BELOW_AFFEKT for name in find_packages(include=[top, f"{top}.*"])],
    package_dir={f"affekt.{name}": name for name in BELOW_AFFEKT},
)
