"""DALL-E's discrete VAE (Ramesh et al. 2021, arXiv 2102.12092; github.com/openai/DALL-E)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook
from bench.errors import BenchError
from bench.modalities.image.networks import dalle
from bench.modalities.image.tokenizers.published import PublishedCodes, each
from bench.tokenizers.checkpoint import locate
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area
from bench.tokenizers.readers import network_of

FILES = ("encoder.pkl", "decoder.pkl")
FACTOR: int = 2 ** (dalle.GROUPS - 1)
EPSILON = 0.1
"""Pixels are between this and 1 minus this where the logit-Laplace distribution is defined (appendix A.3)."""

_ARGUMENTS = ("n_hid", "n_blk_per_group", "vocab_size", "n_init")


@dataclass(frozen=True)
class _Part:
    """How one of the two files is read.

    Attributes:
        called: what messages call the network.
        file: the name that its publisher gave the file.
    """

    called: str
    file: str

    def layout(self, config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has the arguments of the publisher's ``Encoder`` and ``Decoder``."""
        if "n_blk_per_group" not in config:
            return None
        renames = ((r"\.w$", ".weight"), (r"\.b$", ".bias"))
        return Layout({argument: config[argument] for argument in _ARGUMENTS}, renames=renames)

    def network(self, config: dict[str, Any]) -> nn.Module:
        """The network of a layout's ``config``, with random weights."""
        width, blocks, entries, start = (config[argument] for argument in _ARGUMENTS)
        if self.file == FILES[0]:
            return dalle.Encoder(width, blocks, entries)
        return dalle.Decoder(start, width, blocks, entries)


class DVAE(PublishedCodes):
    """The discrete VAE of DALL-E: the likeliest entry at each position, and the median of each pixel given them.

    On a GPU the publisher computes in float16, which this tokenizer does where it is asked to.

    Args:
        path: a folder with the publisher's files, ``encoder.pkl`` and ``decoder.pkl``. Both are modules that were
            pickled as a whole, of which the tensors alone are read.
        config: arguments of the publisher's networks, or a file with them.

    Raises:
        BenchError: the folder lacks a file, or a file holds other tensors.
    """

    called = "DALL-E's discrete VAE"
    darkest = 0.0

    def __init__(self, path: str | None = None, config: Mapping[str, Any] | str | None = None) -> None:
        if path is None:
            raise BenchError("no checkpoint given", f"write NAME=PATH with a folder that has {' and '.join(FILES)}")
        folder = Path(path)
        if absent := [file for file in FILES if not (folder / file).is_file()]:
            what = f"no {' and no '.join(absent)} in it" if folder.is_dir() else "not a folder"
            raise BenchError(f"{path}: {what}", f"give a folder with {' and '.join(FILES)}")
        model, files = nn.ModuleDict(), []
        for file in FILES:
            checkpoint = locate(str(folder / file), None, config=config)
            part = Path(file).stem
            model[part], _ = network_of(_Part(f"the {part} of {self.called}", file), checkpoint)
            files.append(folder / file)
        self._adopt(checkpoint, model, tuple(files))

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of each file: both have the same arguments."""
        return _Part(DVAE.called, "").layout(config)

    @classmethod
    def network(cls, config: dict[str, Any]) -> nn.ModuleDict:
        parts = {Path(file).stem: _Part(cls.called, file).network(config) for file in FILES}
        return nn.ModuleDict(parts)

    @staticmethod
    def factor_of(model: Any) -> int:
        return FACTOR

    def codebooks_in(self, model: Any) -> tuple[Codebook, ...]:
        return (Codebook(model["decoder"].blocks[0].in_channels, area(FACTOR)),)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        return (Codebook(config["vocab_size"], area(FACTOR)),)

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        encoder = self.model["encoder"]
        features = encoder.features((1 - 2 * EPSILON) * images + EPSILON)
        return each(lambda sample: (encoder.logits(sample).argmax(1),), features)

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        medians: torch.Tensor = self.model["decoder"](codes[0])[:, :3].float().sigmoid()
        return ((medians - EPSILON) / (1 - 2 * EPSILON)).clamp(0, 1)
