"""`bench run --reconstructions`: reconstructions made elsewhere are measured like those of a system."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from places import ROOT, SYSTEMS

from bench.contracts.elsewhere import elsewhere_specs
from bench.contracts.results import Result, Run
from bench.contracts.system import parse
from bench.datasets.base import NoReconstruction
from bench.errors import BenchError
from bench.measuring.elsewhere import Pairs
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.datasets.audio_folder import AudioFolder
from bench.modalities.audio.resample import resample
from bench.modalities.image.datasets.image_folder import ImageFolder
from bench.modalities.image.signal import ImageSignal
from bench.tokenizers.base import Tokenizer

README = (ROOT / "README.md").read_text(encoding="utf-8")
MEAN = f"{SYSTEMS / 'broken.py'}:Mean"
IMAGES = """
description: Metrics that take little time
preprocessing: {crop: none, resize: none, smaller: skip, size: 32}
metrics: {psnr: {}, ssim: {}, fd_efficientnet_lite0: {}, codebook: {}, tokens_per_image: {}, bits_per_pixel: {},
  bits_per_pixel_entropy: {}, throughput: {}, peak_memory: {}}
"""
SOUNDS = """
description: Metrics that take little time
metrics: {pesq_nb: {}, stoi: {}, si_sdr: {}, mel_distance: {}, codebook: {}, tokens_per_second: {}, bitrate: {},
  bitrate_entropy: {}, real_time_factor: {}}
