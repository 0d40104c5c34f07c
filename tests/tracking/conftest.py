"""A SQLite store and a server for the tests of tracking."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tracking_parts import Server

from bench.tracking.address import Address
from bench.tracking.client import connect, subdued


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store without runs; creating one takes two seconds, copying it none."""
    database = tmp_path_factory.mktemp("store") / "mlflow.db"
    with subdued():
        connect(Address.of(f"sqlite:///{database}"))
    return database


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> str:
    """URI of an empty SQLite store of the test's own."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture(scope="module")
def server(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_store, folder)
    running = Server(folder)
    yield running
    running.kill()
