"""Stores and servers that fail cost seconds, never a result."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from tracking_parts import (
    SUITE,
    Listener,
    Proxy,
    Trickle,
    client_of,
    export,
    run_of,
    runs_in,
)

from bench.errors import BenchError
from bench.tracking import Exporter, sync
from bench.tracking.address import Address
from bench.tracking.state import locked


def refused() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("refused", "Connection refused"),
        ("silent", "timed out"),
        ("trickle", "no answer within 3 s"),
        ("sqlite:////dev/null/a/mlflow.db", "Not a directory: '/dev/null/a'"),
        ("sqlite:///.", "unable to open database file"),
        ("sqlite:///a%20b/mlflow.db", "does not take a SQLite path with %"),
        ("sqlite:///text.db", "file is not a database"),
        ("nonsense://host", "unsupported URI"),
    ],
)
def test_a_store_that_cannot_be_used_costs_seconds_and_no_result(tmp_path, monkeypatch, uri, reason):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")  # the user's own setting wins
    (tmp_path / "text.db").write_text("no database" * 100)
    listener = {"silent": Listener, "trickle": Trickle}.get(uri, lambda: None)()
    run, results = run_of(tmp_path / "run", 3)
    exporter = Exporter(run, SUITE, listener.uri if listener else refused() if uri == "refused" else uri, seconds=3)
    clock = time.monotonic()
    exporter.export(*results[0])
    first, clock = time.monotonic() - clock, time.monotonic()
    for file, measured in results[1:]:
        exporter.export(file, measured)
    exporter.close("FINISHED")
    assert first < 20
    assert time.monotonic() - clock < 2
    assert exporter.pending == [file.name for file, _ in results]
    assert reason in str(exporter.problem)
    if uri not in ("trickle", "silent"):
        report = sync(run, exporter._address.uri)
        assert report.pending == exporter.pending
        assert reason in str(report)
    if listener:
        listener.close()


def test_a_server_killed_half_way_loses_nothing(server, tmp_path, capfd):
    run, results = run_of(tmp_path / "run", 4)
    exporter = Exporter(run, SUITE, server.uri)
    for file, measured in results[:2]:
        exporter.export(file, measured)
    assert exporter.problem is None
    server.kill()
    try:
        clock = time.monotonic()
        for file, measured in results[2:]:
            exporter.export(file, measured)
        exporter.close("FINISHED")
        down = sync(run, server.uri)
        assert time.monotonic() - clock < 20
    finally:
        server.start()
    names = [file.name for file, _ in results]
    assert exporter.pending == names[2:]
    assert exporter.problem == f"{server.uri}: Connection refused"
    assert down.problem == exporter.problem
    report = sync(run, server.uri)
    assert (report.written, report.intact, report.ok) == (names[2:], names[:2], True)
    assert capfd.readouterr() == ("", "")
    (parent,), children = runs_in(server.uri, run)
    assert (parent.info.status, len(children)) == ("FINISHED", 4)
    kept = json.loads((run.path / "tracking.json").read_text())["stores"][server.uri]
    assert {entry["mlflow_run"] for entry in kept.values()} == {child.info.run_id for child in children}


def test_cut_off_at_any_request_the_replay_is_whole_and_single(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    passed = twins = 0
    while True:
        run, results = run_of(tmp_path / str(passed), 1)
        proxy = Proxy(server.port, passed)
        exporter = export(run, proxy.uri, results)
        proxy.left = 1000  # it is back
        report = sync(run, proxy.uri)
        proxy.close()
        assert report.ok, (passed, str(report))
        twins += len(report.removed)
        (_,), (child,) = runs_in(server.uri, run)
        assert child.info.status == "FINISHED"
        assert len(client_of(server.uri).get_metric_history(child.info.run_id, "psnr")) == 1
        if exporter.problem is None:
            break
        passed += 1 if passed < 9 else 3  # every request that creates, some that read back
    assert passed > 10  # an export and its read-back take more requests than that
    assert twins == 2  # the parent and the child that were created a second time


def test_twins_left_by_a_request_sent_twice_are_removed(server, tmp_path):
    run, results = run_of(tmp_path / "run", 2)
    export(run, server.uri, results)
    (parent,), children = runs_in(server.uri, run)
    client = client_of(server.uri)
    for original in (parent, children[0]):
        identity = {k: v for k, v in original.data.tags.items() if not k.startswith("bench.") or k in IDENTITY}
        client.create_run(original.info.experiment_id, tags=identity)
    report = sync(run, server.uri)
    assert (len(report.removed), len(report.intact)) == (2, 2)
    (kept,), whole = runs_in(server.uri, run)
    assert kept.info.run_id == parent.info.run_id
    assert {child.info.run_id for child in whole} == {child.info.run_id for child in children}


IDENTITY = ("bench.run", "bench.result")


@pytest.mark.parametrize(
    ("uri", "label"),
    [
        ("https://me:hunter2@host:5000/mlflow", "https://host:5000/mlflow"),
        ("https://hunter2@host", "https://host"),
        ("postgresql://me:hunter2%40/@host/db?sslpassword=hunter2&x=1", "postgresql://host/db?sslpassword=***&x=1"),
        ("postgresql+psycopg2://me:p@hunter2@host/db", "postgresql+psycopg2://host/db"),
        ("sqlite:////home/me@here/mlflow.db", "sqlite:////home/me@here/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("databricks://profile", "databricks://profile"),
    ],
)
def test_labels_hold_no_credentials(uri, label):
    address = Address.of(uri)
    assert address.label == label
    leak = "hunter2, p@hunter2, hunter2@/" if "hunter2" in uri else ""
    assert "hunter2" not in address.redact(f"trouble with {uri}: {leak}")


def test_credentials_reach_neither_files_nor_messages(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", refused().replace("://", "://me:hunter2@"))
    run, results = run_of(tmp_path / "run", 1)
    exporter = export(run, None, results)
    report = sync(run)
    assert exporter.pending == report.pending == [results[0][0].name]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for text in (str(exporter.problem), str(report), str(report.failed), exporter.label, str(files)):
        assert "hunter2" not in text


def test_a_lock_is_waited_for_and_then_refused_by_name(tmp_path):
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path / "lock", "busy"):
            held.set()
            release.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with pytest.raises(BenchError, match="busy"), locked(tmp_path / "lock", "busy", seconds=0.2):
        pass
    threading.Timer(0.2, release.set).start()
    with locked(tmp_path / "lock", "busy", seconds=20):
        holder.join()


ENTER = """
import os, sys, time
from pathlib import Path
from bench.tracking import state
time.sleep = lambda seconds: None  # waits in earnest, so that it meets the others at every step
folder = Path(sys.argv[1])
for _ in range(1500):
    with state.locked(folder / "lock", "busy", seconds=30):
        os.close(os.open(folder / "inside", os.O_CREAT | os.O_EXCL))
        (folder / "inside").unlink()
