"""Servers that answer slowly, or without end, cost `bench sync` and `bench run` neither time nor memory."""

from __future__ import annotations

import socket
import subprocess
import time

import pytest
from command import BENCH, command_environment
from tracking_parts import SUITE, Listener, Trickle, run_of, runs_in

from bench.tracking import ExporterApart, apart, sync_apart


class Endless(Listener):
    """A server whose answer comes as fast as it is read, and never ends."""

    def answer(self, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        while True:
            connection.sendall(chunk)


def test_an_answer_without_end_is_given_up_when_it_takes_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "ROOM", 256 << 20)
    server = Endless()
    run, results = run_of(tmp_path / "run", 2)
    names = [file.name for file, _ in results]
    report = sync_apart(run, server.uri)
    assert report.pending == names
    assert report.problem == f"{server.uri}: the answer exceeds the memory limit"
    exporter = ExporterApart(run, SUITE, server.uri)
    for file, _ in results:
        exporter.export(file)
    exporter.close("FINISHED")
    assert (exporter.pending, exporter.problem) == (names, report.problem)
    server.close()


def test_an_answer_that_trickles_is_waited_for_so_long_and_no_longer(tmp_path):
    server = Trickle()
    run_of(tmp_path / "run", 2)
    clock = time.monotonic()
    done = subprocess.run(
        [BENCH, "sync", "run", "--timeout", "2"],
        cwd=tmp_path,
        env=command_environment(tmp_path) | {"MLFLOW_TRACKING_URI": server.uri},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 4, done.stderr
    assert f"run: {server.uri}: 2 pending\n  {server.uri}: not finished within 2 s\n" in done.stdout
    assert time.monotonic() - clock < 60
    server.close()


def test_a_process_that_is_killed_costs_what_it_had_not_logged(tmp_path, store):
    run, results = run_of(tmp_path / "run", 3)
    exporter = ExporterApart(run, SUITE, store)
    exporter.export(results[0][0])
    assert exporter._child is not None
    exporter._child._process.kill()
    for file, _ in results[1:]:
        exporter.export(file)
    exporter.close("FINISHED")
    assert exporter.pending == [file.name for file, _ in results[1:]]
    assert exporter.problem == f"{store}: the process that exports ended with code -9"
    report = sync_apart(run, store)
    assert report.ok
    assert (len(report.intact), len(report.written)) == (1, 2)
    (parent,), children = runs_in(store, run)
    assert (parent.info.status, len(children)) == ("FINISHED", 3)


@pytest.mark.parametrize("timeout", ["0", "soon"])
def test_a_time_that_is_none_is_rejected(bench, tmp_path, timeout):
    run_of(tmp_path / "run", 1)
    assert (
        "write seconds (90), minutes (30m) or hours (2h)" in bench("sync", "run", "--timeout", timeout, code=2).stderr
    )
