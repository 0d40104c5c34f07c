"""Lyra V2: Google's streaming SoundStream of speech (github.com/google/lyra), through LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError
from bench.machine.native_output import silenced
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioTokenizer
from bench.tokenizers.checkpoint_files import require
from bench.tokenizers.named_files import NamedFiles, locate_files

FILES = ("lyra-v2-encoder", "lyra-v2-quantizer", "lyra-v2-decoder")
RATE = 16000
HOP = 320
"""Samples of a frame."""
BOOKS = 46
ENTRIES = 16
KBPS = {3.2: 16, 6: 30, 9.2: 46}
"""Books in use at each published bitrate."""
UNUSED = -1
"""The code of a book that is not in use, as the quantizer gives and takes it."""


class LyraV2(AudioTokenizer):
    """SoundStream (Zeghidour et al. 2021, arXiv 2107.03312) as Lyra V2 published it: 46 residual books at 50 Hz.

    Encoder and decoder are streaming: they take a frame of 320 samples at a time and keep a state between calls. Every
    clip is therefore coded by interpreters of its own, on one thread, so that its tokens depend on nothing else. The
    last frame is filled up with zeros.

    Nothing is taken off: the models look at past samples only, and what comes out correlates most with the input where
    it is not shifted at all.

    Args:
        kbps: 3.2, 6 or 9.2, which use the first 16, 30 or 46 of the books.
        path: a folder with the publisher's ``soundstream_encoder.tflite``, ``quantizer.tflite`` and
            ``lyragan.tflite``; if None, the verified ones of the cache, fetched if they are not there.
        offline: never use the network.

    Raises:
        Unavailable: LiteRT or the files are not on this machine.
        BenchError: there is no such bitrate, or a file is not the model that it should be.
    """

    casts = False
    packages = ("ai_edge_litert",)
    rate = RATE

    def __init__(self, kbps: float = 6, path: str | None = None, offline: bool = False) -> None:
        if isinstance(kbps, bool) or kbps not in KBPS:
            raise BenchError(f"lyra-v2: kbps must be {', '.join(f'{rate:g}' for rate in KBPS)}, not {kbps!r}")
        found = locate_files(FILES, path, offline)
        self.books = KBPS[kbps]
        self.codebooks = (Codebook(ENTRIES, "1/50 s", RATE / HOP),) * self.books
        with silenced():
            self.models = Models(found)
        self.weights, self.revision = found.hashes(found.files), found.revision

    def encode_waves(self, waves: Audio) -> Tokens:
        clips = [self.models.codes(clip[0].cpu().numpy(), self.books) for clip in waves.clips()]
        lengths = torch.tensor([clip.shape[1] for clip in clips])
        codes = torch.zeros(self.books, len(clips), int(lengths.max()), dtype=torch.int64)
        for index, clip in enumerate(clips):
            codes[:, index, : clip.shape[1]] = torch.from_numpy(clip)
        padded = bool((lengths != lengths[0]).any())
        return Tokens(codes=tuple(codes.unbind()), lengths=(lengths,) * self.books if padded else ())

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        levels = [tokens.rows(level) for level in range(self.books)]
        clips = [torch.stack(rows).cpu().numpy() for rows in zip(*levels, strict=True)]
        return Audio.of([torch.from_numpy(self.models.wave(codes)) for codes in clips], RATE).samples


class Models:
    """The three models of Lyra.

    Encoder and decoder get a new interpreter, which has no state yet, for every clip (3 ms); ``reset_all_variables``
    of LiteRT does not clear their state.
    """

    def __init__(self, found: NamedFiles) -> None:
        self.encoder, quantizer, self.decoder = (Model(file) for file in found.files)
        self._quantize, self._dequantize = quantizer.runner("encode"), quantizer.runner("decode")
        for streaming in (self.encoder, self.decoder):
            streaming.runner()  # a wrong file is reported before anything is measured

    def codes(self, wave: np.ndarray, books: int) -> np.ndarray:
        """Codes int32 ``[books, frames]`` of a wave ``[samples]``."""
        frames = np.pad(wave.astype(np.float32), (0, -len(wave) % HOP)).reshape(-1, 1, HOP)
        encode, count = self.encoder.runner(), np.int32(books)
        features = [encode(input_audio=frame)["output_0"] for frame in frames]
        codes = [self._quantize(input_frames=feature, num_quantizers=count)["output_0"] for feature in features]
        return np.stack([code[:books, 0, 0] for code in codes], 1)

    def wave(self, codes: np.ndarray) -> np.ndarray:
        """The wave float32 ``[1, samples]`` of codes ``[books, frames]``."""
        indices = np.full((BOOKS, 1, 1), UNUSED, np.int32)
        decode, pieces = self.decoder.runner(), []
        for frame in codes.T:
            indices[: len(frame), 0, 0] = frame
            features = self._dequantize(encoding_indices=indices)["output_0"]
            pieces.append(decode(input_audio=features)["output_0"])
        return np.concatenate(pieces, 1)


class Model:
    """The contents of a TFLite file."""

    def __init__(self, file: Path) -> None:
        self.file, self.content = file, file.read_bytes()

    def runner(self, signature: str = "serving_default") -> Any:
        """A function of the model, from a new interpreter on one thread; BenchError if it has none of that name."""
        interpreter = require("ai_edge_litert.interpreter").Interpreter
        try:
            model = interpreter(model_content=self.content, num_threads=1)
            return model.get_signature_runner(signature)
        except (ValueError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise BenchError(f"{self.file}: not a model of Lyra V2 ({reason})") from error
