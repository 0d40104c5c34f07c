"""MLflow export and sync, against real stores, a real server, and servers that fail."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracking_parts import METRICS, PROTOCOL, SUITE, Listener, Proxy, Server, Trickle, failed, result, run_of, write

from bench.canonical import sha256_file
from bench.errors import BenchError
from bench.results import Run
from bench.stats import Estimate
from bench.tracking import Exporter, sync
from bench.tracking.address import Address
from bench.tracking.client import connect, subdued
from bench.tracking.record import record_of
from bench.tracking.state import State, locked


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


def client_of(uri: str) -> Any:
    with subdued():
        return connect(Address.of(uri))


def runs_in(uri: str, run: Run) -> tuple[list[Any], list[Any]]:
    """The parent runs and child runs of a run directory."""
    client = client_of(uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments, f"tags.`bench.run` = '{State.load(run.path).run}'", max_results=1000)
    return [r for r in found if "bench.result" not in r.data.tags], [r for r in found if "bench.result" in r.data.tags]


def export(run: Run, uri: str | None, results: list[Any], status: Any = "FINISHED", **options: Any) -> Exporter:
    exporter = Exporter(run, SUITE, uri, **options)
    for file, measured in results:
        exporter.export(file, measured)
    exporter.close(status)
    return exporter


def test_a_run_is_a_parent_and_its_results_are_children(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run(tmp_path / "runs" / "one")
    results = [write(run, result(second=1)), write(run, failed(second=2))]
    exporter = export(run, None, results, "FAILED")
    assert (exporter.pending, exporter.problem, exporter.label) == ([], None, store)
    (parent,), children = runs_in(store, run)
    assert (parent.info.run_name, parent.info.status) == ("one", "FAILED")
    client = client_of(store)
    assert client.get_experiment(parent.info.experiment_id).name == SUITE
    good, bad = sorted(children, key=lambda child: child.info.start_time)
    for child, (file, _) in zip((good, bad), results, strict=True):
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.tags["bench.result"] == sha256_file(file)
    assert good.info.run_name == "klt-vq@8 × image-recon"
    assert (good.info.status, good.info.start_time, good.info.end_time) == ("FINISHED", 1767323041125, 1767323101250)
    expected = {
        "bench.suite": SUITE,
        "bench.key": f"{1:064x}",
        "bench.task": "image-recon",
        "bench.task_version": "3",
        "bench.metric_versions": '{"psnr":2,"rfid":1}',
        "bench.fingerprint": PROTOCOL.fingerprint,
        "bench.git_sha": "c" * 40,
        "bench.git_dirty": "true",
        "bench.device": "a processor, 2 cores",
        "bench.status": "ok",
        "unavailable.rfid": "inception is missing; bench fetch inception",
    }
    assert good.data.tags.items() >= expected.items()
    assert good.data.metrics == {
        "psnr": 21.25,
        "psnr.stderr": 0.1 + 0.2,
        "psnr.low": 20.5,
        "psnr.high": 1 / 3,
        "bits_per_pixel": 0.125,
        "wall_seconds": 12.5,
    }
    assert client.get_metric_history(good.info.run_id, "psnr")[0].timestamp == good.info.end_time
    params = good.data.params
    assert params["protocol.settings.resize.antialias"] == "true"
    assert params["protocol.settings.extras"] == "{}"
    assert params["system.arguments.bits"] == "8"
    assert params["protocol.settings.note"] == "x" * 5999 + "…"
    assert {v for k, v in params.items() if k.startswith("system.arguments.a_b-")} == {"null", "[]"}
    file = results[0][0]
    artifacts = tmp_path / "mlartifacts" / SUITE / good.info.run_id / "artifacts"
    for name in (file.name, file.with_suffix(".parquet").name):
        assert (artifacts / name).read_bytes() == (file.parent / name).read_bytes()
    assert bad.info.status == "FAILED"
    assert bad.data.tags["bench.error"] == "OSError: no such file"
    assert bad.data.tags["bench.git_sha"] == bad.data.tags["bench.device"] == "unknown"


def test_what_is_not_finite_is_a_tag(tmp_path):
    # A run directory holds no such number; a result in memory may.
    (tmp_path / "a.json").touch()
    record = record_of(tmp_path / "a.json", result(metrics=METRICS), "0")
    assert record.tags["nonfinite.lossless"] == "inf"
    assert record.tags["nonfinite.lossless.high"] == "nan"
    assert record.metrics["lossless.low"] == 1.0
    assert "lossless" not in record.metrics
    assert "rfid" not in record.metrics


def test_more_than_mlflow_takes_at_once(server, tmp_path):
    run = Run(tmp_path / "run")
    metrics = {f"metric_{n}": Estimate(value=n, stderr=0.5, interval=(0, n)) for n in range(400)}
    metrics |= {f"gone_{n}": Estimate(value=None, unavailable="w" * 9000) for n in range(120)}
    settings = {f"s{n}": {"name€" * 90: "€" * 6000} for n in range(120)}
    protocol = PROTOCOL.model_copy(update={"settings": settings})
    exporter = export(run, server.uri, [write(run, result(metrics=metrics, protocol=protocol))])
    assert exporter.problem is None
    _, (child,) = runs_in(server.uri, run)
    assert len(child.data.metrics) == 1601
    assert len([name for name in child.data.tags if name.startswith("unavailable.")]) == 120
    assert sum(name.startswith("protocol.settings.s") for name in child.data.params) == 120


def test_a_fresh_store_is_created_quietly_and_only_when_needed(tmp_path):
    script = tmp_path / "export.py"
    script.write_text(
        "import os, sys\n"
        "os.environ.pop('PYTEST_CURRENT_TEST'), os.environ.pop('CI', None)  # they silence MLflow's telemetry\n"
        "from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from tracking_parts import SUITE, run_of\n"
        "from bench.tracking import Exporter, sync\n"
        "sys.addaudithook(lambda event, args: event == 'socket.getaddrinfo' and print('asks for', args))\n"
        "run, results = run_of(Path(sys.argv[1]), 2)\n"
        "exporter = Exporter(run, SUITE)\n"
        "assert 'mlflow' not in sys.modules and not Path('mlflow.db').exists()\n"
        "for file, result in results: exporter.export(file, result)\n"
        "exporter.close('FINISHED')\n"
        "assert not exporter.pending, exporter.problem\n"
    )
    # Two at once: the tables must not be created by both.
    command = [sys.executable, str(script)]
    both = [
        subprocess.Popen([*command, name], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for name in ("one", "two")
    ]
    for process in both:
        output, _ = process.communicate(timeout=60)
        assert (output.decode(), process.returncode) == ("", 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["export.py", "mlartifacts", "mlflow.db", "one", "two"]


@pytest.mark.parametrize("lose", ["nothing", "state", "half of the state"])
def test_sync_twice_makes_no_duplicates(store, tmp_path, lose):
    run, results = run_of(tmp_path / "run")
    export(run, store, results[:1])
    if lose == "state":
        (run.path / "tracking.json").unlink()
    elif lose == "half of the state":
        content = (run.path / "tracking.json").read_bytes()
        (run.path / "tracking.json").write_bytes(content[: len(content) // 2])
    first, second = sync(run, store), sync(run, store)
    assert (len(first.written), len(first.intact), first.ok) == (2, 1, True)
    assert (len(second.written), len(second.intact), second.ok) == (0, 3, True)
    (parent,), children = runs_in(store, run)
    assert len(children) == 3
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}
    client = client_of(store)
    assert len(client.get_metric_history(children[0].info.run_id, "psnr")) == 1
    assert "3 already there" in str(second)


def test_a_resumed_run_goes_on_in_the_same_parent(store, tmp_path):
    run, results = run_of(tmp_path / "run")
    killed = Exporter(run, SUITE, store)
    killed.export(*results[0])  # and never closed
    (parent,), _ = runs_in(store, run)
    assert parent.info.status == "RUNNING"
    export(run, store, results[:1], "KILLED")  # nothing is new, but the run has ended
    (parent,), _ = runs_in(store, run)
    assert parent.info.status == "KILLED"
    resumed = Exporter(run, SUITE, store)
    for file, measured in results:
        resumed.export(file, measured)
    (parent,), children = runs_in(store, run)
    assert (parent.info.status, len(children)) == ("RUNNING", 3)
    sync(run, store)  # how the run ended before is over
    assert runs_in(store, run)[0][0].info.status == "RUNNING"
    resumed.close("FINISHED")
    ended = runs_in(store, run)[0][0].info
    assert ended.status == "FINISHED"
    export(run, store, results)  # all is there already
    assert runs_in(store, run)[0][0].info.end_time == ended.end_time


def test_a_cell_measured_again_is_a_new_child(store, tmp_path):
    run = Run(tmp_path / "run")
    export(run, store, [write(run, failed("system", 1))])
    export(run, store, [write(run, result("system", 1))])  # under the same key
    file, _ = write(run, result("system", 2))
    newest = file.read_bytes()
    assert len(sync(run, store).written) == 1
    assert len(sync(run, store).intact) == 1
    _, children = runs_in(store, run)
    by_end = sorted(children, key=lambda child: (child.info.end_time, child.info.status == "FINISHED"))
    assert [child.info.status for child in by_end] == ["FAILED", "FINISHED", "FINISHED"]
    newer = [None, *(child.info.run_id for child in by_end[1:])]
    assert [child.data.tags.get("bench.superseded_by") for child in by_end] == [newer[1], newer[2], None]
    write(run, result("system", 3))
    sync(run, store)
    file.write_bytes(newest)  # put back
    sync(run, store)
    current = [child for child in runs_in(store, run)[1] if "bench.superseded_by" not in child.data.tags]
    assert [child.info.run_id for child in current] == newer[2:]


LOSSES = {
    "a metric": "DELETE FROM {}metrics WHERE key = 'psnr.low' AND run_uuid = ?",
    "a lower value": "UPDATE {}metrics SET value = 2 WHERE key = 'psnr' AND run_uuid = ?",
    "a param": "DELETE FROM params WHERE key = 'system.target' AND run_uuid = ?",
    "a tag": "DELETE FROM tags WHERE key = 'bench.key' AND run_uuid = ?",
    "another tag": "UPDATE tags SET value = 'x' WHERE key = 'unavailable.rfid' AND run_uuid = ?",
    "the parent": "UPDATE tags SET value = 'x' WHERE key = 'mlflow.parentRunId' AND run_uuid = ?",
    "the status": "UPDATE runs SET status = 'RUNNING', end_time = NULL WHERE run_uuid = ?",
    "a param's value": "UPDATE params SET value = 'x' WHERE key = 'system.target' AND run_uuid = ?",
    "a higher value": "UPDATE {}metrics SET value = 99 WHERE key = 'psnr' AND run_uuid = ?",
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_was_lost_or_altered_in_the_store_is_found(store, tmp_path, loss):
    run, results = run_of(tmp_path / "run", 2)
    export(run, store, results)
    file = results[0][0].name
    victim = State.load(run.path).stores[store][file].mlflow_run
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        for table in ("", "latest_"):
            database.execute(LOSSES[loss].format(table), (victim,))
    report = sync(run, store)
    assert report.intact == [results[1][0].name]
    if loss in ("a param's value", "a higher value"):  # MLflow cannot take these back
        assert report.pending == [file]
        assert f"run {victim} differs" in report.failed[file]
        assert {"a param's value": "system.target is x, not m:A", "a higher value": "psnr is 99.0, not 21.25"}[
            loss
        ] in report.failed[file]
        client_of(store).delete_run(victim)  # the remedy it names
        assert sync(run, store).written == [file]
    else:
        assert list(report.repaired) == [file]
    assert len(sync(run, store).intact) == 2


@pytest.mark.parametrize("damage", ["deleted", "cut short", "altered"])
def test_artifacts_are_read_back(store, tmp_path, damage):
    run, results = run_of(tmp_path / "run", 1)
    export(run, store, results)
    (copy,) = (tmp_path / "mlartifacts").rglob("*.parquet")
    whole = copy.read_bytes()
    if damage == "deleted":
        copy.unlink()
    else:
        copy.write_bytes(whole[:-9] if damage == "cut short" else bytes(len(whole)))
    if damage == "altered":  # equal in size: only what is not yet marked is compared byte by byte
        (run.path / "tracking.json").unlink()
    assert sync(run, store).repaired == {results[0][0].name: [f"artifact {copy.name}"]}
    assert copy.read_bytes() == whole


def test_runs_deleted_in_mlflow_come_back(store, tmp_path):
    run, results = run_of(tmp_path / "run", 2)
    export(run, store, results)
    (parent,), children = runs_in(store, run)
    for gone in (parent, children[0]):
        client_of(store).delete_run(gone.info.run_id)
    report = sync(run, store)
    assert (len(report.written), next(iter(report.repaired.values()))[0][:22]) == (1, "tag mlflow.parentRunId")
    (parent,), children = runs_in(store, run)
    assert (parent.info.status, len(children)) == ("FINISHED", 2)


def test_results_of_two_suites_have_a_parent_each(store, tmp_path):
    run, _ = run_of(tmp_path / "run", 1)
    write(run, result("other", 5, suite="mine"))
    assert len(sync(run, store).written) == 2
    parents, children = runs_in(store, run)
    assert len({parent.info.experiment_id for parent in parents}) == len(children) == 2


def test_bad_files_are_named_and_the_others_synced(store, tmp_path):
    run, results = run_of(tmp_path / "run", 3)
    results[0][0].write_text("{}")
    results[1][0].with_suffix(".parquet").unlink()
    report = sync(run, store)
    assert report.written == [results[2][0].name]
    assert report.pending == [results[0][0].name, results[1][0].name]
    assert "not a result" in report.failed[results[0][0].name]
    assert ".parquet is missing" in report.failed[results[1][0].name]
    exporter = export(run, store, results[1:])
    assert (exporter.pending, "parquet" in str(exporter.problem)) == ([results[1][0].name], True)
    with pytest.raises(BenchError, match="holds no results"):
        sync(Run(tmp_path / "nowhere"), store)


def test_a_result_the_store_refuses_does_not_hold_up_the_others(store, tmp_path):
    run, results = run_of(tmp_path / "run", 3)
    refuse = "WHEN NEW.value = 'system-0' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute(f"CREATE TRIGGER refuse BEFORE INSERT ON params {refuse}")
    report = sync(run, store)
    names = [file.name for file, _ in results]
    assert (report.written, report.pending, report.problem) == (names[1:], names[:1], None)
    assert "not this one" in report.failed[names[0]]


def test_a_sync_gives_up_when_the_server_does(server, tmp_path):
    run, _ = run_of(tmp_path / "run", 3)
    proxy = Proxy(server.port, 30)
    report = sync(run, proxy.uri)
    assert set(report.failed.values()) == {report.problem}
    assert str(report).count("\n") == 1
    assert report.pending
    proxy.left = 1000
    report = sync(run, proxy.uri)
    assert (report.ok, len(sync(run, proxy.uri).intact)) == (True, 3)
    proxy.close()


def test_an_experiment_in_the_bin_is_named_with_the_remedy(store, tmp_path):
    run, results = run_of(tmp_path / "run", 1)
    export(run, store, results)
    client = client_of(store)
    client.delete_experiment(client.get_experiment_by_name(SUITE).experiment_id)
    assert "mlflow experiments restore --experiment-id 1" in str(sync(run, store).problem)


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
        ("sqlite:///a%20b/mlflow.db", "no SQLite path with %"),
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
