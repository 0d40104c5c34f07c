"""The probe tells learnable tokens from others, by likelihood and by what it generates, and finds it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from places import SYSTEMS

from bench.contracts.options import Options
from bench.contracts.stats import clustered_mean
from bench.contracts.system import parse
from bench.contracts.task import Job, Measurement, Report, Request, open_task
from bench.learning import training

PROBING = open_task("ntp-probe")
GOOD = "klt-fsq@6"
SHUFFLED, SCRAMBLED = (f"{SYSTEMS}/{name.lower()}.py:{name}@quantizer=fsq,bits=6" for name in ("Shuffled", "Scrambled"))
BUDGET = {"steps": 100, "positions": 512, "learning_rate": 0.01}
PROBE = {"width": 32, "depth": 1, "views": 1, "repeats": 1, "budget": BUDGET}
SETTINGS: dict[str, Any] = {
    "preprocessing": {"size": 64},
    "probe": PROBE,
    "generation": {"samples": 48, "batch": 48},
    "metrics": {"psnr": {}, "codebook": {}, "sliced_wasserstein": {"directions": 32}},
}
Measure = Callable[..., Measurement]


def silent(phase: str, done: int, total: int) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def measure(tmp_path_factory) -> Any:
    """What the probe finds on tiles of photographs."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))

        def measure(
            system: str,
            settings: dict[str, Any] = SETTINGS,
            seed: int = 0,
            batch_size: int = 32,
            report: Report = silent,
            limit: int | None = None,
        ) -> Measurement:
            options = Options(seed=seed, limit=limit, batch_size=batch_size, workers=0)
            protocol = PROBING.protocol(Request(("small", settings), "skimage-photos", options))
            return PROBING.measure(Job(parse(system), protocol, options), report)

        yield measure


@pytest.fixture(scope="module", params=[0, 1])
def good(measure, request) -> tuple[int, Measurement]:
    """A seed, and what is found with it of a tokenizer that nothing is wrong with."""
    return request.param, measure(GOOD, seed=request.param)


@pytest.mark.parametrize("broken", [SHUFFLED, SCRAMBLED])
def test_broken_tokens_are_learned_worse_and_so_are_images_of_them(measure, good, broken):
    seed, whole = good
    worse = measure(broken, seed=seed)
    more = clustered_mean(np.subtract(worse.samples["nll"], whole.samples["nll"]), whole.samples["group"])
    assert more.interval[0] > 0
    assert more.value > 0.5
    one, other = whole.metrics, worse.metrics
    assert one["bits_per_pixel_model"].value < other["bits_per_pixel_model"].value
    assert one["swd"].value < 0.95 * other["swd"].value
    if broken == SCRAMBLED:
        # Reconstruction cannot tell, to the last digit.
        assert other["psnr"] == one["psnr"]
    else:
        assert other["psnr"].value < one["psnr"].value - 3
        assert other["codebook_entropy"].value == one["codebook_entropy"].value


def test_neither_batch_size_nor_an_interruption_changes_a_number(measure, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    short = {
        **SETTINGS,
        "probe": {**PROBE, "repeats": 2, "fit_samples": 8, "budget": {**BUDGET, "steps": 3}},
        "generation": {"samples": 8, "batch": 8},
    }
    seen: list[str] = []

    def interrupt(phase: str, done: int, total: int) -> None:
        seen.append(f"{phase} {done}")
        if seen.count("training 2") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(GOOD, short, report=interrupt, limit=8)
    seen.clear()
    resumed = measure(GOOD, short, report=interrupt, limit=8)
    assert [one for one in seen if one.startswith("training")] == ["training 3", "training 2", "training 3"]
    whole = measure(GOOD, short, batch_size=5, limit=8)
    assert quality(resumed) == quality(whole)
    assert resumed.samples == whole.samples
    # What the tokenizer loses on each image is kept, so that tokenizers are compared image by image.
    assert np.mean(whole.samples["psnr"]) == pytest.approx(whole.metrics["psnr"].value)


def quality(found: Measurement) -> dict[str, Any]:
    """All but what it cost."""
    return {name: one for name, one in found.metrics.items() if not name.startswith("sampling")}
