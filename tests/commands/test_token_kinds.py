"""Tokenizers that only encode, hybrid tokens, and images of as many tokens as they need, through every command."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from command import BENCH, run_bench
from hand_made import result
from PIL import Image
from places import SYSTEMS

from bench.contracts.results import Result, Run
from bench.leaderboard.table import KINDS
from bench.site import drawing, figures

FILE = SYSTEMS / "encoders.py"
UNITS, HYBRID, AS_NEEDED, BAD, SOUND_UNITS, SOUND_HYBRID = (
    f"{FILE}:{name}" for name in ("Units", "Hybrid", "AsNeeded", "EncodesBadly", "SoundUnits", "SoundHybrid")
)
ENCODES_ONLY = "this tokenizer encodes only"
IMAGES = """
description: Metrics that take little time
preprocessing: {crop: none, resize: none, smaller: skip, size: 32}
metrics: {psnr: {}, fd_efficientnet_lite0: {}, codebook: {}, tokens_per_image: {}, bits_per_pixel: {},
  bits_per_pixel_entropy: {}, throughput: {}}
"""
SOUNDS = """
description: Metrics that take little time
metrics: {stoi: {}, si_sdr: {}, codebook: {}, tokens_per_second: {}, bitrate: {}, bitrate_entropy: {},
  real_time_factor: {}}
