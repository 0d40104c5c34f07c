"""Whatever one metric does wrong, the others keep their values, and its own say what happened and where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import breaking
import numpy as np
import pytest
import torch
from PIL import Image
from places import SYSTEMS

from bench import registry
from bench.contracts.options import Options
from bench.contracts.results import Run, broken_metrics
from bench.contracts.system import parse
from bench.contracts.task import Job, Measurement, Request, Task, open_task
from bench.errors import Unavailable
from bench.modalities.image.generation.samples import sample_specs
from bench.registry import Entry

IN_PLACE = r"\(breaking.py, line \d+\): boom"
WAYS = {
    "Init": f"ValueError in __init__ {IN_PLACE}",
    "To": f"RuntimeError in __init__ {IN_PLACE}",
    "FirstBatch": f"ValueError in update {IN_PLACE}",
    "LaterBatch": rf"ValueError in update {IN_PLACE} \\ud800",
    "Memory": f"OutOfMemoryError in update {IN_PLACE}; the metric ran out of memory, not the system",
    "Exits": f"SystemExit in update {IN_PLACE}",
    "Compute": f"ZeroDivisionError in compute {IN_PLACE}",
    "NotANumber": "NotANumber came out as nan ± None",
    "NoInterval": r"NoInterval came out as 1.0 ± 0.1 \[0.5, inf\]",
    "NoReplicate": "NoReplicate came out as 1.0, with replicates that are not finite",
    "Contradicts": r"Contradicts cannot be: the interval \[2, 3\] does not hold the value 1.0",
    "Undeclared": "compute gave no Undeclared, which outputs declares",
    "NotAnEstimate": "compute gave float as NotAnEstimate, not an Estimate",
    "NotByName": "TypeError in compute .*: compute gave float, not estimates by name",
    "NoOutputs": f"ValueError in update {IN_PLACE}",
}
OF_SAMPLES = {
    "Samples": f"OSError in samples {IN_PLACE}",
    "TooFewSamples": r"ValueError in samples .*: samples gave values of shape \[3\] as TooFewSamples, of 4 samples",
    "OthersSamples": "ValueError in samples .*: samples gave id, a name that is taken",
}
IN_POOL = {
    "DiesInPool": "no value for 4 clips: the metric broke: ProcessExpired",
    "ExitsInPool": f"no value for 4 clips: the metric broke: SystemExit {IN_PLACE}",
    "RaisesInPool": f"no value for 4 clips: the metric broke: ValueError {IN_PLACE}",
}
PROBE = {"width": 32, "depth": 1, "views": 1, "repeats": 1, "fit_samples": 8, "budget": {"steps": 0, "positions": 64}}
SMALL = {"preprocessing": {"size": 64}}
FEW = {**SMALL, "probe": PROBE, "generation": {"samples": 4, "batch": 2}}
CLIPS = {"probe": {**PROBE, "context": 128}, "continuation": {"prompt_seconds": 1, "seconds": 0.5}}
MEAN, CLOCK = f"{SYSTEMS}/broken.py:Mean", f"{SYSTEMS}/sounds.py:Clock"
PHOTOS, PROMPTS = "skimage-photos", "asterisk-prompts"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, dict[str, Any]]]:
    """``failing(ways, judges)``: registers a metric for each way; their sections of a protocol."""

    def failing(ways: Iterable[str], judges: str = "reconstruction") -> dict[str, dict[str, Any]]:
        for way in ways:
            line = Entry(way, f"breaking:{way}", "fails", judges=judges)
            monkeypatch.setitem(registry.entries("metrics"), way, line)
        return {way: {} for way in ways}

    return failing


def measured(
    task: Task,
    system: str,
    dataset: str,
    settings: dict[str, Any],
    weights: Mapping[str, Path | Unavailable] = MappingProxyType({}),
) -> Measurement:
    """What a task finds of four samples in batches of two."""
    options = Options(limit=4, batch_size=2)
    protocol = task.protocol(Request(("small", settings), dataset, options))
    spec = parse(system)
    return task.measure(Job(spec, task.for_system(protocol, spec), options, weights), lambda *_: None)


def task_of(name: str) -> Task:
    found: Task = open_task(name)
    return found


def assert_only_lost(found: Measurement, ways: Mapping[str, str], kept: Iterable[str]) -> None:
    """Each way's value says what happened; the others' are there."""
    for name in kept:
        assert found.metrics[name].value is not None
        assert not found.metrics[name].broken
    for way, reason in ways.items():
        assert found.metrics[way].value is None
        assert re.search(f"^{way}: {reason}", found.metrics[way].unavailable), way
        assert way not in found.samples
    assert len(broken_metrics(found.metrics)) == len(ways) + ("Undeclared" in ways)
    json.dumps({name: each.model_dump(mode="json") for name, each in found.metrics.items()}, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("name", "system", "dataset", "kept", "settings"),
    [
        ("image-recon", MEAN, PHOTOS, ("psnr", "tokens_per_image"), SMALL),
        ("audio-recon", CLOCK, PROMPTS, ("si_sdr",), {}),
    ],
)
def test_reconstruction(failing, name, system, dataset, kept, settings) -> None:
    ways, task = WAYS | OF_SAMPLES, task_of(name)
    metrics = failing(ways) | {name: {} for name in kept}
    found = measured(task, system, dataset, {**settings, "metrics": metrics})
    assert_only_lost(found, ways, kept)
    assert len(found.samples[kept[0]]) == len(found.samples["id"]) == 4


def test_clips_in_the_pool(failing) -> None:
    task = task_of("audio-recon")
    found = measured(task, CLOCK, PROMPTS, {"metrics": failing(IN_POOL) | {"si_sdr": {}}})
    assert found.metrics["si_sdr"].value is not None
    for way, reason in IN_POOL.items():
        assert re.search(reason, found.metrics[way].unavailable)
        assert found.metrics[way].broken


@pytest.mark.parametrize(
    ("name", "system", "dataset", "kept", "settings"),
    [
        ("token-modelling", MEAN, PHOTOS, ("nll", "tokens_per_image"), {**SMALL, "probe": PROBE}),
        ("audio-token-modelling", CLOCK, PROMPTS, ("nll", "tokens_per_second"), {"probe": {**PROBE, "context": 128}}),
    ],
)
def test_metrics_of_tokens(failing, name, system, dataset, kept, settings) -> None:
    task = task_of(name)
    metrics = failing(WAYS) | {kept[1]: {}}
    task.face = replace(task.face, metrics={"tokens": (*task.face.metrics["tokens"], *WAYS)})
    found = measured(task, system, dataset, {**settings, "metrics": metrics})
    assert_only_lost(found, WAYS, kept)


@pytest.mark.parametrize("judges", ["reconstruction", "generation"])
def test_images_of_a_probe(failing, judges) -> None:
    task = task_of("ntp-probe")
    found = measured(task, MEAN, PHOTOS, {**FEW, "metrics": failing(WAYS, judges) | {"psnr": {}}})
    assert_only_lost(found, WAYS, ("nll", "psnr", "sampling_images_per_second"))


def test_continuations(failing) -> None:
    task = task_of("audio-ntp-probe")
    ways = WAYS | OF_SAMPLES
    metrics = failing(ways) | {"tokens_per_second": {}}
    task.drawing.metrics = (*task.drawing.metrics, *ways)  # type: ignore[attr-defined]
    found = measured(task, CLOCK, PROMPTS, {**CLIPS, "metrics": metrics})
    for way, reason in ways.items():
        for kind in ("continuation", "tokenized", "model_loss"):
            lost = found.metrics[f"{way}_{kind}"]
            assert lost.broken
            assert re.search(f"^{way}: {reason}", lost.unavailable)
    assert found.metrics["nll"].value is not None


def test_generated_images(failing, tmp_path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 32, 32, 3), dtype=np.uint8)
    for name, part in zip(("real", "fake"), images, strict=True):
        np.savez(tmp_path / f"{name}.npz", part)
    task = task_of("image-generation")
    options = Options(data=str(tmp_path / "real.npz"), batch_size=2, workers=0)
    metrics = failing(WAYS, "generation") | {"sliced_wasserstein": {"directions": 8}}
    protocol = task.protocol(Request(("small", {"metrics": metrics}), "real.npz", options))
    (system,) = sample_specs((str(tmp_path / "fake.npz"),))
    job = Job(system, task.for_system(protocol, system), options)
    assert_only_lost(task.measure(job, lambda *_: None), WAYS, ("swd",))


@pytest.mark.parametrize("content", ["text", "cut", "other", "list", "empty"])
def test_a_bad_weights_file_costs_the_metrics_that_need_it(content, tmp_path, inception) -> None:
    bad = tmp_path / "bad.pth"
    whole = inception.read_bytes() if content == "cut" else b""
    bad.write_bytes({"text": b"<html>not found</html>", "cut": whole[: len(whole) // 2]}.get(content, b""))
    if content == "other":
        torch.save({"conv.weight": torch.zeros(3)}, bad)
    if content == "list":
        torch.save([1, 2], bad)
    metrics: dict[str, Any] = {name: {} for name in ("psnr", "ssim", "rfid", "kid", "lpips_alex")}
    weights = {"inception-2015-12-05": bad, "alexnet": bad}
    found = measured(task_of("image-recon"), MEAN, PHOTOS, {**SMALL, "metrics": metrics}, weights).metrics
    for name in ("rfid", "kid", "lpips_alex"):
        assert found[name].broken
        assert found[name].unavailable.startswith(f"{name}: {bad}: ")
    for name in ("psnr", "ssim"):
        assert found[name].value is not None


def test_a_reference_that_cannot_be_read_costs_what_it_is_compared_with(tmp_path, inception, photographs) -> None:
    """The images are damaged where only reading them all tells."""
    for name, count in (("real", 8), ("fake", 12)):
        (tmp_path / name).mkdir()
        for number, image in enumerate(photographs(count, 48)):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / name / f"{number:02}.png")
    damaged = tmp_path / "real" / "07.png"
    damaged.write_bytes(damaged.read_bytes()[:-2000])
    task = task_of("image-generation")
    options = Options(data=str(tmp_path / "real"), batch_size=4, workers=0)
    metrics: dict[str, Any] = {name: {} for name in ("gfid", "generation_kid", "generation_inception_score")}
    protocol = task.protocol(Request(("small", {"metrics": metrics}), "image-folder", options))
    (system,) = sample_specs((str(tmp_path / "fake"),))
    job = Job(system, task.for_system(protocol, system), options, {"inception-2015-12-05": inception})
    found = task.measure(job, lambda *_: None).metrics
    assert found["inception_score_file_order"].value is not None
    for name in ("gfid", "kid"):
        assert found[name].broken
        assert "07.png" in found[name].unavailable


def test_the_command_says_so_and_will_measure_it_again(bench, tmp_path) -> None:
    """A plug-in as users install it."""
    info = tmp_path / "plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.metrics]\nmine = breaking:LaterBatch\n")
    (tmp_path / "mine.yaml").write_text("description: Mine\npreprocessing: {size: 64}\nmetrics: {psnr: {}, mine: {}}\n")
    run = (
        "run",
        "--suite",
        "image-recon",
        "--limit",
        6,
        "--batch-size",
        2,
        "--system",
        MEAN,
        "--protocol",
        "mine.yaml",
    )
    environment = {"PYTHONPATH": f"{tmp_path}:{Path(breaking.__file__).parent}"}
    done = bench(*run, "--offline", "--no-mlflow", "--out", "out", code=4, **environment)
    assert re.search(r"lost: .*broken.py:Mean: mine: ValueError in update \(breaking.py, line \d+\): boom", done.stderr)
    assert "PSNR" in done.stdout
    out = Run(tmp_path / "out")
    (result,) = out.results()
    assert result.status == "ok"
    assert out.find(out.files()[0], result.key) is None
    update = bench("baseline", "update", "out", "--baseline", "base", code=4, **environment)
    assert "mine: ValueError in update" in update.stderr
    assert not (tmp_path / "base").exists()
