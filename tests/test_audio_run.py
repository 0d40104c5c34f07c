"""`bench run --suite audio-recon` as a user runs it: odd files, failing systems, batches, kills."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command import SYSTEMS

from bench.results import Result, Run, read_samples

SOUNDS = SYSTEMS / "sounds.py"
QUICK = ("run", "--suite", "audio-recon", "--offline", "--no-mlflow", "--format", "json")
TIMED = ("_rtf", "_rtf_clip_mean", "peak_memory")
PROTOCOL = """
description: The metrics that take no time
metrics: {pesq_wb: {}, stoi: {}, si_sdr: {}, mel_distance: {}, codebook: {}, tokens_per_second: {}, bitrate: {},
  bitrate_entropy: {}, bitrate_file: {}, real_time_factor: {}, peak_memory: {}}
"""


def speech_like(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """Noise in syllables, which PESQ and STOI take for speech."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(len(time)) * 0.1
    return (noise * (np.sin(2 * math.pi * 3 * time) > 0)).astype(np.float32)


@pytest.fixture
def quick(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "quick.yaml").write_text(PROTOCOL)
    return (*QUICK, "--protocol", "quick.yaml")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder of everything that people have in theirs."""
    folder = tmp_path / "odd"
    folder.mkdir()
    soundfile.write(folder / "a-speech-16k.wav", speech_like(2, 16000), 16000)
    soundfile.write(folder / "b-speech-8k.wav", speech_like(2, 8000), 8000)
    soundfile.write(folder / "c-stereo-48k.flac", np.stack([speech_like(2, 48000, s) for s in (1, 2)], 1), 48000)
    soundfile.write(folder / "d-silence.wav", np.zeros(32000, np.float32), 16000)
    soundfile.write(folder / "e-short.wav", speech_like(0.1, 16000), 16000)
    soundfile.write(folder / "f-long.wav", np.tile(speech_like(10, 16000), 60), 16000)
    (folder / "g-text.wav").write_text("this is a text")
    whole = (folder / "a-speech-16k.wav").read_bytes()
    (folder / "h-truncated.wav").write_bytes(whole[: len(whole) // 2])
    return folder


def results(folder: Path) -> dict[str, Result]:
    return {result.system.name.rpartition(":")[2]: result for result in Run(folder).results()}


def test_odd_files_are_named_and_counted(bench, quick, odd, tmp_path):
    done = bench(*quick, "--data", odd, "--system", f"{SOUNDS}:Levels", "--out", "out")
    (result,) = results(tmp_path / "out").values()
    data = result.dataset
    assert data is not None
    assert sorted(Path(name).stem for name in data.skipped) == ["g-text", "h-truncated"]
    assert data.n == 6
    assert data.stored == {"16000 Hz, 1 channel": 4, "8000 Hz, 1 channel": 1, "48000 Hz, 2 channels": 1}
    (file,) = Run(tmp_path / "out").files()
    samples = read_samples(file, result)
    scores = {
        Path(name).stem: {m: samples[m][i] for m in ("pesq_wb", "stoi", "si_sdr")}
        for i, name in enumerate(samples["id"])
    }
    for name in ("d-silence", "e-short"):
        for metric in ("pesq_wb", "stoi"):
            assert math.isnan(scores[name][metric])
    for name in ("a-speech-16k", "b-speech-8k", "c-stereo-48k"):
        assert not any(math.isnan(value) for value in scores[name].values())
    for metric in ("pesq_wb", "stoi", "si_sdr"):
        estimate = result.metrics[metric]
        values = [score[metric] for score in scores.values()]
        assert estimate.failures == sum(map(math.isnan, values))
        assert estimate.value == pytest.approx(np.nanmean(values))
    assert "silent" in result.metrics["pesq_wb"].note
    json.loads(done.stdout)


def test_neither_batches_nor_workers_change_a_number(bench, quick, tmp_path):
    systems = [f"--system={name}" for name in (f"{SOUNDS}:Levels", f"{SOUNDS}:EqualLengths")]
    bench(*quick, *systems, "--limit", 6, "--out", "one", "--batch-size", 1, "--workers", 0)
    bench(*quick, *systems, "--limit", 6, "--out", "eight", "--batch-size", 8)
    one, eight = results(tmp_path / "one"), results(tmp_path / "eight")
    assert {result.status for result in (*one.values(), *eight.values())} == {"ok"}
    for name, result in one.items():
        for metric, estimate in result.metrics.items():
            if not metric.endswith(TIMED):
                assert eight[name].metrics[metric] == estimate, (name, metric)


def test_a_failing_system_fails_alone_and_a_failing_clip_too(bench, quick, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, seconds in enumerate((1.5, 0.5, 2)):
        soundfile.write(folder / f"{number}.wav", speech_like(seconds, 16000), 16000)
    causes = {
        "Wrong": "its codebook declares 32000 a second",
        "Remembers": "it depends on what encode kept, not on the tokens alone",
        "Tensors": "decode gave Tensor, not bench.audio.Audio",
    }
    systems = [f"--system={SOUNDS}:{name}" for name in (*causes, "FailsOnShort", "Levels")]
    bench(*quick, "--data", folder, *systems, "--system=jpeg@10", "--out", "out", code=4)
    found = results(tmp_path / "out")
    for name, cause in causes.items():
        assert found[name].status == "failed"
        assert cause in found[name].errors[0].message
    assert "a tokenizer of image, not of audio" in found["jpeg@10"].errors[0].message
    short = found["FailsOnShort"]
    assert short.status == "ok"
    assert short.dataset is not None
    assert short.dataset.n == 2
    assert list(short.dataset.failed) == ["1.wav"]
    assert "Padding size" in short.dataset.failed["1.wav"]
    table = bench("leaderboard", "out", "--format", "markdown").stdout
    assert "the system failed on 1 of 3 samples: 1.wav: RuntimeError: Padding size" in table


def test_data_sets_of_the_other_modality_and_wrong_names_are_refused(bench, quick):
    for arguments, message in {
        ("--dataset", "skimage-photos"): "skimage-photos is a data set of image; audio-recon takes audio",
        ("--dataset", "asterisk-prompts@tempo=3"): "see bench show asterisk-prompts",
        ("--dataset", "librispeech:nowhere"): "nowhere",
        ("--dataset", "librispeech:"): "write NAME, NAME@VALUE",
    }.items():
        assert message in bench(*quick, "--system", f"{SOUNDS}:Levels", *arguments, code=2).stderr
