"""The SQLite store is made whole or not at all, whoever ends the process that makes it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

from tracking_parts import export, run_of, runs_in

from bench.tracking import sync, sync_apart

MAKE = """
import os, signal, sys, time
from pathlib import Path
from bench.tracking.address import Address
from bench.tracking.client import connect, subdued

database, *moments = sys.argv[1:]
address = Address.of("sqlite:///" + database)

def size():
    return sum(path.stat().st_size for path in Path(database).parent.glob("*mlflow.db*") if "journal" not in path.name)

with subdued():
    import mlflow.store.tracking.sqlalchemy_store, mlflow.store.db.utils
    for moment, number in zip(map(int, moments), (signal.SIGTERM, signal.SIGKILL), strict=True):
        before = size() if Path(database).exists() else 0
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            connect(address)
            os._exit(0)
        while size() < before + moment and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.001)
        os.kill(child, number)
        print(os.waitpid(child, 0)[1] & 127, flush=True)
    connect(address)
"""


def test_a_process_that_is_ended_while_it_makes_one_breaks_nothing(tmp_path):
    """At the first byte, and amid the migrations; the next one makes it whole."""
    moments = ("1", "300000")
    command = [sys.executable, "-W", "ignore", "-c", MAKE, tmp_path / "mlflow.db", *moments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert (done.stdout.split(), done.returncode) == (["15", "9"], 0), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    run, results = run_of(tmp_path / "run", 1)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert export(run, uri, results).problem is None
    assert len(runs_in(uri, run)[1]) == 1


def test_one_that_somebody_else_broke_is_named_with_the_remedy(tmp_path, empty_store):
    broken = shutil.copy(empty_store, tmp_path / "mlflow.db")
    with closing(sqlite3.connect(broken)) as database:
        database.execute("DELETE FROM alembic_version")  # tables are there, and their migrations are not known to be
        database.execute("DROP TABLE latest_metrics")
        database.commit()
    run, _ = run_of(tmp_path / "run", 1)
    report = sync(run, f"sqlite:///{broken}")
    assert "it holds no runs. Move the file away, and bench sync creates a new one: mv mlflow.db " in str(
        report.problem
    )
    broken.rename(tmp_path / "mlflow.db.broken")
    assert sync_apart(run, f"sqlite:///{broken}").ok


def test_what_is_empty_is_no_store_yet(tmp_path):
    (tmp_path / "mlflow.db").touch()
    run, results = run_of(tmp_path / "run", 1)
    assert export(run, f"sqlite:///{tmp_path / 'mlflow.db'}", results).problem is None
