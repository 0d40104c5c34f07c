"""The probe on real tokenizers and real data: what it finds, and that it finds it again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from places import SYSTEMS

from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.stats import clustered_mean
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.contracts.task import Job, Measurement, Report, Request, open_task
from bench.contracts.tokens import TokenError
from bench.errors import BenchError
from bench.learning import training
from bench.learning.probe import exponential, per_unit
from bench.machine.weights import WeightStore
from bench.measuring.runner import plan

BUDGET = {"steps": 100, "positions": 1024, "learning_rate": 0.01}
PROBE = {"width": 32, "depth": 1, "views": 1, "budget": BUDGET}
IMAGES = {"preprocessing": {"size": 64}, "probe": PROBE}
SOUND = {"probe": {**PROBE, "context": 64, "budget": {**BUDGET, "steps": 40}, "fit_samples": 8}}


def silent(phase: str, done: int, total: int) -> None:
    """No progress."""


@pytest.fixture
def measure(tmp_path, monkeypatch) -> Callable[..., Measurement]:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)

    def measure(
        system: str,
        settings: dict[str, Any] = IMAGES,
        task: str = "token-modelling",
        dataset: str = "skimage-photos",
        seed: int = 0,
        batch_size: int = 32,
        limit: int | None = None,
        report: Report = silent,
    ) -> Measurement:
        found = open_task(task)
        options = Options(seed=seed, limit=limit, batch_size=batch_size, workers=0)
        protocol = found.protocol(Request(("small", settings), dataset, options))
        return found.measure(Job(parse(system), protocol, options), report)

    return measure


@pytest.mark.parametrize("seed", [0, 1])
def test_tokens_in_order_are_learned_better_than_shuffled_ones(measure, seed):
    broken = f"{SYSTEMS}/shuffled.py:Shuffled@quantizer=fsq,bits=6"
    whole, shuffled = measure("klt-fsq@6", seed=seed), measure(broken, seed=seed)
    assert whole.samples["id"] == shuffled.samples["id"]
    more = clustered_mean(np.subtract(shuffled.samples["nll"], whole.samples["nll"]), whole.samples["group"])
    assert more.interval[0] > 0
    assert more.value > 0.1
    # What is known of single codes is the same, so the model of tokens alone can tell.
    one, other = whole.metrics, shuffled.metrics
    assert one["codebook_entropy"].value == other["codebook_entropy"].value
    assert one["bits_per_pixel_model"].value < other["bits_per_pixel_model"].value < 6 / 64


def test_an_untrained_probe_finds_the_nominal_rate(measure):
    untrained = {**IMAGES, "probe": {**PROBE, "budget": {"steps": 0}}}
    for system, codes in (("klt-fsq@6", 64), ("klt-rvq@4", 4), ("klt-msvq@4", 16)):
        metrics = measure(system, untrained).metrics
        assert metrics["nll"].value == pytest.approx(math.log(codes), rel=1e-12)
        assert metrics["token_perplexity"].value == pytest.approx(codes, rel=1e-12)
        assert metrics["bits_per_pixel_model"].value == pytest.approx(metrics["bits_per_pixel"].value, rel=1e-12)


def test_neither_batch_size_nor_an_interruption_changes_a_number(measure, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    seen: list[int] = []

    def interrupt(phase: str, done: int, total: int) -> None:
        if phase == "training":
            seen.append(done)
            if len(seen) == 5:
                raise KeyboardInterrupt

    short = {**IMAGES, "probe": {**PROBE, "budget": {**BUDGET, "steps": 8}}}
    with pytest.raises(KeyboardInterrupt):
        measure("klt-fsq@6", short, report=interrupt)
    resumed = measure("klt-fsq@6", short, report=interrupt)
    assert seen == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]
    whole = measure("klt-fsq@6", short, batch_size=5)
    assert seen[-1] == 8
    assert resumed.metrics == whole.metrics
    assert resumed.samples == whole.samples


def test_what_a_section_does_not_set_is_as_the_task_has_it():
    def probe(task: str) -> dict[str, Any]:
        chosen = {"probe": {"width": 32, "budget": {"steps": 7}}}
        found = open_task(task)
        settings: dict[str, Any] = found.protocol(Request(("own", chosen), "skimage-photos")).settings
        return settings["probe"]

    one, other = probe("token-modelling"), probe("ntp-probe")
    assert (one["width"], one["views"], one["repeats"]) == (32, 8, 1)
    assert (other["width"], other["views"], other["repeats"]) == (32, 8, 3)
    assert (other["budget"]["steps"], other["budget"]["positions"]) == (7, 4096)


def test_sound_in_kilobits_a_second(measure):
    found = measure("mulaw@8000", SOUND, "audio-token-modelling", "asterisk-prompts", limit=3)
    metrics, samples = found.metrics, found.samples
    assert metrics["bitrate_model"].unit == "kbit/s"
    assert metrics["nll"].value < 0.95 * math.log(256)
    # The clips' lengths in samples at 8 kHz are their tokens, so bits a second follow from nats a token.
    assert metrics["bitrate_model"].value == pytest.approx(metrics["nll"].value / math.log(2) * 8, rel=1e-3)
    assert len(samples["nll"]) == 3
    # What a difference of two tokenizers is told by, sample by sample.
    ratio = sum(samples["bitrate_model_total"]) / sum(samples["bitrate_model_amount"])
    assert metrics["bitrate_model"].value == pytest.approx(ratio, rel=1e-9)


def test_the_likelihood_of_continuous_tokens_is_a_density(measure):
    found = measure("klt-continuous", {**IMAGES, "probe": {**PROBE, "budget": {**BUDGET, "steps": 20}}})
    nll, *others = (found.metrics[name] for name in ("nll", "token_perplexity", "bits_per_pixel_model"))
    # Latents of images in [0, 1] are small, so their density is above 1: what a bound of 0 would hide.
    assert nll.interval[0] < nll.value < 0
    assert "compare for one tokenizer only; mixture probe" in nll.note
    assert [other.value for other in others] == [None, None]
    assert all("until they are rounded" in other.unavailable for other in others)


@pytest.fixture
def folder(tmp_path):
    """Six photographs' worth of noise, of two sizes."""
    found = tmp_path / "images"
    found.mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (70 + number % 2, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(found / f"{number}.png")
    return found


def planned(folder: Any, chosen: dict[str, Any], tmp_path: Any, dataset: str = "image-folder") -> Any:
    protocol = tmp_path / "own.yaml"
    protocol.write_text(yaml.safe_dump({"description": "own", "probe": PROBE, **chosen}))
    data = str(folder) if dataset == "image-folder" else None
    options = Options(dataset=dataset, data=data, protocol=str(protocol), workers=2)
    store = WeightStore({}, offline=True)
    return plan(load_suite("token-modelling"), [parse("klt-fsq@6")], options, store, Run(tmp_path))


@pytest.mark.parametrize("size", [64, 512])
def test_a_folder_is_measured_at_any_size(folder, tmp_path, monkeypatch, size):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    probe = {**PROBE, "fit_samples": 8, "budget": {**BUDGET, "steps": 1}}
    found = planned(folder, {"preprocessing": {"size": size}, "probe": probe}, tmp_path)
    (cell,) = found.cells
    assert not found.missing and not found.warnings
    task = open_task("token-modelling")
    metrics = task.measure(cell.job, silent).metrics
    assert metrics["nll"].n == 6
    assert metrics["tokens_per_image"].value == (size / 8) ** 2


def test_what_a_probe_cannot_learn_is_reported_before_it_is_measured(folder, tmp_path):
    (warning,) = planned(
        folder, {"preprocessing": {"crop": "none", "resize": "none", "smaller": "skip", "size": 16}}, tmp_path
    ).warnings
    assert "klt-fsq@6: whole images of 3 sizes" in warning
    assert "set preprocessing: {crop: center, size: 256}" in warning
    missing = planned(folder, {}, tmp_path, "skimage-photos@split=fit").missing
    assert "skimage-photos/fit has no split to train the probe on" in missing["token-modelling klt-fsq@6"]


def test_what_has_no_codes_is_refused(measure):
    with pytest.raises(TokenError, match="a codec emits bytes"):
        measure("jpeg@10")
    with pytest.raises(BenchError, match="looks only at tokens, so it does not measure psnr"):
        measure("klt-fsq@6", {**IMAGES, "metrics": {"psnr": {}}})


def test_the_error_of_one_training_is_that_of_the_samples():
    nats, groups = np.array([[3.0, 5.0, 4.0, 8.0]]), np.array([0, 0, 1, 2])
    expected = clustered_mean(nats[0] / 2, groups)
    found = per_unit(nats, np.full(4, 2.0), groups)
    assert found.value == expected.value
    assert found.stderr == pytest.approx(expected.stderr, rel=1e-12)
    assert found.interval == pytest.approx(expected.interval, rel=1e-12)
    # A ratio of totals is not the mean of ratios.
    assert per_unit(nats, np.array([1.0, 1, 1, 7]), groups).value == 2


def test_several_trainings_add_their_spread():
    groups, amounts = np.arange(4), np.ones(4)
    one = np.array([1.0, 2.0, 3.0, 6.0])
    alone, three = per_unit(one[None], amounts, groups), per_unit(np.stack([one - 1, one, one + 1]), amounts, groups)
    assert three.value == alone.value == 3
    assert three.stderr == pytest.approx(math.sqrt(alone.stderr**2 + 1 / 3), rel=1e-12)
    assert "3 trainings" in three.method
    same = per_unit(np.stack([one, one]), amounts, groups)
    assert (same.stderr, *same.interval) == pytest.approx((alone.stderr, *alone.interval))
    assert per_unit(one[None], amounts, np.zeros(4)).stderr is None


def test_a_perplexity_has_the_interval_of_its_logarithm():
    nats = per_unit(np.array([[1.0, 2.0, 3.0]]), np.ones(3), np.arange(3))
    found = exponential(nats)
    assert found.value == pytest.approx(math.exp(2))
    assert found.interval == pytest.approx([math.exp(end) for end in nats.interval])
    assert found.stderr == pytest.approx(math.exp(2) * nats.stderr)
