"""Plug-in packages, installed by pip into a folder and made visible to this process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from places import ROOT

from bench import registry
from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.suite import load_suite, shipped
from bench.contracts.system import parse
from bench.machine.weights import WeightStore
from bench.measuring import runner


def install(package: str, folder: Path) -> Path:
    """Install a package of ``tests/plugins`` and return its folder."""
    source, target = folder / "source", folder / "target"
    shutil.copytree(ROOT / "tests" / "plugins" / package, source)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", target, source], check=True)
    return target


@contextmanager
def as_installed(target: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make this process as if it had been started with the package installed."""
    monkeypatch.syspath_prepend(target)
    registry.forget()
    try:
        yield
    finally:
        for name in [name for name in sys.modules if (target / f"{name.partition('.')[0]}").exists()]:
            del sys.modules[name]
        for name in [name for name in sys.modules if (target / f"{name}.py").exists()]:
            del sys.modules[name]
        monkeypatch.undo()
        registry.forget()


def fingerprints() -> dict[str, list[str]]:
    """Return the fingerprints of every built-in suite under its default protocol."""
    found = {}
    for name, file in shipped("suites").items():
        suite = load_suite(name)
        if file.parent.parent.name != "tasks":
            continue
        systems = [parse(suite.systems[0])]
        plan = runner.plan(suite, systems, Options(), WeightStore({}, True), Run(Path("unused")))
        found[name] = [cell.job.protocol.fingerprint for cell in plan.cells]
    return found
