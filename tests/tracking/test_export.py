"""What a run becomes in MLflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import tracking_parts
from tracking_parts import (
    METRICS,
    PROTOCOL,
    SUITE,
    client_of,
    export,
    failed,
    result,
    runs_in,
    write,
)

from bench.contracts.results import Run
from bench.contracts.stats import Estimate
from bench.machine.canonical import sha256_file
from bench.tracking.record import record_of


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
        "unavailable.rfid": "inception is missing",
        "remedy.rfid": "bench fetch inception",
    }
    assert good.data.tags.items() >= expected.items()
    assert good.data.metrics == {
        "psnr": 21.25,
        "psnr.stderr": 0.1 + 0.2,
        "psnr.low": 20.5,
        "psnr.high": 22 + 1 / 3,
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
        f"sys.path.insert(0, {str(Path(tracking_parts.__file__).parent)!r})\n"
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
