"""`bench run --suite audio-recon` as a user runs it: odd files, failing systems, batches, kills."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
import torch
from click.testing import CliRunner
from command import BENCH, command_environment
from places import SYSTEMS

from bench import registry
from bench.cli import main
from bench.contracts.results import Result, Run, read_samples
from bench.machine.pool import NICE
from bench.modalities.audio.batch import Audio
from bench.modalities.signal import SystemFailure

SOUNDS = SYSTEMS / "sounds.py"
QUICK = ("run", "--suite", "audio-recon", "--offline", "--no-mlflow", "--format", "json")
TIMED = ("_rtf", "_rtf_clip_mean", "peak_memory")
PROTOCOL = """
description: Metrics that take little time
metrics: {pesq_nb: {}, stoi: {}, si_sdr: {}, mel_distance: {}, codebook: {}, tokens_per_second: {}, bitrate: {},
  bitrate_entropy: {}, bitrate_file: {}, real_time_factor: {}, peak_memory: {}}
"""
ODD = """
description: Telephone speech, so that ten minutes take little time too
preprocessing: {rate: 8000}
metrics: {stoi: {}, si_sdr: {}}
"""
LIGHT = """
description: One metric
metrics: {mel_distance: {}}
"""


def speech_like(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """Noise in syllables, which PESQ and STOI take for speech."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(len(time)) * 0.1
    return (noise * (np.sin(2 * math.pi * 3 * time) > 0)).astype(np.float32)


