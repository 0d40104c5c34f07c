"""Encoder, codebooks and generator of BigCodec (Xin et al. 2024, arXiv 2409.05377), which FACodec has as well."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from bench.modalities.audio.networks.alias_free import AliasFree
from bench.modalities.audio.networks.codebooks import Factorized, decode_residuals, encode_residuals
from bench.modalities.audio.networks.dac import Stage, narrowed, widened
from bench.modalities.audio.networks.recurrence import Recurrence


def encoder(
    ngf: int,
    use_rnn: bool,
    rnn_bidirectional: bool,
    rnn_num_layers: int,
    up_ratios: Sequence[int],
    dilations: Sequence[int],
    out_channels: int,
) -> Stage:
    """Waves ``[batch, 1, time]`` to latents ``[batch, out_channels, time / hop]``; arguments as the publisher's."""
    modules: list[nn.Module] = [nn.Conv1d(1, ngf, 7, padding=3)]
    width = ngf
    for stride in up_ratios:
        modules.append(narrowed(width, stride, dilations, AliasFree))
        width *= 2
    if use_rnn:
        modules.append(Recurrence(width, rnn_num_layers, rnn_bidirectional))
    return Stage([*modules, AliasFree(width), nn.Conv1d(width, out_channels, 3, padding=1)])


def generator(
    in_channels: int,
    width: int,
    up_ratios: Sequence[int],
    dilations: Sequence[int],
    recurrence: Sequence[nn.Module] = (),
) -> nn.Sequential:
    """Latents ``[batch, in_channels, frames]`` to waves ``[batch, 1, frames * hop]``, the first of ``width``."""
    modules: list[nn.Module] = [nn.Conv1d(in_channels, width, 7, padding=3), *recurrence]
    for stride in up_ratios:
        modules.append(widened(width, stride, dilations, AliasFree, whole=True))
        width //= 2
    return nn.Sequential(*modules, AliasFree(width), nn.Conv1d(width, 1, 7, padding=3), nn.Tanh())


class Quantizer(nn.Module):
    """Codebooks one after the other, each of what the ones before it leave."""

    def __init__(self, channels: int, entries: int, width: int, books: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Factorized(channels, entries, width, nn.Linear) for _ in range(books))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Entries of each codebook."""
        return tuple(layer.codebook.count for layer in self._books)

    def encode(self, latents: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Codes ``[batch, frames]`` of each codebook for latents ``[batch, channels, frames]``, and what they leave."""
        return encode_residuals(latents, self._books)

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Latents of the codes of each codebook."""
        return decode_residuals(codes, self._books)

    @property
    def _books(self) -> list[Factorized]:
        return [layer for layer in self.layers if isinstance(layer, Factorized)]