"""
OPTIONS = ("--offline", "--no-mlflow", "--protocol", "own.yaml")
HEIGHTS = (64, 48, 32, 24, 16, 8)
"""How much of each image is not black, in pixels of 64; so many tokens of 8 x 8 pixels are needed, and the others are
the same as the last one."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of images, in batches of one and of six, and of audio."""
    folder = tmp_path_factory.mktemp("kinds")
    run = run_bench(BENCH, folder)
    (folder / "images").mkdir()
    for index, height in enumerate(HEIGHTS):
        levels = np.random.default_rng(index).integers(40, 240, (8, 8), np.uint8)
        levels[height // 8 :] = 0
        levels[height // 8 - 1, -1] = 255
        Image.fromarray(levels.repeat(8, 0).repeat(8, 1)).convert("RGB").save(folder / "images" / f"{index}.png")
    (folder / "sounds").mkdir()
    for index in range(3):
        noise = np.random.default_rng(index).standard_normal(16000 + 1600 * index).astype(np.float32) * 0.1
        soundfile.write(folder / "sounds" / f"{index}.wav", noise * np.linspace(0, 1, len(noise)), 16000)
    (folder / "own.yaml").write_text(IMAGES)
    systems = [f"--system={name}" for name in (UNITS, HYBRID, AS_NEEDED)]
    for out, size in (("out", 6), ("single", 1)):
        command = ("run", "--suite", "image-recon", "--data", "images", *OPTIONS, "--out", out)
        run(*command, *systems, "--batch-size", size)
    (folder / "own.yaml").write_text(SOUNDS)
    systems = [f"--system={name}" for name in (SOUND_UNITS, SOUND_HYBRID)]
    run("run", "--suite", "audio-recon", "--data", "sounds", *OPTIONS, "--out", "heard", *systems)
    return folder


def results(folder: Path) -> dict[str, Result]:
    return {result.system.name: result for result in Run(folder).results()}


def values(found: Result, timed: bool = False) -> dict[str, dict[str, Any]]:
    metrics = {name: one.model_dump() for name, one in found.metrics.items()}
    return {name: one for name, one in metrics.items() if timed or not name.startswith(("encode", "decode"))}


def test_an_encode_only_tokenizer_has_rates_codebook_use_and_speed(made):
    for found, lost in (
        (results(made / "out")[UNITS], {"psnr", "fd_efficientnet_lite0", "decode_images_per_second"}),
        (
            results(made / "heard")[SOUND_UNITS],
            {"stoi", "estoi", "si_sdr", "decode_rtf", "decode_rtf_clip_mean"},
        ),
    ):
        assert (found.status, found.system.tokens) == ("ok", "discrete")
        assert not found.kept
        assert {name: one.unavailable for name, one in found.metrics.items() if one.value is None} == dict.fromkeys(
            lost, ENCODES_ONLY
        )
    # The rates are those of the same codes of a tokenizer that decodes.
    whole, units = results(made / "out")[HYBRID].metrics, results(made / "out")[UNITS].metrics
    assert units["tokens_per_image"].value == 64
    assert units["bits_per_pixel"].value == 4 / 64
    assert units["codebook_entropy"].value == whole["codebook_entropy"].value


def test_hybrid_tokens_are_counted_whole_and_have_no_bits(made):
    reason = "the latents of hybrid tokens have no bits until they are quantized"
    images, sounds = results(made / "out")[HYBRID], results(made / "heard")[SOUND_HYBRID]
    for found, bits in (
        (images, ("bits_per_pixel", "bits_per_pixel_entropy")),
        (sounds, ("bitrate", "bitrate_entropy")),
    ):
        assert found.system.tokens == "hybrid"
        assert {name for name, one in found.metrics.items() if one.value is None} == set(bits)
        assert {found.metrics[name].unavailable for name in bits} == {reason}
    assert images.metrics["tokens_per_image"].value == 2 * 64
    assert images.metrics["psnr"].value > 60
    assert sounds.metrics["tokens_per_second"].value == pytest.approx(2 * 50)
    units = results(made / "heard")[SOUND_UNITS].metrics
    assert units["tokens_per_second"].value == 50
    for name in ("codebook_utilization", "codebook_entropy"):
        assert sounds.metrics[name].value == units[name].value


def test_images_of_several_numbers_of_tokens_have_mean_rates(made):
    """Padding has a code of its own; none is counted, whatever the batch."""
    found = results(made / "out")[AS_NEEDED]
    assert values(found) == values(results(made / "single")[AS_NEEDED])
    counts = [height + (height < 64) for height in HEIGHTS]  # a black one follows, and stands for the others
    rate = found.metrics["tokens_per_image"]
    assert rate.value == pytest.approx(np.mean(counts))
    assert rate.interval is not None and rate.interval[0] < np.mean(counts) < rate.interval[1]
    bits = found.metrics["bits_per_pixel"]
    assert bits.value == pytest.approx(4 * np.mean(counts) / 64**2)
    assert bits.stderr == pytest.approx(4 * rate.stderr / 64**2)
    assert found.metrics["codebook_entropy"].note.startswith(f"{sum(counts)} tokens")
    # The tail is not lost: what is decoded is what all tokens give.
    assert found.metrics["psnr"].value > 30


def test_a_batch_that_changes_codes_is_found_without_a_decoder(made):
    (made / "own.yaml").write_text(IMAGES)
    run = run_bench(BENCH, made)
    command = ("run", "--suite", "image-recon", "--data", "images", *OPTIONS, "--out", "bad", "--system", BAD)
    assert "the result for a sample depends on its batch" in run(*command, code=3).stderr


def test_tables_gate_and_site_show_them(made):
    run = run_bench(BENCH, made)
    table = run("leaderboard", "out", "heard").stdout
    assert table.count("Hybrid tokenizers") == 2
    assert ENCODES_ONLY in table
    run("baseline", "update", "out", "--baseline", "before")
    assert "held" in run("check", "single", "--baseline", "before").stdout.lower()
    compared = run("compare", "out", "--systems", UNITS, AS_NEEDED).stdout
    assert "PSNR" in compared
    shutil.rmtree(made / "site", ignore_errors=True)
    run("publish", "out", "heard", "--out", "site")
    pages = "".join(page.read_text() for page in (made / "site").rglob("*.html"))
    assert "Hybrid tokenizers" in pages
    assert ENCODES_ONLY in pages


def test_every_kind_of_tokens_has_a_marker_of_its_own():
    for markers in (drawing.MARKERS, figures.MARKERS, figures.SIGNS):
        assert markers.keys() == KINDS.keys() - {"samples", "backbone"}
        assert len(set(markers.values())) == len(markers)
        assert not {"triangle", "^", "△"} & set(markers.values())  # of those two
    assert result("a", "hybrid").system.tokens == "hybrid"
