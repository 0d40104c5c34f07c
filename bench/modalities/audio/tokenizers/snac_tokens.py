"""SNAC, the audio tokenizer with codebooks of unequal rates, from the package ``snac``."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch

from bench.modalities.audio.tokenizers.pretrained import PretrainedAudioTokenizer, Structure
from bench.tokenizers.checkpoint import locate
from bench.tokenizers.checkpoint_files import require
from bench.tokenizers.state import model_of


class Snac(PretrainedAudioTokenizer):
    """SNAC (Siuzdak et al. 2024, arXiv 2410.14411).

    The library pads a clip to whole frames of the coarsest codebook (and to whole windows of attention, where
    it has any) and decodes all of it; the codes of the padding are emitted, so they are counted.

    Its decoder adds noise. Here the noise of a clip depends on the seed and on the clip's codes, never on its
    batch or on what was decoded before; it differs between kinds of device.

    Args:
        path, repo, subfolder, revision, offline, weights: see ``bench.tokenizers.checkpoint.locate``.
        seed: seed of the decoder's noise.
    """

    packages = ("snac",)

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        seed: int = 0,
        offline: bool = False,
        weights: str | None = None,
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the package compiles an activation in a way torch gives up
            cls = require("snac").SNAC
        checkpoint = locate(path, repo, subfolder, revision, offline, weights=weights)
        model = model_of(lambda: cls(**checkpoint.config), "SNAC", checkpoint)
        windows = math.lcm(model.vq_strides[0], model.attn_window_size or 1)
        super().__init__(checkpoint, model, self.structure_of(model), int(model.hop_length) * windows)
        self.seed = seed

    @staticmethod
    def structure_of(model: Any) -> Structure:
        """Rates and codebooks of a model; from its configuration alone, not its weights."""
        return Structure(
            model.sampling_rate,
            int(model.hop_length),
            (model.codebook_size,) * len(model.vq_strides),
            tuple(model.vq_strides),
        )

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        codes: list[torch.Tensor] = self.model.encode(waves)
        return codes

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([self._decode([code[clip : clip + 1] for code in codes]) for clip in range(len(codes[0]))])

    def _decode(self, codes: list[torch.Tensor]) -> torch.Tensor:
        """One clip, with noise of its own from the global generators, which are left as they were."""
        content = hashlib.sha256(self.seed.to_bytes(8, "little", signed=True))
        for code in codes:
            content.update(code.cpu().numpy().tobytes())
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(int.from_bytes(content.digest()[:8], "little") >> 1)
            wave: torch.Tensor = self.model.decode(codes)
        return wave
