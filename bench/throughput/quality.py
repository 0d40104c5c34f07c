"""The quality at a setting: the reconstruction against the input, and the tokens against those of float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from bench.contracts.tokens import Tokens
from bench.measuring.copies import owned
from bench.modalities.signal import Signal

PERFECT_DB = 100.0
"""PSNR of a sample that is equal to its input, and the highest there is."""


@dataclass(frozen=True)
class Passed:
    """What a tokenizer made of a batch.

    Attributes:
        tokens: its tokens.
        values: those of the reconstruction as it is scored, on the processor; None without a decoder.
        finite: whether the decoder's own values are all finite: clamping for scoring hides infinity.
    """

    tokens: Tokens
    values: torch.Tensor | None
    finite: bool = True


@torch.no_grad()
def passed(
    encode: Callable[[Any], Tokens], decode: Callable[[Tokens], Any] | None, signal: Any, signals: Signal
) -> Passed:
    """Encode a batch, and decode it where there is a decoder.

    Raises:
        SystemFailure: the output does not have the form of the input.
    """
    tokens = owned(encode(owned(signal)))
    if decode is None:
        return Passed(tokens, None)
    output = decode(owned(tokens))
    signals.check(output, signal)
    finite = bool(torch.isfinite(signals.values(output)).all())
    return Passed(tokens, signals.values(signals.finish(output)).detach().float().cpu().clone(), finite)


def quality(now: Passed, exact: Passed | None, signal: Any, signals: Signal) -> dict[str, Any]:
    """Columns of ``SweepRow`` for a batch at a setting: PSNR, and agreement of the tokens with those in float32.

    Where the reconstruction or the latents are not finite, ``broken`` says so, and the numbers are missing.

    Args:
        exact: the batch in float32; None where that could not be computed.
        signal: the batch.
    """
    columns: dict[str, Any] = {}
    broken: list[str] = []
    if now.values is not None:
        if now.finite:
            columns["psnr"] = psnr(now.values, signals.values(signals.finish(signal)).float().cpu(), signals.bounds)
        else:
            broken.append("NaN or infinity in the reconstruction")
    if exact is not None:
        if now.tokens.codes:
            columns["code_agreement"] = code_agreement(now.tokens, exact.tokens)
        if now.tokens.latents is not None and exact.tokens.latents is not None:
            apart = latents_apart(now.tokens.latents, exact.tokens.latents)
            if math.isfinite(apart):
                columns["latents_rms"] = apart
            else:
                broken.append("NaN or infinity in the latents")
    return {**columns, "broken": "; ".join(broken)}


def psnr(values: torch.Tensor, reference: torch.Tensor, bounds: tuple[float, float]) -> float:
    """Mean over samples ``[batch, ...]`` of 10 log10(range² / MSE) in dB, where the range is that of ``bounds``."""
    errors = (values.double() - reference.double()).square().flatten(1).mean(1)
    decibels = 10 * torch.log10((bounds[1] - bounds[0]) ** 2 / errors.clamp(min=1e-300))
    return float(decibels.clamp(max=PERFECT_DB).mean())


def code_agreement(codes: Tokens, exact: Tokens) -> float:
    """Share of equal codes over all levels; 0 where the shapes differ."""
    pairs = list(zip(codes.codes, exact.codes, strict=False))
    if len(codes.codes) != len(exact.codes) or any(one.shape != other.shape for one, other in pairs):
        return 0.0
    equal = sum(int((one.cpu() == other.cpu()).sum()) for one, other in pairs)
    return equal / max(1, sum(one.numel() for one, _ in pairs))


def latents_apart(latents: torch.Tensor, exact: torch.Tensor) -> float:
    """RMS of the difference of latents, as a share of the RMS of those in float32; infinite where the shapes differ."""
    if latents.shape != exact.shape:
        return math.inf
    here, there = latents.double().cpu(), exact.double().cpu()
    scale = float(there.square().mean().sqrt())
    return float((here - there).square().mean().sqrt()) / (scale or 1.0)
