"""Protocols, results and files: hashed, whole or absent, readable again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from pydantic import ValidationError

from bench.contracts.protocol import DatasetProtocol, MetricProtocol, Protocol, differences, metric_differences
from bench.contracts.results import CodebookRecord, ErrorRecord, Result, Run, SystemRecord, read_result, read_samples
from bench.contracts.stats import Estimate
from bench.errors import BenchError
from bench.machine.canonical import canonical_json, digest
from bench.machine.dependencies import Dependencies

LPIPS = MetricProtocol(version=1, settings={"net": "alex"}, weights={"alexnet": "0" * 64})


def protocol(**changes: Any) -> Protocol:
    fields: dict[str, Any] = {
        "preset": "default",
        "task": "image-recon",
        "task_version": 1,
        "dataset": DatasetProtocol(name="d", split="s", fingerprint="f", n=2),
        "settings": {"preprocessing": {"size": 256}},
        "metrics": {"psnr": MetricProtocol(version=1), "lpips_alex": LPIPS},
    }
    return Protocol(**{**fields, **changes})


def result(**changes: Any) -> Result:
    stated = protocol()
    fields: dict[str, Any] = {
        "key": "k",
        "suite": "image-recon",
        "status": "ok",
        "system": SystemRecord(name="a", entry="a", target="m:A"),
        "protocol": stated,
        "fingerprint": stated.fingerprint,
        "metrics": {"psnr": Estimate(value=20.0, stderr=1.0, interval=(18.0, 22.0), unit="dB", n=2)},
        "environment": {},
        "started": "2026-01-01T00:00:00.000+00:00",
        "finished": "2026-01-01T00:00:01.000+00:00",
    }
    return Result(**{**fields, **changes})


@pytest.mark.parametrize(
    "change",
    [
        {"task_version": 2},
        {"seed": 1},
        {"dtype": "bfloat16"},
        {"tf32": True},
        {"settings": {"preprocessing": {"size": 512}}},
        {"dataset": DatasetProtocol(name="d", split="s", fingerprint="g", n=2)},
        {"dataset": DatasetProtocol(name="d", split="s", fingerprint="f", n=1, limit=1)},
    ],
)
def test_whatever_shapes_a_number_changes_the_fingerprint(change):
    other = protocol(**change)
    assert other.fingerprint != protocol().fingerprint
    assert differences(protocol(), other)
    assert other.fingerprint_of("psnr") == protocol().fingerprint_of("psnr")


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"settings": {"net": "vgg"}}, {"weights": {"alexnet": "1" * 64}}, {"weights": {}}]
)
def test_what_decides_a_metric_changes_its_fingerprint_alone(change):
    other = protocol(metrics={"psnr": MetricProtocol(version=1), "lpips_alex": LPIPS.model_copy(update=change)})
    assert other.fingerprint_of("lpips_alex") != protocol().fingerprint_of("lpips_alex")
    assert other.fingerprint_of("psnr") == protocol().fingerprint_of("psnr")
    assert other.fingerprint == protocol().fingerprint and not differences(protocol(), other)
    assert other.identity != protocol().identity, "two results, two files"
    assert metric_differences(LPIPS, other.metrics["lpips_alex"])


def test_metrics_that_are_set_alike_are_not_one():
    same = MetricProtocol(version=1)
    of = protocol(metrics={"psnr": same, "ssim": same})
    assert of.fingerprint_of("psnr") != of.fingerprint_of("ssim")


def test_a_presets_name_does_not():
    assert protocol(preset="mine").fingerprint == protocol().fingerprint
    assert differences(protocol(preset="mine"), protocol()) == {}


def test_canonical_json_is_one_text_and_knows_no_nan():
    assert canonical_json({"b": 1, "a": [1.5, "é"]}) == '{"a":[1.5,"é"],"b":1}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


def test_a_result_reads_back_as_it_was_written(tmp_path):
    run = Run(tmp_path)
    file = run.file_of("a/b c", protocol())
    written = run.write(file, result(), {"id": ["x", "y"], "psnr": [19.0, 21.0]}, read=Dependencies())
    assert read_result(file) == written
    assert read_samples(file, written) == {"id": ["x", "y"], "psnr": [19.0, 21.0]}
    assert run.find(file, "k") == written
    assert run.find(file, "other") is None
    run.write(file, result(status="failed"), None)
    assert run.find(file, "k") is None  # a failed cell is tried again


def test_names_that_look_alike_do_not_collide(tmp_path):
    run = Run(tmp_path)
    files = {run.file_of(name, protocol()) for name in ("a/b", "a b", "a-b", "../a-b", "a-b" * 100)}
    assert len(files) == 5
    assert all(file.parent == run.folder for file in files)


def test_a_result_of_another_schema_is_refused(tmp_path):
    file = tmp_path / "old.json"
    file.write_text('{"schema_version": 0}')
    with pytest.raises(BenchError, match=r"old.json: not a result"):
        read_result(file)
    with pytest.raises(ValidationError):
        Estimate(value=1.0, valeu=2.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("constant", ["NaN", "-Infinity", "1e999"])
def test_a_result_with_what_is_no_number_is_refused_and_a_message_may_have_the_word(tmp_path, constant):
    file = Run(tmp_path).file_of("a", protocol())
    written = Run(tmp_path).write(
        file, result(system=SystemRecord(name="a", entry="a", target="m:A", source=constant)), None
    )
    assert read_result(file) == written
    file.write_text(file.read_text().replace('"value": 20.0', f'"value": {constant}'))
    with pytest.raises(BenchError, match=f"json: {constant} is not a finite number"):
        read_result(file)


def test_a_kill_while_writing_leaves_the_old_file_or_the_new_one(tmp_path):
    code = (
        "import sys; from pathlib import Path; from bench.machine.canonical import write_atomic\n"
        "while True:\n for text in (b'a', b'b'): write_atomic(Path(sys.argv[1]), text * 5_000_000)"
    )
    file = tmp_path / "file"
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", code, str(file)])
        while not file.exists():
            time.sleep(0.01)
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        content = file.read_bytes()
        assert len(content) == 5_000_000
        assert len(set(content)) == 1


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('"key": "k"', '"key": "k", "key": "l"', "'key' appears twice"),
        ('"n": 2,', '"n": -5,', "metrics.psnr.n: -5 is out of range: at least 0"),
        ('"stderr": 1.0', '"stderr": -1.0', "psnr: the standard error -1 is negative"),
        ('"value": 20.0', '"value": 30.0', "psnr: the interval .18, 22. does not hold the value 30"),
        ('"value": 20.0', '"value": 1e308', r"psnr: 1e\+308 is beyond 1e\+100"),
        ('"value": 20.0', f'"value": {"9" * 5_000}', "digit"),
        ('"environment": {}', f'"environment": {{"a": {"[" * 100_000}{"]" * 100_000}}}', "nested too deeply"),
        ('"samples": null', f'"samples": "{"a" * 256}"', r"samples: 'a+\.\.\. is too long: at most 255"),
        ('"status": "ok"', '"status": "fine"', "status: 'fine' is not 'ok' or 'failed'"),
        ('"suite": "image-recon"', '"suite": 3', "suite: 3 is not text"),
        ('"suite": "image-recon",', "", "suite: is missing"),
        ('"suite"', '"color": 1, "suite"', "color: no such setting; there is .*key, subject, suite"),
        ('"schema_version": 4', '"schema_version": 5', "schema_version: 5 is out of range: at most 4"),
        ('"metrics": {', '"metrics": 1, "a": {', "metrics: 1 is not a section"),
        ('"metric": ""', '"metric": "ssim"', "psnr: given by ssim, which the protocol does not measure"),
    ],
    ids=[
        *("twice", "count", "error", "interval", "huge", "digits", "deep", "name", "status", "text", "missing"),
        *("unknown", "future", "section", "giver"),
    ],
)
def test_a_result_that_cannot_be_is_refused_by_name(tmp_path, old, new, message):
    run = Run(tmp_path)
    file = run.file_of("a", protocol())
    run.write(file, result(), None)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(BenchError, match=rf"\.json: .*{message}"):
        read_result(file)
    assert run.find(file, "k") is None


def test_what_others_wrote_is_stored_bounded_and_acts_on_no_terminal(tmp_path):
    run = Run(tmp_path)
    file = run.file_of("a", protocol())
    hostile = "\x1b]0;title\x07 \u202e \ud800"
    error = ErrorRecord(type="E", message=hostile + "a" * 20_000_000, traceback="b" * 20_000_000)
    estimate = Estimate(value=None, unavailable=hostile)
    system = SystemRecord(name=hostile, entry="a", target="m:A", arguments={hostile: [hostile]})
    run.write(file, result(status="failed", errors=[error], metrics={"psnr": estimate}, system=system), None)
    assert file.stat().st_size < 50_000
    again = read_result(file)
    texts = [again.system.name, *again.system.arguments, again.metrics["psnr"].unavailable]
    assert {*texts, again.errors[0].message[: len(texts[0])]} == {r"\x1b]0;title\x07 \u202e \ud800"}


def test_a_table_of_samples_that_holds_something_else_is_named(tmp_path):
    run = Run(tmp_path)
    file = run.file_of("a", protocol())
    written = run.write(file, result(), {"id": ["x", "y"], "group": ["0", "1"], "psnr": [1.0, 2.0]})
    with pytest.raises(BenchError, match=r"parquet: column group holds values that are not int"):
        read_samples(file, written)


def test_a_codebook_of_no_clips_says_nothing_of_them():
    """Whether or not defaults are written, as in results of before there were such codebooks."""
    book = CodebookRecord(size=4, covers="8x8 pixels")
    assert "per_clip" not in book.model_dump() | book.model_dump(exclude_defaults=True)
    assert CodebookRecord(size=4, covers="a clip", per_clip=32).model_dump()["per_clip"] == 32
