"""What all tests share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command import BENCH, run_bench


@pytest.fixture(autouse=True)
def _no_network_or_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may depend on a cache, a store or a network of the machine it runs on."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``bench ARGS...`` in ``tmp_path`` with an empty cache; the finished process."""

    return run_bench(BENCH, tmp_path)
