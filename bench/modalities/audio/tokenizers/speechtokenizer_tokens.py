"""SpeechTokenizer, from the package ``speechtokenizer``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Sequence
from typing import Any

import torch

from bench.errors import Unavailable
from bench.machine.extras import remedy
from bench.modalities.audio.tokenizers.pretrained import PretrainedAudioTokenizer, Structure, check_books
from bench.tokenizers.checkpoint import locate
from bench.tokenizers.state import model_of

_ALIAS = "bench_speechtokenizer"


def speechtokenizer_class() -> Any:
    """The package's model class, without its trainer, which needs tensorboard, beartype and more.

    The package imports its trainer as a whole, so its folder is imported under another name; the package
    itself stays as it is for whoever imports it.

    Raises:
        Unavailable: the package is missing or cannot be imported.
    """
    spec = importlib.util.find_spec("speechtokenizer")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("speechtokenizer is not installed", remedy("speechtokenizer"))
    if _ALIAS not in sys.modules:
        package = types.ModuleType(_ALIAS)
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules[_ALIAS] = package
    try:
        return importlib.import_module(f"{_ALIAS}.model").SpeechTokenizer
    except (ImportError, AttributeError) as error:
        raise Unavailable(f"speechtokenizer cannot be imported ({error})", remedy("speechtokenizer")) from error


class SpeechTokenizer(PretrainedAudioTokenizer):
    """SpeechTokenizer (Zhang et al. 2023, arXiv 2308.16692): the first book distilled from HuBERT.

    Args:
        path, repo, subfolder, revision, offline, weights: see ``bench.tokenizers.checkpoint.locate``.
        books: how many codebooks to use, from the first; all if None.
    """

    packages = ("speechtokenizer",)

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        books: int | None = None,
        offline: bool = False,
        weights: str | None = None,
    ) -> None:
        cls = speechtokenizer_class()
        checkpoint = locate(path, repo, subfolder, revision, offline, weights=weights)
        model = model_of(lambda: cls(checkpoint.config), "SpeechTokenizer", checkpoint)
        super().__init__(checkpoint, model, self.structure_of(model, books, checkpoint.folder))

    @staticmethod
    def structure_of(model: Any, books: int | None, folder: object = "") -> Structure:
        """Rates and codebooks of a model; from its configuration alone, not its weights."""
        used = check_books(books, model.n_q, folder)
        return Structure(model.sample_rate, int(model.downsample_rate), (model.quantizer.bins,) * used)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        codes: torch.Tensor = self.model.encode(waves, n_q=len(self.codebooks))
        return list(codes)

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        waves: torch.Tensor = self.model.decode(torch.stack(codes))
        return waves
