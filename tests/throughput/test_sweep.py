"""Sweeps of tokenizers and backbones through their task: what becomes a row, and what a value."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from places import SYSTEMS
from tiny_pretrained import save

from bench.contracts.options import Options
from bench.contracts.protocol import Protocol
from bench.contracts.sweep import SweepRow
from bench.contracts.system import parse
from bench.contracts.task import Job, Measurement, Request, open_task
from bench.contracts.tokens import Tokens
from bench.errors import BenchError
from bench.leaderboard.sweeps import sweep_table
from bench.throughput.generating import ProbeDrawer

PACE = {"iterations": 3, "seconds": 0, "most_seconds": 0.01, "warm_up_seconds": 0}
SWEEP: dict[str, Any] = {"batch_sizes": [1, 2, 4], "sizes": [16], "samples": 2, "pace": PACE}
PACED = f"{SYSTEMS}/paced.py"
DTYPES = ["float16", "float32", "tf32", "bfloat16"]


@pytest.fixture(autouse=True)
def _room(one_thread: None) -> None:
    """One thread for every test."""


def protocol(sweep: dict[str, Any] | None = None, modality: str = "image", **options: Any) -> Protocol:
    data = {"image": "skimage-photos", "audio": "asterisk-prompts"}[modality]
    settings = {"sweep": {**SWEEP, **(sweep or {})}}
    return open_task(f"{modality}-throughput").protocol(Request(("own", settings), data, Options(**options)))


def measure(system: str, sweep: dict[str, Any] | None = None, modality: str = "image") -> Measurement:
    task, spec = open_task(f"{modality}-throughput"), parse(system)
    stated = task.for_system(protocol(sweep, modality), spec)
    measurement = task.measure(Job(spec, stated, Options()), lambda *_: None)
    assert all(type(name) is str and value is not None for name, value in measurement.metrics.items())
    return measurement


def rows(measurement: Measurement, **wanted: Any) -> list[SweepRow]:
    return [row for row in measurement.sweep.rows if all(getattr(row, name) == value for name, value in wanted.items())]


@pytest.fixture(scope="module")
def fragile(one_thread: None) -> Measurement:
    return measure(f"{PACED}:Fragile", {"dtypes": DTYPES, "batch_sizes": [1, 2]})


def test_every_setting_is_a_row_and_the_best_rate_a_value():
    found = measure(f"{PACED}:Levels")
    assert [(row.part, row.batch) for row in found.sweep.rows] == [
        (part, batch) for batch in (1, 2, 4) for part in ("encode", "decode")
    ]
    best = max(rows(found, part="encode"), key=lambda row: row.samples_per_second)
    metrics = found.metrics
    assert metrics["throughput_encode"].value == best.samples_per_second
    assert metrics["throughput_encode_batch"].value == best.batch
    assert metrics["throughput_decode_p50"].value == rows(found, part="decode", batch=1)[0].latency_p50_ms
    assert metrics["parameters"].value == pytest.approx(9e-6)
    # A layer of 3 by 3 at 16 x 16 places, and none when decoding.
    assert metrics["throughput_encode_flops"].value == pytest.approx(2 * 9 * 256 / 1e9)
    assert "torch counts no operations" in metrics["throughput_decode_flops"].unavailable
    assert "the peak of a processor" in metrics["throughput_encode_mfu"].unavailable
    assert "NVIDIA's devices only" in metrics["throughput_encode_energy"].unavailable
    assert all(row.psnr > 20 and row.code_agreement == 1 for row in found.sweep.rows)
    assert found.system.tokens == "discrete"
    assert found.dataset.n == 2
    assert found.sweep.before["torch"] == torch.__version__


@pytest.mark.parametrize(
    ("part", "last"), [("encode", {"encode": 4, "decode": 2}), ("decode", {"encode": 4, "decode": 2})]
)
def test_out_of_memory_is_a_row_after_which_its_part_ends(part, last):
    found = measure(f"{PACED}:Hungry@part={part}", {"batch_sizes": [1, 2, 4, 8] if part == "encode" else [1, 2, 4]})
    (short,) = rows(found, outcome="out of memory")
    assert (short.part, short.batch) == (part, last[part])
    assert "Tried to allocate" in short.reason
    for each in ("encode", "decode"):
        assert rows(found, part=each)[-1].batch == last[each]
    assert found.metrics[f"throughput_{part}"].value is not None
    assert "out of memory: OutOfMemoryError" in " ".join(
        sweep_table(found.sweep).rows[[*found.sweep.rows].index(short)]
    )


def test_a_dtype_that_breaks_a_tokenizer_is_seen_and_costs_nothing_else(fragile):
    assert all(row.outcome == "measured" and not row.broken for row in rows(fragile, dtype="float32"))
    half = rows(fragile, dtype="float16")
    assert {row.broken for row in half} == {"NaN or infinity in the reconstruction"}
    assert all(row.psnr is None and row.samples_per_second for row in half)
    assert any("results are broken in float16: NaN" in warning for warning in fragile.warnings)
    assert fragile.metrics["throughput_psnr"].value > 20


def test_what_a_system_cannot_do_is_a_row_with_its_reason(fragile):
    (brain,) = rows(fragile, dtype="bfloat16")
    assert (brain.outcome, brain.batch) == ("failed", 1)
    assert brain.reason == "NotImplementedError: \"levels\" not implemented for 'BFloat16'"
    (rounded,) = rows(fragile, dtype="tf32")
    assert (rounded.outcome, rounded.reason) == ("left out", "TF32 is of CUDA devices")
    codec = measure("jpeg@10", {"dtypes": ["float32", "float16"], "compile": [False, True], "batch_sizes": [1]})
    left = rows(codec, outcome="left out")
    assert [(row.dtype, row.compiled) for row in left] == [("float32", True), ("float16", False)]
    assert left[0].reason == "it holds no torch modules to compile"
    assert "no result in float16" in left[1].reason


def test_a_system_that_never_works_fails_its_cell():
    with pytest.raises(BenchError, match="encode failed at every setting: ZeroDivisionError: no codes today"):
        measure(f"{PACED}:Hopeless")


def test_a_part_that_never_works_is_a_warning():
    found = measure(f"{PACED}:Mute")
    assert "decode failed at every setting: ZeroDivisionError: no images today" in found.warnings
    assert found.metrics["throughput_encode"].value > 0


def test_compiled_code_is_timed_apart(monkeypatch):
    compiled: list[Callable[..., Any]] = []

    def compiles(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled.append(function)
        return function

    monkeypatch.setattr(torch, "compile", compiles)
    found = measure(f"{PACED}:Levels", {"compile": [False, True], "batch_sizes": [1]})
    assert [row.compiled for row in found.sweep.rows] == [False, False, True, True]
    assert [function.__name__ for function in compiled] == ["encode", "decode"]
    assert "Compiled" in sweep_table(found.sweep).titles


def test_clips_are_of_the_stated_seconds():
    found = measure("mulaw", {"sizes": [0.1, 0.5], "batch_sizes": [2]}, "audio")
    assert [row.size for row in found.sweep.rows] == [0.1, 0.1, 0.5, 0.5]
    assert found.sweep.size_unit == "s"
    assert found.metrics["throughput_encode"].value == found.sweep.rows[0].samples_per_second
    assert found.metrics["throughput_encode_p50"].unavailable == "batch size 1 is not in the sweep"


def test_the_device_is_a_condition_of_this_task_alone(monkeypatch):
    here = protocol()
    assert here.fingerprint == protocol().fingerprint
    recon = open_task("image-recon")
    request = Request(("default", {"metrics": {"psnr": {}}}), "skimage-photos", Options(limit=2))
    before = recon.protocol(request).fingerprint
    monkeypatch.setattr("bench.tasks.throughput.device_name", lambda device: "NVIDIA H100 80GB HBM3, 79 GiB")
    assert protocol().setting("device") == "NVIDIA H100 80GB HBM3, 79 GiB"
    assert protocol().fingerprint != here.fingerprint
    assert recon.protocol(request).fingerprint == before


def test_what_is_left_open_is_filled_in_for_the_device():
    stated = open_task("image-throughput").protocol(Request(("default", {}), "skimage-photos", Options()))
    sweep = stated.settings["sweep"]
    assert (sweep["batch_sizes"], sweep["dtypes"], sweep["compile"], sweep["sizes"]) == (
        [1, 2, 4],
        ["float32"],
        [False],
        [256],
    )
    assert stated.dataset.n == sweep["samples"] == 8


@pytest.mark.parametrize(
    ("sweep", "options", "message"),
    [
        ({"batch_sizes": [2, 1]}, {}, "sweep.batch_sizes: must be positive numbers, the smallest first"),
        ({"dtypes": ["float32", "float32"]}, {}, "sweep.dtypes: names a value twice"),
        ({"dtypes": ["half"]}, {}, "sweep.dtypes.0: 'half' is not 'float32', 'tf32', 'bfloat16' or 'float16'"),
        ({"sizes": [100.5]}, {}, "sweep.sizes: 100.5 is not a whole number of px"),
        ({"sizes": [math.inf]}, {}, "sweep.sizes.0: inf is not a finite number"),
        ({"pace": {"seconds": math.inf}}, {}, "sweep.pace.seconds: inf is not a finite number"),
        ({"probe": {"width": 7}}, {}, "sweep.probe: width=7, depth=2, heads=2: all must be positive"),
        ({"probe": {"paradigm": "autoregresive"}}, {}, "no backbone is called 'autoregresive'"),
        ({}, {"dtype": "float16"}, "image-throughput sweeps dtypes itself; leave out --dtype"),
        ({}, {"device": "meta"}, "throughput is timed on cpu and cuda only"),
    ],
)
def test_wrong_settings_are_named(sweep, options, message):
    with pytest.raises(BenchError) as error:
        protocol(sweep, **options)
    assert message in str(error.value)


@pytest.mark.parametrize("system", ["klt-fsq@8", "klt-continuous@8"])
def test_a_probe_draws_with_and_without_its_cache(system, monkeypatch):
    decode, gradients = ProbeDrawer.decode, set[bool]()

    def watched(drawer: ProbeDrawer, tokens: Tokens) -> object:
        gradients.add(torch.is_grad_enabled())
        return decode(drawer, tokens)

    monkeypatch.setattr(ProbeDrawer, "decode", watched)
    found = measure(system, {"probe": {"width": 16, "depth": 1}, "batch_sizes": [1, 2]})
    drawn = rows(found, part="generate")
    assert [(row.cached, row.batch) for row in drawn] == [(True, 1), (True, 2), (False, 1), (False, 2)]
    for row in drawn:
        # Four tokens of 8 x 8 pixels; the first comes before the last, and decoding takes time of its own.
        assert 4 * row.samples_per_second < row.tokens_per_second
        assert 0 < row.first_token_ms < 1000 * row.batch / row.samples_per_second
    assert gradients == {False}
    best = max(drawn[:2], key=lambda row: row.samples_per_second)
    assert found.metrics["throughput_generate"].value == best.samples_per_second
    assert found.metrics["throughput_tokens_uncached"].value == max(row.tokens_per_second for row in drawn[2:])


def test_what_no_probe_models_is_left_out():
    found = measure("jpeg@10", {"probe": {}, "batch_sizes": [1]})
    (row,) = rows(found, part="generate")
    assert (row.outcome, "a codec emits bytes" in row.reason) == ("left out", True)
    assert "a codec emits bytes" in found.metrics["throughput_generate"].unavailable


@pytest.mark.parametrize(
    ("name", "modality", "cached"), [("amused@steps=2", "image", False), ("musicgen@seconds=0.1", "audio", True)]
)
def test_pretrained_backbones_draw(name, modality, cached, tmp_path: Path):
    kind, _, options = name.partition("@")
    system = f"{kind}@path={save(kind, tmp_path / kind)},{options}"
    found = measure(
        system, {"batch_sizes": [1], "dtypes": ["float32"] if cached else ["float32", "bfloat16"]}, modality
    )
    drawn = found.sweep.rows
    assert [row.cached for row in rows(found, dtype="float32")] == ([True, False] if cached else [None])
    assert all(row.outcome == "measured" and row.first_token_ms > 0 for row in drawn)
    assert found.system.tokens == "backbone"
    assert found.metrics["parameters"].value > 0
    if not cached:
        assert found.metrics["throughput_tokens_uncached"].unavailable == "it keeps no keys and values"
