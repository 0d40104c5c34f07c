"""Tokenizers with the networks of taming-transformers, whose publishers chose another quantizer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from bench.contracts.tokens import Codebook
from bench.modalities.image.networks import ddconfig
from bench.modalities.image.networks.ddconfig import Autoencoder, Quantizer
from bench.modalities.image.tokenizers.published import PublishedCodes, each
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area


class TamingCodes(PublishedCodes):
    """A tokenizer whose configuration is a ``ddconfig`` and the numbers of a quantizer that the class defines.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.

    Attributes:
        targets: the publisher's classes in ``target`` of its YAML files, without their modules; a configuration
            without ``target`` is read, too.
        renames, sizes, unused: see ``bench.tokenizers.layouts.Layout``.
    """

    targets: ClassVar[tuple[str, ...]]
    renames: ClassVar[tuple[tuple[str, str], ...]] = ()
    sizes: ClassVar[tuple[tuple[str, str, int], ...]] = ()
    unused: ClassVar[str] = ""

    @classmethod
    @abstractmethod
    def quantizer(cls, config: Mapping[str, Any]) -> Quantizer:
        """The quantizer of a publisher's configuration, with random weights."""

    @classmethod
    def embedded(cls, config: Mapping[str, Any]) -> int:
        """Channels of the latents that are quantized."""
        return int(config["embed_dim"])

    @classmethod
    def layout(cls, config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` is what the publisher's YAML file has beside ``ddconfig``.

        Raises:
            BenchError: ``ddconfig`` lacks an entry, or describes another network.
        """
        target = str(config.get("target") or "").rpartition(".")[2]
        if not isinstance(config.get("ddconfig"), Mapping) or (target and target not in cls.targets):
            return None
        ddconfig.check(config["ddconfig"], doubled=False)
        cls._entries(config)  # a KeyError names what the configuration lacks
        return Layout(config, ("", "first_stage_model."), cls.renames, cls.sizes, cls.unused)

    @classmethod
    def network(cls, config: dict[str, Any]) -> Autoencoder:
        return Autoencoder(config["ddconfig"], cls.embedded(config), cls.quantizer(config))

    @staticmethod
    def factor_of(model: Autoencoder) -> int:
        return model.factor

    def codebooks_in(self, model: Autoencoder) -> tuple[Codebook, ...]:
        return tuple(Codebook(count, area(model.factor)) for count in model.quantize.entries)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        return tuple(Codebook(count, area(ddconfig.factor(config["ddconfig"]))) for count in cls._entries(config))

    @classmethod
    def _entries(cls, config: Mapping[str, Any]) -> tuple[int, ...]:
        """The number of entries at each level, from a quantizer without memory."""
        with torch.device("meta"):
            return cls.quantizer(config).entries

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return each(self.model.quantize.encode, self.model.encode(images))

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        images: torch.Tensor = self.model.decode(self.model.quantize.decode(codes))
        return images
