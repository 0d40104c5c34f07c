"""Published codecs that are built from a configuration and the tensors of their publishers' files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from bench.contracts.tokens import Codebook
from bench.modalities.audio.tokenizers.pretrained import PretrainedAudioTokenizer, Structure
from bench.tokenizers.checkpoint import locate
from bench.tokenizers.layouts import Layout
from bench.tokenizers.readers import network_of


class PublishedCodec(PretrainedAudioTokenizer):
    """A published codec with discrete codes. Weights are read in float32, whatever they were saved in.

    A class says how a configuration is read (``layout``), which network it makes (``network``), the network's rates and
    codebooks (``structure_in``), and what codes and waves are to it (``codes_of``, ``waves_of``).

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.

    Attributes:
        called: what messages call the network.
        pads: whether a clip is padded with zeros to ``whole_in`` before it is encoded.
    """

    called: ClassVar[str]
    pads: ClassVar[bool] = True

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
    ) -> None:
        checkpoint = locate(path, repo, subfolder, revision, offline, file=file, config=config, weights=weights)
        model, _ = network_of(self, checkpoint)
        super().__init__(checkpoint, model, self.structure_in(model), self.whole_in(model) if self.pads else 1)

    @staticmethod
    @abstractmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a checkpoint with this configuration; None if it is of another model."""

    @classmethod
    @abstractmethod
    def network(cls, config: dict[str, Any]) -> Any:
        """The network of a layout's ``config``, with random weights."""

    @classmethod
    @abstractmethod
    def structure_in(cls, model: Any) -> Structure:
        """Rates and codebooks of a network, from its configuration alone, not its weights."""

    def whole_in(self, model: Any) -> int:
        """The number of samples that a clip is padded to multiples of: a hop."""
        return self.structure_in(model).hop

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        """The codebooks of a model with this configuration, without its weights; none if it is of another model."""
        layout = cls.layout(config)
        if layout is None:
            return ()
        with torch.device("meta"):
            return cls.structure_in(cls.network(dict(layout.config))).codebooks
