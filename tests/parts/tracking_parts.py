"""Helpers of the tracking tests: results made by hand, a real MLflow server, and servers that misbehave."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.contracts.protocol import DatasetProtocol, MetricProtocol, Protocol
from bench.contracts.results import Cost, ErrorRecord, Result, Run, SystemRecord
from bench.contracts.stats import Estimate
from bench.tracking import Exporter
from bench.tracking.address import Address
from bench.tracking.client import connect, subdued
from bench.tracking.state import State

SUITE = "image-recon"
PROTOCOL = Protocol(
    preset="default",
    task="image-recon",
    task_version=3,
    dataset=DatasetProtocol(name="skimage-photos", split="test", fingerprint="f" * 64, n=36),
    settings={"resize": {"kernel": "bicubic", "antialias": True}, "extras": {}, "note": "x" * 9000},
    metrics={
        "psnr": MetricProtocol(version=2),
        "rfid": MetricProtocol(version=1, weights={"inception": "a" * 64}),
    },
)
METRICS = {
    "psnr": Estimate(value=21.25, stderr=0.1 + 0.2, interval=(20.5, 22 + 1 / 3), unit="dB", n=36),
    "bits_per_pixel": Estimate(value=0.125),
    "rfid": Estimate(value=None, unavailable="inception is missing", remedy="bench fetch inception"),
    "lossless": Estimate(value=float("inf"), interval=(1.0, float("nan"))),
}


def result(name: str = "klt-vq@8", second: int = 0, **changes: Any) -> Result:
    """Make a result that finished at the given second."""
    fields: dict[str, Any] = {
        "key": f"{second:064x}",
        "suite": SUITE,
        "status": "ok",
        "system": SystemRecord(name=name, entry="klt-vq", target="m:A", arguments={"bits": 8, "a@b": None, "a#b": []}),
        "protocol": PROTOCOL,
        "fingerprint": PROTOCOL.fingerprint,
        "metrics": {name: METRICS[name] for name in ("psnr", "bits_per_pixel", "rfid")},
        "cost": Cost(device="a processor, 2 cores", batch_size=8, workers=2, wall_seconds=12.5),
        "environment": {"git": {"sha": "c" * 40, "dirty": True}, "unique": uuid.uuid4().hex},
        "started": f"2026-01-02T03:04:{second:02d}.125Z",
        "finished": f"2026-01-02T03:05:{second:02d}.250Z",
    }
    return Result(**fields | changes)


def failed(name: str = "broken", second: int = 0) -> Result:
    """Make the result of a cell that failed before it measured anything."""
    error = ErrorRecord(type="OSError", message="no such file", traceback="...")
    return result(name, second, status="failed", metrics={}, cost=None, errors=[error], environment={"git": None})


def write(run: Run, measured: Result) -> tuple[Path, Result]:
    """Write a result as a run does, and return its file and the file's content."""
    file = run.file_of(measured.system.name, measured.protocol)
    samples: dict[str, Sequence[Any]] = {"id": ["a", "b"], "psnr": [1.5, 2.5]}
    return file, run.write(file, measured, samples if measured.status == "ok" else None)


def run_of(folder: Path, count: int = 3) -> tuple[Run, list[tuple[Path, Result]]]:
    """Write a run directory of ``count`` results."""
    run = Run(folder)
    return run, [write(run, result(f"system-{number}", number)) for number in range(count)]


class Server:
    """A real ``mlflow server`` on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command: list[Any] = [
            Path(sys.executable).with_name("mlflow"),
            "server",
            "--host=127.0.0.1",
            f"--port={self.port}",
        ]
        command += ["--workers=1", f"--backend-store-uri=sqlite:///{self.folder / 'mlflow.db'}"]
        command += [f"--artifacts-destination={self.folder / 'artifacts'}"]
        environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True, cwd=self.folder
            )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=1):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        """Send SIGKILL to the server and its worker."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Listener:
    """A port that accepts and then does what ``answer`` says; base of those that misbehave."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.uri = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            self.answer(connection)

    def answer(self, connection: socket.socket) -> None:
        """Never answer."""

    def close(self) -> None:
        for end in (self.listener, *self.open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Trickle(Listener):
    """A server whose answer comes one byte at a time and never ends."""

    def answer(self, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.1)


class Proxy(Listener):
    """Forwards to a server, one request per connection, until ``left`` requests have passed.

    The next one and its retry reach the server, but their answers are lost; then nothing reaches it.
    """

    def __init__(self, port: int, left: int) -> None:
        self.port, self.left = port, left
        self.turn = threading.Lock()
        super().__init__()

    def answer(self, connection: socket.socket) -> None:
        with connection, self.turn:
            request = _message(connection)
            if not request:
                return
            self.left -= 1
            if self.left < -2:
                return
            with socket.create_connection(("127.0.0.1", self.port)) as server:
                head, _, body = request.partition(b"\r\n\r\n")
                server.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
                response = b"".join(iter(lambda: server.recv(65536), b""))
            if self.left >= 0:
                connection.sendall(response)


def _message(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def client_of(uri: str) -> Any:
    with subdued():
        return connect(Address.of(uri))


def runs_in(uri: str, run: Run) -> tuple[list[Any], list[Any]]:
    """Return the parent runs and child runs of a run directory."""
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
