"""`bench sync` replays, reads back and repairs."""

from __future__ import annotations

import sqlite3

import pytest
from tracking_parts import (
    SUITE,
    Proxy,
    client_of,
    export,
    failed,
    result,
    run_of,
    runs_in,
    write,
)

from bench.contracts.results import Run
from bench.errors import BenchError
from bench.tracking import Exporter, sync
from bench.tracking.state import State


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
