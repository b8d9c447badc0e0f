"""Where the packages lie: those of ``adain`` are found, three more stand beside it and are installed inside it."""

from setuptools import find_packages, setup

BESIDE = ("cli", "weights", "samples")

setup(
    packages=[*find_packages(include=["adain", "adain.*"]), *(f"adain.{name}" for name in BESIDE)],
    package_dir={"adain": "adain", **{f"adain.{name}": name for name in BESIDE}},
)
