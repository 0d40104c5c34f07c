"""Training-free tokens of audio: a lapped transform, its coded envelope, and one quantizer of the surveys per band."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from bench.contracts.tokens import Codebook, Tokens
from bench.datasets.base import BadSample
from bench.errors import BenchError, whole_number
from bench.machine.threads import one_torch_thread
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioTokenizer, resample
from bench.modalities.audio.tokenizers.companding import checked_rate
from bench.quantizers.base import Quantizer, build
from bench.quantizers.decorrelation import klt
from bench.quantizers.one_thread import one_thread
from bench.quantizers.vector import VectorQuantizer

if TYPE_CHECKING:
    from bench.datasets.base import Dataset

FRAMES_A_SECOND = 50
ENVELOPE_BANDS = 20
FLOOR = 1e-8
"""Power added to each band of the envelope, -80 dB of full scale: silence has a logarithm."""
FIT_FRAMES = 20_000
FIT_FRAMES_ADDITIVE = 2_048
"""Local search learns some ten times slower than the others; more frames gain it little."""


class MDCT(AudioTokenizer):
    """Lapped transform of the waveform, 50 frames per second, each frame a fixed number of codes of equal size.

    A frame holds the MDCT coefficients (Princen & Bradley 1986) of 40 ms under a sine window, of which those
    below ``bandwidth`` are kept. Its first code is the spectral envelope, the logarithm of the power in twenty
    mel-spaced bands, vector quantized by k-means whatever the family, so that the families compare on all
    else equal. The coefficients are divided by the decoded envelope, interpolated, and cut into mel-spaced bands,
    one for each further code; each band has a Karhunen-Loève transform and a quantizer of its own. At
    ``kbps`` there are ``1000·kbps / 50 / bits`` codes per frame, so every family spends the same bits. All is learned
    from a split disjoint from the evaluated one.

    Args:
        quantizer: a family of vectors (``bench list quantizers``); None leaves the coefficients
            continuous, the ceiling of all of them: what the bandwidth alone costs.
        kbps: nominal kilobits per second; has no effect on the ceiling.
        levels: codebooks of a band, for the families that have several, which share its bits.
        bits: bits of a band, and of the envelope.
        bandwidth: hertz up to which coefficients are kept.
        rate: samples per second.
    """

    casts = False
    rate: int

    def __init__(
        self,
        quantizer: str | None = None,
        kbps: float = 6,
        levels: int = 2,
        bits: int = 10,
        bandwidth: float = 7000,
        rate: int = 16000,
    ) -> None:
        self.rate = checked_rate(rate, "mdct")
        if rate % FRAMES_A_SECOND:
            raise BenchError(f"mdct: rate {rate} does not divide into {FRAMES_A_SECOND} frames per second")
        if not isinstance(bandwidth, int | float) or not 0 < bandwidth < math.inf:
            raise BenchError(f"mdct: bandwidth must be a number of hertz, not {bandwidth!r}")
        self.hop = rate // FRAMES_A_SECOND
        self.dims = min(self.hop, round(bandwidth / rate * 2 * self.hop))
        if self.dims < 2 * ENVELOPE_BANDS:
            raise BenchError(f"mdct: bandwidth {bandwidth:g} Hz is too narrow; at least 1000 Hz at {rate} samples/s")
        self.bits, self.family = whole_number("mdct: bits of a band", bits, 4, 14), quantizer
        self.basis = mdct_basis(self.hop)
        self.quantizers: list[Quantizer] = []
        self.latent_rate = None if quantizer else FRAMES_A_SECOND
        if quantizer:
            self.envelope = VectorQuantizer(bits)
            self.bands = mel_edges(self._codes_a_frame(kbps) - 1, self.dims, self.hop, rate, bits)
            self.envelope_bands = mel_edges(ENVELOPE_BANDS, self.dims, self.hop, rate, 1)
            self.between = interpolation(self.envelope_bands)
            self.quantizers = [build(quantizer, bits, levels) for _ in self.bands[1:]]
            self.codebooks = tuple(self._codebooks())

    @one_thread()
    def fit(self, dataset: Dataset, seed: int) -> None:
        if not self.family:
            return
        coefficients = self._some_frames(dataset, seed)
        envelope = self._log_envelope(coefficients)
        self.envelope.fit(envelope, seed)
        coded = self.envelope.decode(self.envelope.encode(envelope))
        shape = coefficients / self._gains(coded)
        if self.family == "aq":
            shape = shape[:FIT_FRAMES_ADDITIVE]
        self.transforms = [klt(shape[:, band]) for band in self._slices()]
        for band, quantizer, (mean, basis) in zip(self._slices(), self.quantizers, self.transforms, strict=True):
            quantizer.fit(self._even((shape[:, band] - mean) @ basis), seed)

    def encode_waves(self, waves: Audio) -> Tokens:
        coefficients = [
            product(frames_of(clip[0].cpu(), self.hop), self.basis[:, : self.dims]) for clip in waves.clips()
        ]
        count = torch.tensor([len(one) for one in coefficients])
        if not self.family:
            return Tokens(latents=pad_sequence(coefficients, batch_first=True), lengths=(count,))
        codes = pad_sequence([self._encode(one) for one in coefficients], batch_first=True)
        return Tokens(
            codes=tuple(code.contiguous() for code in codes.unbind(-1)), lengths=(count,) * len(self.codebooks)
        )

    @one_torch_thread()
    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        rows = torch.stack(tokens.codes, -1) if tokens.latents is None else tokens.latents
        clips = []
        for row, count in zip(rows.cpu(), tokens.positions(0).tolist(), strict=True):
            coefficients = self._decode(row[:count]) if self.family else row[:count]
            clips.append(wave_of(F.pad(coefficients, (0, self.hop - self.dims)), self.basis)[None])
        return Audio.of(clips, self.rate).samples

    def _encode(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Codes ``[frames, codebooks]`` of one clip's coefficients ``[frames, dims]``."""
        envelope = self.envelope.encode(self._log_envelope(coefficients))
        shape = coefficients / self._gains(self.envelope.decode(envelope))
        codes = [envelope]
        for band, quantizer, (mean, basis) in zip(self._slices(), self.quantizers, self.transforms, strict=True):
            codes.append(quantizer.encode(self._even(product(shape[:, band] - mean, basis))))
        return torch.cat(codes, 1)

    def _decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Coefficients ``[frames, dims]`` of one clip's codes ``[frames, codebooks]``."""
        sizes = [1] + [len(quantizer.sizes) for quantizer in self.quantizers]
        envelope, *parts = codes.split(sizes, 1)
        bands = []
        for part, quantizer, (mean, basis) in zip(parts, self.quantizers, self.transforms, strict=True):
            bands.append(quantizer.decode(part)[:, : len(mean)] @ basis.T + mean)
        return torch.cat(bands, 1) * self._gains(self.envelope.decode(envelope))

    def _log_envelope(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Natural logarithm of the amplitude in each envelope band ``[frames, bands]``."""
        bands = pairwise(self.envelope_bands)
        power = torch.stack([coefficients[:, low:high].square().mean(1) for low, high in bands], 1)
        return (power + FLOOR).log() / 2

    def _gains(self, envelope: torch.Tensor) -> torch.Tensor:
        """Amplitude of each coefficient ``[frames, dims]`` after a logarithmic envelope."""
        return product(envelope, self.between).exp()

    def _slices(self) -> list[slice]:
        return [slice(low, high) for low, high in pairwise(self.bands)]

    def _even(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors padded with a zero where needed, since product quantization needs parts of equal dimension."""
        return F.pad(vectors, (0, -vectors.shape[1] % self.quantizers[0].parts)).contiguous()

    def _some_frames(self, dataset: Dataset, seed: int) -> torch.Tensor:
        """Coefficients ``[frames, dims]`` of at most FIT_FRAMES frames, evenly from every clip."""
        quota = math.ceil(2 * FIT_FRAMES / max(1, len(dataset)))
        chosen = []
        for index in range(len(dataset)):
            try:
                sample = dataset.load(index)
            except BadSample:
                continue
            mono = sample.signal.float().mean(0, keepdim=True).numpy()
            frames = frames_of(torch.from_numpy(resample(mono, sample.rate, self.rate)[0]), self.hop)
            chosen.append(frames[:: math.ceil(len(frames) / quota)] @ self.basis[:, : self.dims])
        coefficients = torch.cat(chosen) if chosen else torch.zeros(0, self.dims)
        if len(coefficients) < 2**self.bits:
            raise BenchError(
                f"mdct: {len(coefficients)} frames to fit on, fewer than the {2**self.bits} codewords of a band"
            )
        order = torch.randperm(len(coefficients), generator=torch.Generator().manual_seed(seed))
        return coefficients[order[:FIT_FRAMES]]

    def _codes_a_frame(self, kbps: float) -> int:
        most = self.dims // self.bits + 1
        number = isinstance(kbps, int | float) and math.isfinite(kbps)
        codes = 1000 * kbps / FRAMES_A_SECOND / self.bits if number else 0
        if codes != round(codes) or not 2 <= codes <= most:
            step = FRAMES_A_SECOND * self.bits / 1000
            choices = f"a multiple of {step:g} from {2 * step:g} to {most * step:g}"
            raise BenchError(f"mdct: kbps must be {choices}, not {kbps}")
        return round(codes)

    def _codebooks(self) -> list[Codebook]:
        frame, width = f"1/{FRAMES_A_SECOND} s", self.rate / 2 / self.hop
        books = [Codebook(2**self.bits, f"{frame}, envelope", FRAMES_A_SECOND)]
        for band, quantizer in zip(self._slices(), self.quantizers, strict=True):
            covers = f"{frame}, {band.start * width:g} to {band.stop * width:g} Hz"
            books += [Codebook(size, covers, FRAMES_A_SECOND) for size in quantizer.sizes]
        return books


@one_torch_thread()
def product(rows: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    """``rows @ basis``, each sum in the same order whatever the number of threads; searches may have them all."""
    return rows @ basis


def frames_of(clip: torch.Tensor, hop: int) -> torch.Tensor:
    """Frames ``[frames, 2·hop]`` of samples ``[time]``: one more than the hops that the clip fills."""
    hops = math.ceil(len(clip) / hop)
    around = F.pad(clip, (hop, (hops + 1) * hop - len(clip)))
    return around.unfold(0, 2 * hop, hop)


def wave_of(coefficients: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    """Samples ``[time]`` of whole hops, of coefficients ``[frames, hop]`` and the basis ``[2·hop, hop]``.

    The halves of the frames that overlap are added, which cancels their aliases.
    """
    hop = basis.shape[1]
    halves = (coefficients @ basis.T).view(-1, 2, hop)
    return (halves[:-1, 1] + halves[1:, 0]).flatten()


def mdct_basis(hop: int) -> torch.Tensor:
    """The windowed cosines ``[2·hop, hop]``, orthonormal over overlapping frames (Princen-Bradley condition)."""
    time = torch.arange(2 * hop, dtype=torch.float64)[:, None]
    frequency = torch.arange(hop, dtype=torch.float64) + 0.5
    window = torch.sin(math.pi / (2 * hop) * (time + 0.5))
    cosines = torch.cos(math.pi / hop * (time + 0.5 + hop / 2) * frequency)
    return (window * math.sqrt(2 / hop) * cosines).float()


def mel_edges(bands: int, dims: int, hop: int, rate: int, least: int) -> list[int]:
    """First coefficient of each band, and the end of the last: equal in mel, none narrower than ``least``."""
    top = 2595 * math.log10(1 + dims * rate / 2 / hop / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, bands + 1) / 2595) - 1)
    edges = [round(edge) for edge in hertz / rate * 2 * hop]
    for band in range(1, bands + 1):
        edges[band] = max(edges[band], edges[band - 1] + least)
    edges[-1] = dims
    for band in range(bands - 1, 0, -1):
        edges[band] = min(edges[band], edges[band + 1] - least)
    return edges


def interpolation(edges: list[int]) -> torch.Tensor:
    """Weights ``[bands, dims]`` that draw straight lines between the bands' centers, level beyond the outer two."""
    centers = [(low + high - 1) / 2 for low, high in pairwise(edges)]
    unit = np.eye(len(centers))
    lines = [np.interp(np.arange(edges[-1]), centers, row) for row in unit]
    return torch.from_numpy(np.stack(lines)).float()
