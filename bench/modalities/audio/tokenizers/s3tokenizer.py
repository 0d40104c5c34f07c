"""S3Tokenizer: the supervised semantic tokens of speech that CosyVoice 1, 2 and 3 speak, through ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioEncoder
from bench.tokenizers.checkpoint_files import require
from bench.tokenizers.named_files import locate_files

RATE = 16000
HOP, WINDOW, BANDS = 160, 400, 128
"""Samples between two frames of the spectrogram, samples of its window, mel bands: those of Whisper large-v3."""
LEAST = WINDOW // 2 + 1
"""The fewest samples of a clip, whose ends are mirrored by half a window."""
FLOOR, SPAN = 1e-10, 8.0
"""Least power of a band, and how many powers of ten below the loudest band of a clip the others may lie."""
LONGEST, OVERLAP = 3000, 400
"""Frames that the encoder takes at once, and frames that two windows of a longer clip share."""


class S3Tokenizer(AudioEncoder):
    """CosyVoice's tokens of speech (Du et al. 2024, arXiv 2407.05407, 2412.10117; 2025, arXiv 2505.17589).

    An encoder of speech recognition is cut in two, and what passes is quantized: by a codebook of 4096 entries
    (CosyVoice), or to 3 values in each of 8 dimensions (CosyVoice 2 and 3). No decoder belongs to the codes: CosyVoice
    turns them into speech by a generative model that gets the speaker separately.

    Networks are published as ONNX graphs alone, which are run as they are, clip by clip, on the processor. Their input
    is Whisper's log-mel spectrogram. They take 30 seconds at most, so that a longer clip is seen through windows of 30
    seconds which share 4 seconds, as in the package s3tokenizer 0.3.0, and of what two windows share each gives the
    half that is nearer to its middle. The package starts a further window even where the last one has reached the end
    of the clip, and then loses up to two seconds of codes; here it does not.

    Args:
        name: of the file in ``bench/machine/weights.py``.
        hertz: codes per second.
        entries: size of the codebook.
        path: the ONNX file, or a folder that holds it under its publisher's name; if None, the verified one of the
            cache, fetched if it is not there.
        offline: never use the network.

    Raises:
        Unavailable: ONNX Runtime or the file is not on this machine.
        BenchError: the file is not such a model.
    """

    casts = False
    packages = ("onnxruntime", "librosa")
    rate = RATE

    def __init__(self, name: str, hertz: int, entries: int, path: str | None = None, offline: bool = False) -> None:
        located = locate_files((name,), path, offline)
        (self.file,) = located.files
        self.codebooks = (Codebook(entries, f"1/{hertz} s", float(hertz)),)
        self.frames = RATE // HOP // hertz
        filters = require("librosa.filters").mel(sr=RATE, n_fft=WINDOW, n_mels=BANDS)
        self.filters = torch.from_numpy(filters)
        self.session = self._session()
        self.weights, self.revision = located.hashes(located.files), located.revision

    def encode_waves(self, waves: Audio) -> Tokens:
        clips = [self._codes(clip[0].cpu().float()) for clip in waves.clips()]
        lengths = torch.tensor([len(codes) for codes in clips])
        codes = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
        return Tokens(codes=(codes,), lengths=() if bool((lengths == lengths[0]).all()) else (lengths,))

    def spectrogram(self, wave: torch.Tensor) -> torch.Tensor:
        """Log-mel frames ``[bands, frames]`` of samples ``[time]``, one frame for each whole hop."""
        window = torch.hann_window(WINDOW)
        power = torch.stft(wave, WINDOW, HOP, window=window, return_complex=True)[:, :-1].abs() ** 2
        levels = (self.filters @ power).clamp(min=FLOOR).log10()
        return (levels.maximum(levels.max() - SPAN) + 4) / 4

    def _codes(self, wave: torch.Tensor) -> torch.Tensor:
        """Codes int64 ``[positions]`` of samples ``[time]``."""
        if len(wave) < LEAST:
            raise BenchError(f"a clip of {len(wave)} samples at 16 kHz is shorter than a frame, which needs {LEAST}")
        frames = self.spectrogram(wave)
        half, parts = OVERLAP // 2 // self.frames, []
        for first, window, last in windows(frames):
            codes = self._of_window(window)
            parts.append(codes[0 if first else half : None if last else -half])
        return torch.cat(parts)

    def _of_window(self, frames: torch.Tensor) -> torch.Tensor:
        """Codes of a spectrogram of at most 30 seconds, from the network."""
        values = (frames.numpy()[None], np.array([frames.shape[1]], np.int32))
        try:
            (output,) = self.session.run(None, dict(zip(self.inputs, values, strict=True)))
            codes = torch.from_numpy(output).flatten().long()
        except Exception as error:  # ONNX Runtime's errors have no class in common
            raise BenchError(f"{self.file}: not a model of S3Tokenizer ({_first_line(error)})") from error
        if len(codes) != (expected := -(-frames.shape[1] // self.frames)):
            raise BenchError(
                f"{self.file}: {len(codes)} codes for {frames.shape[1]} frames of 10 ms, not {expected}; "
                f"is it the model of {self.codebooks[0].rate:g} Hz?"
            )
        return codes

    def _session(self) -> Any:
        runtime = require("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # it warns of what it optimizes away
        try:
            session = runtime.InferenceSession(str(self.file), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BenchError(f"{self.file}: not an ONNX model ({_first_line(error)})") from error
        self.inputs = [entry.name for entry in session.get_inputs()]
        if len(self.inputs) != 2 or len(session.get_outputs()) != 1:
            raise BenchError(
                f"{self.file}: a model that takes {', '.join(self.inputs)}, not a spectrogram and its length, "
                "as S3Tokenizer does"
            )
        return session


def windows(frames: torch.Tensor) -> Iterator[tuple[bool, torch.Tensor, bool]]:
    """The windows of a spectrogram ``[bands, frames]``, and whether each is the first and the last one."""
    start, count = 0, frames.shape[1]
    while True:
        last = start + LONGEST >= count
        yield start == 0, frames[:, start : start + LONGEST], last
        if last:
            return
        start += LONGEST - OVERLAP


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
