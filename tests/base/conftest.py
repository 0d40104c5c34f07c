"""The command as the base installation has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import base_environment
import pytest
from command import run_bench


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment without extras."""
    return base_environment.make(tmp_path_factory.mktemp("base") / "environment")


@pytest.fixture
def bench(base: Path, tmp_path: Path) -> Callable[..., object]:
    """As the fixture of all tests, without extras."""
    return run_bench(base.with_name("bench"), tmp_path)