"""


def test_a_lock_keeps_all_others_out_and_leaves_no_file(tmp_path):
    """Its file is removed while others wait for it, again and again."""
    entering = [subprocess.Popen([sys.executable, "-c", ENTER, tmp_path]) for _ in range(3)]
    assert [process.wait(60) for process in entering] == [0] * 3
    assert list(tmp_path.iterdir()) == []


HOLD = """
import sys, time
from pathlib import Path
from bench.tracking.state import locked
with locked(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_holders_file_stops_nobody_and_goes_with_the_next(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "lock"], stdout=subprocess.PIPE)
    assert holder.stdout
    holder.stdout.readline()
    with pytest.raises(BenchError, match="busy"), locked(tmp_path / "lock", "busy", seconds=0.1):
        pass
    holder.kill()
    holder.wait()
    assert (tmp_path / "lock").exists()
    with locked(tmp_path / "lock", "busy", seconds=0.1):
        pass
    assert not (tmp_path / "lock").exists()


def test_nothing_of_a_lock_is_left_by_an_export(tmp_path, store, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    run, results = run_of(tmp_path / "run", 1)
    assert not export(run, store, results).pending
    assert [path for path in tmp_path.rglob("*") if path.name.endswith(".lock")] == []
    assert list((tmp_path / "tmp").iterdir()) == []
