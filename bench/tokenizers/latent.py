"""Quantizers in a learned space: the latents of a continuous tokenizer, coded by a family of the surveys."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
from torch.nn.utils.rnn import pad_sequence

from bench.contracts.system import parse
from bench.contracts.tokens import Codebook, Tokens
from bench.datasets.base import BadSample, Sample
from bench.errors import BenchError, whole_number
from bench.machine.threads import one_torch_thread
from bench.quantizers.base import MapQuantizer, Quantizer, build
from bench.quantizers.decorrelation import klt
from bench.quantizers.multiscale import MultiScaleQuantizer
from bench.quantizers.one_thread import one_thread
from bench.tokenizers.base import Tokenizer

if TYPE_CHECKING:
    from bench.datasets.base import Dataset

FIT_VECTORS = 200_000
"""The most latent vectors that codebooks are learned from, evenly from all samples."""
FIT_MAPS = 256
"""The most maps that a quantizer of maps is learned from."""


class LatentTokenizer(Tokenizer):
    """The latents of a continuous tokenizer, decorrelated and quantized.

    The mean and the Karhunen-Loève transform of the latent vectors, and the codebooks, are learned from the fit split,
    so that families compare at equal bits in one space; ``klt-*`` is the same with patches as latents. Nothing of the
    tokenizer changes: its decoder gets what the codes stand for.

    Args:
        quantizer: family (``bench list quantizers``).
        of: the continuous tokenizer, as ``--system`` takes it.
        bits: bits per latent vector; of ``msvq``, per code.
        levels: codebooks of a vector, for the families that have several, which share its bits.
        dims: leading coefficients that are kept; None for all.
        latents: how the tokenizer draws its latents, where it has a choice; the protocol decides.

    Raises:
        BenchError: ``of`` is not a continuous tokenizer, or the bits do not fit the family.
    """

    def __init__(
        self,
        quantizer: str,
        of: str,
        bits: int = 12,
        levels: int = 2,
        dims: int | None = None,
        latents: str | None = None,
    ) -> None:
        spec = parse(str(of), "tokenizers")
        if spec.entry.tokens not in ("continuous", ""):
            raise BenchError(f"of={of}: its tokens are {spec.entry.tokens}; name a continuous tokenizer")
        drawn = latents is not None and "latents" in spec.parameters
        self.inner = spec.build(**({"latents": latents} if drawn else {}))
        self.of = str(of)
        self.modality = self.inner.modality  # type: ignore[misc]
        self.equal_lengths = self.inner.equal_lengths
        self.weights, self.revision = self.inner.weights, self.inner.revision
        self.dims = None if dims is None else whole_number("dims", dims, 1, 1 << 16)
        self.quantizer: Quantizer | MapQuantizer = (
            MultiScaleQuantizer(bits) if quantizer == "msvq" else build(quantizer, bits, levels)
        )
        # What has a rate is a sequence in time.
        self.rate: float | None = getattr(self.inner, "latent_rate", None)
        if hasattr(self.inner, "latent_rate") and self.rate is None:
            raise BenchError(f"of={of}: {type(self.inner).__name__} states no latent_rate, in latents per second")
        if isinstance(self.quantizer, MapQuantizer) and self.rate is not None:
            raise BenchError(f"quantizer {quantizer} codes maps; the latents of {of} are sequences")
        self._declare()

    @one_thread()
    def fit(self, dataset: Dataset, seed: int) -> None:
        """Learn the transform and the codebooks from the latents of a data set; fits the tokenizer first if it learns.

        Raises:
            BenchError: there are fewer latent vectors than codewords, or they have too few dimensions.
        """
        if type(self.inner).fit is not Tokenizer.fit:
            self.inner.fit(dataset, seed)
        maps = list(self._maps(dataset))
        if not maps:
            raise BenchError(f"{dataset.name}/{dataset.split}: no sample to fit on")
        share = min(1.0, FIT_VECTORS / sum(math.prod(latents.shape[:-1]) for latents in maps))
        step = math.ceil(1 / share)
        mean, basis = klt(torch.cat([latents.flatten(0, -2)[::step] for latents in maps]))
        self.mean, self.basis = mean, basis[:, : self.dims].contiguous()
        if isinstance(self.quantizer, MapQuantizer):
            few = maps[:: math.ceil(len(maps) / FIT_MAPS)]
            self.quantizer.fit([self._coefficients(latents) for latents in few], seed)
        else:
            self.quantizer.check(self.basis.shape[1])
            vectors = torch.cat([self._coefficients(latents).flatten(0, -2)[::step] for latents in maps])
            self.quantizer.fit(vectors.contiguous(), seed)
        self._declare()

    def to(self, device: torch.device, dtype: torch.dtype) -> LatentTokenizer:
        """Move the tokenizer; the quantizer stays on the processor, in float32."""
        self.inner = self.inner.to(device, dtype)
        return self

    def encode(self, batch: object) -> Tokens:
        tokens = self.inner.encode(batch)
        rows = [self._codes(self._coefficients(latents)) for latents in self._latents(tokens)]
        levels = tuple(pad_sequence(list(level), batch_first=True) for level in zip(*rows, strict=True))
        return replace(tokens, latents=None, codes=levels, lengths=tokens.lengths * len(levels))

    def decode(self, tokens: Tokens) -> object:
        rows = [self._vectors(codes) for codes in zip(*(level.cpu() for level in tokens.codes), strict=True)]
        latents = torch.stack([self._restored(coefficients) for coefficients in rows])
        return self.inner.decode(replace(tokens, codes=(), latents=latents, lengths=tokens.lengths[:1]))

    def _declare(self) -> None:
        """State the codebooks, as far as they are known before fitting."""
        ones = [Fraction(1)] * len(self.quantizer.sizes)
        spans = self.quantizer.spans if isinstance(self.quantizer, MapQuantizer) else ones
        self.codebooks = tuple(
            Codebook(size, self._covered(float(span)), self.rate)
            for size, span in zip(self.quantizer.sizes, spans, strict=True)
        )

    def _covered(self, span: float) -> str:
        """What a code stands for that spans so many latents along each axis."""
        if self.rate is not None:
            return f"1/{self.rate:g} s"
        side = getattr(self.inner, "factor", None) or getattr(self.inner, "patch", None)
        if side is None:
            return f"{span:g}x{span:g} latents of {self.of}"
        return f"{side * span:g}x{side * span:g} pixels"

    def _maps(self, dataset: Dataset) -> Iterator[torch.Tensor]:
        """Latents ``[*grid, dim]`` of each sample, and of images moved by half a latent, too, which gives four times
        as many to learn from."""
        from bench import registry

        signals = registry.load(registry.modality(self.modality).signal)()
        for index in range(len(dataset)):
            try:
                sample = dataset.load(index)
            except BadSample:
                continue
            (whole,) = self._latents(self.inner.encode(signals.collate([sample], torch.device("cpu"))))
            yield whole
            for moved in _moved(sample, whole):
                yield from self._latents(self.inner.encode(signals.collate([moved], torch.device("cpu"))))

    def _latents(self, tokens: Tokens) -> list[torch.Tensor]:
        """Float32 latents ``[*grid, dim]`` of each sample, without padding."""
        if tokens.latents is None or tokens.codes:
            raise BenchError(f"of={self.of}: its tokens are {tokens.kind}; name a continuous tokenizer")
        latents = tokens.rows(0) if tokens.lengths else list(tokens.latents)
        return [one.float().cpu() for one in latents]

    @one_torch_thread()
    def _coefficients(self, latents: torch.Tensor) -> torch.Tensor:
        """Coefficients ``[*grid, dims]`` of latents ``[*grid, dim]``."""
        return (latents - self.mean) @ self.basis

    def _restored(self, coefficients: torch.Tensor) -> torch.Tensor:
        return coefficients @ self.basis.T + self.mean

    def _codes(self, coefficients: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Codes of one sample's coefficients ``[*grid, dims]``, a grid per level."""
        if isinstance(self.quantizer, MapQuantizer):
            return self.quantizer.encode(coefficients)
        codes = self.quantizer.encode(coefficients.flatten(0, -2).contiguous())
        return tuple(code.reshape(coefficients.shape[:-1]) for code in codes.unbind(-1))

    def _vectors(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Coefficients ``[*grid, dims]`` of one sample's codes."""
        if isinstance(self.quantizer, MapQuantizer):
            return self.quantizer.decode(codes)
        vectors = self.quantizer.decode(torch.stack(codes, -1).flatten(0, -2))
        return vectors.view(*codes[0].shape, -1)


def _moved(sample: Sample, latents: torch.Tensor) -> list[Sample]:
    """An image ``[3, h, w]`` without its first rows, columns, or both, as many as half a latent stands for."""
    if sample.signal.ndim != 3 or latents.ndim != 3:
        return []
    halves = [
        pixels // positions // 2 for pixels, positions in zip(sample.signal.shape[1:], latents.shape, strict=False)
    ]
    down, right = halves
    starts = {(down, 0), (0, right), (down, right)} - {(0, 0)}
    return [replace(sample, signal=sample.signal[:, y:, x:]) for y, x in sorted(starts)]
