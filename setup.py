"""The packages: every folder of bench, so that a new room needs no line here, and tasks as ``bench.tasks``."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["bench", "bench.*"]), "bench.tasks"])
