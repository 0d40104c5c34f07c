"""SQLite stores: created whole or not at all, since MLflow cannot resume an interrupted creation."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.errors import BenchError
from bench.tracking.state import locked

SECONDS_TO_MAKE = 120.0
"""The longest that creating a store, or waiting for another process to do so, may take; usually it takes two."""
_REPEATED = re.compile("already exists|duplicate column name")
"""What SQLite reports when an interrupted migration is started again."""


def prepared(file: Path, make: Callable[[str], object]) -> None:
    """Create a store where there is none, and report at once what MLflow would report after trying for two minutes.

    It is created under another name and renamed, so that an interruption leaves no incomplete file. Two processes
    that want the same one take turns.

    Args:
        file: path of the SQLite file.
        make: creates the tables of the store of a URI, and leaves no connection open.

    Raises:
        BenchError: the file cannot be read and written, or MLflow does not take its path.
    """
    if set("%?") & set(str(file)):  # SQLAlchemy's versions differ in how they read these
        raise BenchError(f"{file}: MLflow does not take a SQLite path with % or ?; name another in MLFLOW_TRACKING_URI")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with locked(
            file.with_name(f".{file.name}.lock"),
            f"{file} is being created by another process; try again when it has finished",
            seconds=SECONDS_TO_MAKE,
        ):
            if file.exists():
                _check(file)
            if not file.exists() or file.stat().st_size == 0:
                _make(file, make)
    except (OSError, sqlite3.Error) as error:
        raise BenchError(f"{file}: cannot be written: {error}") from error


def _make(file: Path, make: Callable[[str], object]) -> None:
    fresh = file.with_name(f".{file.name}.new")
    for suffix in ("", "-journal", "-wal", "-shm"):  # of a process that was ended here
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    _check(fresh)
    # MLflow would keep a connection to the old name.
    before = os.environ.get("MLFLOW_SQLALCHEMYSTORE_POOLCLASS")
    os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"
    try:
        make(f"sqlite:///{fresh}")
    finally:
        if before is None:
            del os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"]
        else:
            os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = before
    fresh.replace(file)


def _check(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("BEGIN IMMEDIATE")


def unfinished(file: Path, error: Exception) -> str:
    """Why MLflow cannot use a store and what helps, if its creation or a migration was interrupted; else empty.

    Args:
        error: what MLflow raised when it tried to create again what already exists.
    """
    if not _REPEATED.search(str(error)):
        return ""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            runs = database.execute("SELECT count(*) FROM runs").fetchone()[0] if "runs" in tables else 0
    except (OSError, sqlite3.Error):
        return ""
    holds = f"it holds {runs} runs" if runs else "it holds no runs"
    return (
        f"{file}: MLflow was ended while it created or migrated the tables, and cannot continue; {holds}. "
        f"Move the file away, and bench sync creates a new one: mv {file.name} {file.name}.broken"
    )
