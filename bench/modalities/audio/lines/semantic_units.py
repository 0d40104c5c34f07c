"""Registry lines of semantic units: clusters of a hidden layer, which only encode. ``NAME@VALUE`` is the number."""

from __future__ import annotations

from typing import Any

from bench.registry import Entry

_SUMMARY = "{model}, layer 6 in 100 clusters, 50 Hz, encodes only; @CLUSTERS, layer=, centroids=PATH.npy"
_UNITS = "Lakhotia et al. 2021, arXiv 2102.01192"


def _entry(name: str, summary: str, source: str, license: str, weights: tuple[str, ...] = (), **args: Any) -> Entry:
    return Entry(
        name,
        "bench.modalities.audio.tokenizers.semantic_units:SemanticUnits",
        summary,
        args=args,
        positional="clusters",
        modality="audio",
        tokens="discrete",
        source=source,
        license=license,
        weights=weights,
        extra="audio",
        local=True,
    )


def _checkpoint(name: str, model: str, repo: str, source: str, license: str) -> Entry:
    """A checkpoint on the hub, whose centroids are learned on the fit split unless they are given."""
    where = f"{source}; {_UNITS}; huggingface.co/{repo}"
    return _entry(name, _SUMMARY.format(model=model), where, license, (f"hf:{repo}",), repo=repo)


UNITS: tuple[Entry, ...] = (
    _entry(
        "semantic-units",
        "k-means over a layer of transformers HubertModel, WavLMModel or Wav2Vec2Model; semantic-units=PATH",
        _UNITS,
        "the checkpoint's",
    ),
    _checkpoint(
        "hubert-units",
        "HuBERT Base",
        "facebook/hubert-base-ls960",
        "Hsu et al. 2021, arXiv 2106.07447",
        "Apache-2.0",
    ),
    _checkpoint(
        "wavlm-units",
        "WavLM Base+",
        "microsoft/wavlm-base-plus",
        "Chen et al. 2021, arXiv 2110.13900",
        "that of github.com/microsoft/UniSpeech (CC-BY-SA-3.0), as its card says",
    ),
    _checkpoint(
        "wav2vec2-units",
        "wav2vec 2.0 Base",
        "facebook/wav2vec2-base",
        "Baevski et al. 2020, arXiv 2006.11477",
        "Apache-2.0",
    ),
)