"""


def originals(folder: Path) -> Path:
    """Six photograph-like images of two sizes."""
    for index in range(6):
        waves = np.cumsum(np.random.default_rng(index).standard_normal((64, 64 + 16 * (index % 2), 3)), axis=1)
        path = folder / ("odd" if index % 2 else "") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(128 + 12 * waves, 0, 255).astype(np.uint8)).save(path)
    return folder


def speech(folder: Path) -> Path:
    """Four clips of several lengths of noise in syllables."""
    folder.mkdir()
    for index in range(4):
        time = np.arange(16000 + 1600 * index) / 16000
        noise = np.random.default_rng(index).standard_normal(len(time)) * 0.1 * (np.sin(2 * np.pi * 3 * time) > 0)
        soundfile.write(folder / f"{index}.wav", noise.astype(np.float32), 16000)
    return folder


def results(folder: Path) -> dict[str, Result]:
    return {result.system.name: result for result in Run(folder).results()}


def values(result: Result, *without: str) -> dict[str, dict[str, Any]]:
    """The estimates of a result that are no costs."""
    return {name: one.model_dump() for name, one in result.metrics.items() if not name.startswith(without)}


def tokenizer(text: str) -> Tokenizer:
    return parse(text).build()


def write_images(folder: Path) -> None:
    """``data``, and what jpeg@75 (``files``) and a tokenizer with codes (``coded``) make of it."""
    choices = {"crop": "none", "resize": "none", "smaller": "skip", "size": 32}
    jpeg, mean = tokenizer("jpeg@75"), tokenizer(MEAN)
    for sample in ImageFolder(choices, data=str(originals(folder / "data"))):
        batch = sample.signal[None].float() / 255
        file, coded = (folder / name / sample.id for name in ("files", "coded"))
        for path in (file, coded):
            path.parent.mkdir(parents=True, exist_ok=True)
        file.with_suffix(".jpg").write_bytes(jpeg.encode(batch).payload[0])
        tokens = mean.encode(batch)
        levels = torch.round(mean.decode(tokens)[0] * 255).byte()
        Image.fromarray(levels.permute(1, 2, 0).numpy()).save(coded)
        np.save(coded.with_suffix(".npy"), tokens.codes[0][0].numpy())


def test_images_have_the_values_of_the_system_that_made_them(bench, tmp_path):
    write_images(tmp_path)
    (tmp_path / "own.yaml").write_text(IMAGES)
    run = ("run", "--suite", "image-recon", "--data", "data", "--protocol", "own.yaml", "--offline", "--no-mlflow")
    made = ("--reconstructions", "files=files", "--reconstructions", "coded=coded", "--codebook", "coded=256")
    bench(*run, "--system", "jpeg@75", "--system", MEAN, *made, "--rate", "files=1.5", "--out", "out")
    found = results(tmp_path / "out")
    jpeg, files, mean, coded = (found[name] for name in ("jpeg@75", "files", MEAN, "coded"))
    timed = ("encode", "decode", "peak")
    assert values(coded, *timed) == values(mean, *timed)
    assert values(files, *timed, "tokens", "bits", "codebook") == values(jpeg, *timed, "tokens", "bits", "codebook")
    assert files.metrics["bits_per_pixel"].value == 1.5
    assert files.metrics["codebook_utilization"].unavailable == "the tokens are not known, only the reconstructions"
    for result in (files, coded):
        assert {result.metrics[name].unavailable for name in result.metrics if name.startswith(timed)} == {
            "the reconstructions were made elsewhere, so nothing was timed here"
        }
        assert not result.warnings
        assert len(result.kept) == 4
    assert (coded.system.tokens, files.system.tokens) == ("discrete", "unknown")
    # The gate compares them, and the site shows them.
    report = bench("compare", "out", "--systems", "coded", "files")
    assert "psnr" in report.stdout.lower()
    bench("publish", "out", "--out", "site")
    (page,) = (tmp_path / "site" / "tables").glob("*.html")
    for part in (
        "--reconstructions files=files --rate files=1.5",
        "--reconstructions coded=coded --codebook coded=256",
    ):
        assert part in page.read_text()


def test_the_command_of_the_readme(bench, tmp_path):
    """Its folder, its manifest and its protocol for whole images."""
    (command,) = re.findall(r"^    bench (run --suite image-recon --data originals .*)$", README, re.MULTILINE)
    write_images(tmp_path)
    for before, after in {"data": "originals", "files": "mine"}.items():
        (tmp_path / before).rename(tmp_path / after)
    lines = [f"{path.relative_to(tmp_path / 'coded')}\t{path}" for path in (tmp_path / "coded").rglob("*.png")]
    (tmp_path / "theirs.tsv").write_text("\n".join(lines))
    assert "use `--protocol native`" in README
    done = bench(*command.split(), "--protocol", "native", "--codebook", "theirs=256", "--offline", "--no-mlflow")
    assert {
        name: result.dataset and result.dataset.n for name, result in results(tmp_path / "runs" / "image-recon").items()
    } == {
        "mine": 6,
        "theirs": 6,
    }
    assert "Reconstructions made elsewhere" in done.stdout


def test_what_is_missing_surplus_unreadable_and_misshapen_is_named(bench, tmp_path):
    write_images(tmp_path)
    for name, make in {
        "0": lambda path: path.unlink(),
        "2": lambda path: path.write_bytes(path.read_bytes()[:60]),
        "4": lambda path: Image.new("RGB", (8, 64)).save(path),
    }.items():
        make(tmp_path / "coded" / f"{name}.png")
    np.save(tmp_path / "coded" / "odd" / "1.npy", np.array([256]))
    (tmp_path / "coded" / "odd" / "3.npy").unlink()
    Image.new("RGB", (64, 64)).save(tmp_path / "coded" / "more.png")
    (tmp_path / "own.yaml").write_text(IMAGES)
    done = bench(
        *("run", "--suite", "image-recon", "--data", "data", "--protocol", "own.yaml", "--offline", "--no-mlflow"),
        *("--reconstructions", "coded=coded", "--codebook", "256", "--out", "out"),
    )
    (result,) = Run(tmp_path / "out").results()
    assert result.dataset is not None
    reasons = {
        "0.png": "no reconstruction",
        "2.png": "damaged|cut off|truncated",
        "4.png": "is 8x64, and its original 64x64 under this protocol",
        "odd/1.png": r"codes 256\.\.256 outside the codebook 0\.\.255",
        "odd/3.png": "no codes beside its reconstruction, although others have some",
    }
    assert result.dataset.failed.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert re.search(reason, result.dataset.failed[name])
    assert result.dataset.n == 1
    for sentence in (
        "1 of 6 samples without a reconstruction: 0.png",
        "1 of 6 samples without codes: odd/3.png",
        "1 file belongs to no sample: more.png",
    ):
        assert f"warning: coded: {sentence}" in done.stderr
    assert result.warnings == ["1 file belongs to no sample: more.png"]
    assert str(tmp_path) not in " ".join(result.dataset.failed.values())


def test_audio_has_the_values_of_the_codec_that_made_it(bench, tmp_path):
    opus, law = tokenizer("opus@16"), tokenizer("mulaw")
    for sample in AudioFolder(data=str(speech(tmp_path / "data"))):
        clip = Audio.of([sample.signal], sample.rate)
        for folder, system in (("codec", opus), ("law", law)):
            (tmp_path / folder).mkdir(exist_ok=True)
            tokens = system.encode(clip)
            made = system.decode(tokens).clips()[0].T.numpy()
            soundfile.write(tmp_path / folder / sample.id, made, sample.rate, subtype="FLOAT")
            if tokens.codes:
                np.savez(
                    (tmp_path / folder / sample.id).with_suffix(".npz"), *(code[0].numpy() for code in tokens.codes)
                )
    (tmp_path / "own.yaml").write_text(SOUNDS)
    bench(
        *("run", "--suite", "audio-recon", "--data", "data", "--protocol", "own.yaml", "--offline", "--no-mlflow"),
        *("--system", "opus@16", "--system", "mulaw", "--reconstructions", "codec=codec", "--rate", "codec=16"),
        *("--reconstructions", "own=law", "--codebook", "own=256", "--out", "out"),
    )
    found = results(tmp_path / "out")
    timed = ("encode", "decode", "bitrate", "tokens")
    assert values(found["codec"], *timed, "codebook") == values(found["opus@16"], *timed, "codebook")
    assert values(found["own"], *timed) == values(found["mulaw"], *timed)
    for name in ("bitrate", "tokens_per_second", "bitrate_entropy"):
        assert found["own"].metrics[name].value == pytest.approx(found["mulaw"].metrics[name].value)
    assert found["codec"].metrics["bitrate"].value == 16
    assert found["codec"].metrics["encode_rtf"].unavailable


def test_audio_of_another_rate_and_of_another_length(bench, tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    for path in sorted(speech(tmp_path / "data").iterdir()):
        samples, rate = soundfile.read(path)
        soundfile.write(folder / path.name, np.stack([samples, samples], 1), rate)
    soundfile.write(folder / "1.wav", resample(samples[None].astype(np.float32), rate, 48000).T, 48000)  # of clip 3
    soundfile.write(folder / "0.wav", np.tile(samples, 3), rate)
    (tmp_path / "own.yaml").write_text(SOUNDS)
    bench(
        *("run", "--suite", "audio-recon", "--data", "data", "--protocol", "own.yaml", "--offline", "--no-mlflow"),
        *("--reconstructions", "made=made", "--out", "out"),
    )
    (result,) = Run(tmp_path / "out").results()
    assert result.dataset is not None
    assert list(result.dataset.failed) == ["0.wav"]
    assert "lasts 3.90 s, and its original 1.00 s" in result.dataset.failed["0.wav"]
    assert result.dataset.n == 3


@pytest.mark.parametrize(
    ("given", "codebooks", "rates", "message"),
    [
        ({"jpeg": "files"}, [], [], "jpeg is a system of the bench; choose another name"),
        ({"mine": "nowhere"}, [], [], "no such file or folder"),
        ({"mine": "files"}, ["x"], [], "write the size of each level"),
        ({"mine": "files"}, ["4,9999999999999999999"], [], "write the size of each level"),
        ({"mine": "files"}, [], ["-1"], "write a positive number"),
        ({"mine": "files"}, [], ["min=1"], "no --reconstructions are called min, only mine"),
        ({"mine": "coded"}, ["256"], ["1"], "leave out --rate or --codebook"),
        ({}, [], ["1"], "give them with --reconstructions"),
        ({"mine": "coded"}, [], [], "add --codebook mine=SIZE"),
        ({"mine": "files"}, ["16"], [], "no .npy or .npz lies beside"),
        ({"mine": "other"}, [], [], "has no reconstruction of image-folder, such as of 0.png"),
    ],
)
def test_what_does_not_fit_is_explained(given, codebooks, rates, message, tmp_path):
    write_images(tmp_path)
    (tmp_path / "other").mkdir()
    paths = {name: tmp_path / path for name, path in given.items()}
    with pytest.raises(BenchError, match=re.escape(message)):
        for spec in elsewhere_specs(paths, codebooks, rates):
            Pairs(ImageFolder(data=str(tmp_path / "data")), spec, ImageSignal())


@pytest.mark.parametrize("damage", [b"", b"codes", b"PK\x03\x04codes"])
@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_damaged_codes_cost_their_sample_alone(damage, ending, tmp_path):
    write_images(tmp_path)
    np.save(tmp_path / "coded" / "2.npy", np.int64(3))
    (tmp_path / "coded" / "0.npy").unlink()
    (tmp_path / "coded" / "0").with_suffix(ending).write_bytes(damage)
    (spec,) = elsewhere_specs({"mine": tmp_path / "coded"}, ["256,256"])
    data = ImageFolder({"crop": "none", "resize": "none", "smaller": "skip", "size": 32}, data=str(tmp_path / "data"))
    pairs = Pairs(data, spec, ImageSignal())
    with pytest.raises(NoReconstruction, match=f"0{ending}: damaged, or not an array of whole numbers"):
        pairs.load(0)
    with pytest.raises(NoReconstruction, match="1 levels of codes, and --codebook states 2"):
        pairs.load(1)


def test_a_modality_that_reads_no_files_says_so(tmp_path):
    class Unread(ImageSignal):
        endings = frozenset()

    (spec,) = elsewhere_specs({"mine": tmp_path})
    with pytest.raises(BenchError, match="made elsewhere cannot be read"):
        Pairs(ImageFolder(data=str(originals(tmp_path / "data"))), spec, Unread())
