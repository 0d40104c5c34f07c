"""Every module of the bench can be imported, with all extras."""

from __future__ import annotations

import importlib
import pkgutil

import bench.tasks

import bench


def test_every_module_can_be_imported() -> None:
    names = [
        module.name
        for package in (bench, bench.tasks)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=_raise)
    ]
    assert len(names) > 200
    for name in names:
        importlib.import_module(name)


def _raise(name: str) -> None:
    raise ImportError(name)
