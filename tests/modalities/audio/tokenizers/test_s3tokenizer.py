"""S3Tokenizer beyond its golden arrays: rates of clips of any length, batches, and wrong files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from cases import Golden, cases

from bench import registry
from bench.contracts.system import parse
from bench.errors import BenchError
from bench.machine.canonical import sha256_file
from bench.machine.weights import FILES
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.s3tokenizer import LONGEST, OVERLAP, S3Tokenizer, windows

CASES = {case.name: case for case in cases("audio")}
RATE = 16000


@pytest.fixture
def case() -> Golden:
    return CASES["s3tokenizer-v1-short"]


def noise(samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(samples))


@pytest.mark.parametrize("frames", [1, 2999, 3000, 3001, 5200, 5600, 5601, 8200])
def test_windows_share_four_seconds_and_the_last_one_ends_with_the_clip(frames: int) -> None:
    spectrogram = torch.arange(frames)[None]
    parts = list(windows(spectrogram))
    assert [first for first, _, _ in parts] == [True] + [False] * (len(parts) - 1)
    assert [last for _, _, last in parts] == [False] * (len(parts) - 1) + [True]
    starts = [int(window[0, 0]) for _, window, _ in parts]
    assert starts == [index * (LONGEST - OVERLAP) for index in range(len(parts))]
    assert int(parts[-1][1][0, -1]) == frames - 1
    assert all(window.shape[1] == LONGEST for _, window, _ in parts[:-1])
    assert len(parts) == 1 or parts[-1][1].shape[1] > OVERLAP


def test_clips_of_any_length_have_the_codes_of_their_rate(case: Golden, tmp_path: Path) -> None:
    tokenizer = case.build(tmp_path)
    clips = [noise(samples) for samples in (201, 12345, RATE * 30, RATE * 52 + 160)]
    together = tokenizer.encode(Audio.of(clips, RATE))
    together.check(tokenizer.codebooks)
    together.check_rates(tokenizer.codebooks)
    for clip, codes in zip(clips, together.rows(0), strict=True):
        assert torch.equal(tokenizer.encode(Audio.of([clip], RATE)).codes[0][0], codes)
        assert len(codes) == -(-(clip.shape[1] // 160) // 2)
    with pytest.raises(BenchError, match="200 samples at 16 kHz is shorter than a frame, which needs 201"):
        tokenizer.encode(Audio.of([noise(200)], RATE))


def test_a_file_or_a_folder_is_given(case: Golden, tmp_path: Path) -> None:
    file = case.save(tmp_path)
    for name in ("s3tokenizer-v1", "s3tokenizer-v2-25hz"):
        tokenizer = parse(f"{name}={file}").build()
        assert tokenizer.weights == {file.name: sha256_file(file)} and tokenizer.revision == ""
    file.rename(tmp_path / "speech_tokenizer_v1.onnx")
    assert list(parse(f"s3tokenizer-v1={tmp_path}").build().weights) == ["speech_tokenizer_v1.onnx"]
    with pytest.raises(BenchError, match=r"no speech_tokenizer_v2\.onnx in it"):
        parse(f"s3tokenizer-v2-25hz={tmp_path}").build()


def test_wrong_files_are_named(case: Golden, tmp_path: Path) -> None:
    at_another_rate = parse(f"s3tokenizer-v1-25hz={case.save(tmp_path)}").build()
    with pytest.raises(BenchError, match=r"50 codes for 100 frames of 10 ms, not 25; is it the model of 25 Hz\?"):
        at_another_rate.encode(Audio.of([noise(RATE)], RATE))
    (broken := tmp_path / "speech_tokenizer_v1.onnx").write_bytes(b"\x80weights")
    with pytest.raises(BenchError, match=r"speech_tokenizer_v1\.onnx: not an ONNX model"):
        S3Tokenizer("s3tokenizer-v1-model", 50, 4096, str(broken))


def test_lines_state_the_published_rates() -> None:
    """Du et al.: 50 or 25 codes per second, of 4096 entries or 3 to the power of 8."""
    stated = {}
    for name, entry in registry.entries("tokenizers").items():
        if name.startswith("s3tokenizer"):
            (weights,) = entry.weights
            assert FILES[weights].system == name and entry.args["name"] == weights
            stated[name] = (entry.args["hertz"], entry.args["entries"])
    assert stated == {
        "s3tokenizer-v1": (50, 4096),
        "s3tokenizer-v1-25hz": (25, 4096),
        "s3tokenizer-v2-25hz": (25, 6561),
        "s3tokenizer-v3-25hz": (25, 6561),
    }