def protocol(folder: Path, text: str) -> tuple[str, ...]:
    """Arguments of a run under a protocol of the test's own."""
    (folder / "own.yaml").write_text(text)
    return (*QUICK, "--protocol", "own.yaml")


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
    soundfile.write(folder / "f-long.wav", np.tile(speech_like(10, 8000), 60), 8000)
    (folder / "g-text.wav").write_text("this is a text")
    whole = (folder / "a-speech-16k.wav").read_bytes()
    (folder / "h-truncated.wav").write_bytes(whole[: len(whole) // 2])
    return folder


def results(folder: Path) -> dict[str, Result]:
    return {result.system.name.rpartition(":")[2]: result for result in Run(folder).results()}


def test_odd_files_are_named_and_counted(bench, odd, tmp_path):
    done = bench(
        *protocol(tmp_path, ODD), "--workers", 0, "--data", odd, "--system", f"{SOUNDS}:Levels", "--out", "out"
    )
    (result,) = results(tmp_path / "out").values()
    data = result.dataset
    assert data is not None
    assert sorted(Path(name).stem for name in data.skipped) == ["g-text", "h-truncated"]
    assert data.n == 6
    assert data.stored == {"16000 Hz, 1 channel": 3, "8000 Hz, 1 channel": 2, "48000 Hz, 2 channels": 1}
    (file,) = Run(tmp_path / "out").files()
    samples = read_samples(file, result)
    scores = {
        Path(name).stem: {m: samples[m][i] for m in ("stoi", "estoi", "si_sdr")} for i, name in enumerate(samples["id"])
    }
    for name in ("d-silence", "e-short"):
        for metric in ("stoi", "estoi"):
            assert math.isnan(scores[name][metric])
    for name in ("a-speech-16k", "b-speech-8k", "c-stereo-48k", "f-long"):
        assert not any(math.isnan(value) for value in scores[name].values())
    for metric in ("stoi", "estoi", "si_sdr"):
        estimate = result.metrics[metric]
        values = [score[metric] for score in scores.values()]
        assert estimate.failures == sum(map(math.isnan, values))
        assert estimate.value == pytest.approx(np.nanmean(values))
    assert "silent" in result.metrics["stoi"].note
    json.loads(done.stdout)


def test_a_failing_system_fails_alone_and_a_failing_clip_too(bench, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, seconds in enumerate((1.5, 0.5, 2)):
        soundfile.write(folder / f"{number}.wav", speech_like(seconds, 16000), 16000)
    causes = {
        "Wrong": "its codebook declares 32000 per second",
        "Remembers": "it depends on state that encode keeps",
        "Tensors": "decode gave Tensor, not bench.modalities.audio.batch.Audio",
    }
    systems = [f"--system={SOUNDS}:{name}" for name in (*causes, "FailsOnShort", "Levels")]
    run = (*protocol(tmp_path, LIGHT), "--workers", 0, "--data", folder, *systems, "--out", "out")
    assert "jpeg@10 is of image; suite audio-recon is of audio" in bench(*run, "--system=jpeg@10", code=2).stderr
    bench(*run, code=4)
    found = results(tmp_path / "out")
    for name, cause in causes.items():
        assert found[name].status == "failed"
        assert cause in found[name].errors[0].message
    short = found["FailsOnShort"]
    assert short.status == "ok"
    assert short.dataset is not None
    assert short.dataset.n == 2
    assert list(short.dataset.failed) == ["1.wav"]
    assert "Padding size" in short.dataset.failed["1.wav"]
    table = bench("leaderboard", "out", "--format", "markdown").stdout
    assert "the system failed on 1 of 3 samples: 1.wav: RuntimeError: Padding size" in table


@pytest.mark.parametrize(
    ("system", "cause"),
    [
        ("Flat", r"decode_waves gave torch.float32 \(2, 48000\), not floating-point samples \[2, 1, time\]"),
        ("Integers", r"decode_waves gave torch.int16"),
        ("OtherRate", r"decode_waves gave 72000 samples for 48000 at 16000 Hz"),
        ("Arrays", r"decode_waves gave ndarray"),
    ],
)
def test_waves_of_another_form_are_refused(system: str, cause: str) -> None:
    tokenizer = registry.load(f"{SOUNDS}:{system}")()
    batch = Audio.of([torch.zeros(1, 48000), torch.zeros(1, 45000)], 16000)
    with pytest.raises(SystemFailure, match=cause):
        tokenizer.decode(tokenizer.encode(batch))


def test_killed_and_run_again_gives_the_numbers_of_an_uninterrupted_run_one_by_one(bench, tmp_path):
    """The one that was killed had batches of eight and a pool, the other has neither: no number depends on that."""
    systems = ("--system=mulaw", f"--system={SOUNDS}:Slow@seconds={{}}", f"--system={SOUNDS}:EqualLengths")
    slow, fast = ([s.format(seconds) for s in systems] for seconds in (60, 0.1))
    quick = (*protocol(tmp_path, PROTOCOL), "--limit", 4)
    command: list[Any] = [BENCH, *map(str, quick), *slow, "--out", "cut"]
    process = subprocess.Popen(command, cwd=tmp_path, env=command_environment(tmp_path), stderr=subprocess.DEVNULL)
    first = wait_for(lambda: next((tmp_path / "cut" / "results").glob("mulaw*.json"), None))
    finished = first.stat().st_mtime_ns
    family = wait_for(lambda: pool_and_others(process.pid))  # of the slow cell
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=15)
    assert not alive
    bench(*quick, *fast, "--out", "cut")
    assert first.stat().st_mtime_ns == finished
    bench(*quick, *fast, "--out", "whole", "--batch-size", 1, "--workers", 0)
    cut, whole = numbers(tmp_path / "cut"), numbers(tmp_path / "whole")
    assert len(whole) == 3
    assert cut == whole
    assert not [path for path in (tmp_path / "cut").rglob("*") if path.suffix == ".tmp"]


def wait_for(found: Any) -> Any:
    """What the function gives once that is something."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def pool_and_others(pid: int) -> list[psutil.Process]:
    """All processes of a run, once those of a pool are among them."""
    family = psutil.Process(pid).children(recursive=True)
    try:
        return family if sum(one.nice() == NICE for one in family) else []
    except psutil.NoSuchProcess:
        return []


def numbers(folder: Path) -> dict[str, Any]:
    """Estimates of a run by system and metric, leaving out what is timed."""
    return {
        name: {metric: estimate for metric, estimate in result.metrics.items() if not metric.endswith(TIMED)}
        for name, result in results(folder).items()
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dataset", "skimage-photos"), "skimage-photos is a data set of image; audio-recon takes audio"),
        (("--dataset", "asterisk-prompts@tempo=3"), "see bench show asterisk-prompts"),
        (("--dataset", "librispeech:nowhere"), "nowhere"),
        (("--dataset", "librispeech:"), "write NAME, NAME@VALUE"),
    ],
)
def test_data_sets_of_the_other_modality_and_wrong_names_are_refused(arguments, message):
    done = CliRunner().invoke(main, [*QUICK, "--system", f"{SOUNDS}:Levels", *arguments])
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("opus@7000", "kbps must be from 6 to 256"),
        ("codec2@9999", "mode must be one of 3200"),
        ("mdct-vq@99", "kbps must be a multiple of 0.5"),
    ],
)
def test_a_wrong_rate_is_told_before_anything_is_measured(bench, system, message):
    assert message in bench(*QUICK, "--dry-run", "--system", "pcm", "--system", system, code=2).stderr
