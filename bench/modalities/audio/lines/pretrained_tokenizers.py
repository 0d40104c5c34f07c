"""Registry lines of pretrained audio tokenizers: one per model class, for NAME=PATH, and the known
checkpoints. ``NAME@VALUE`` is the bandwidth in kilobits per second, or the number of codebooks."""

from __future__ import annotations

from typing import Any

from bench.registry import Entry

_ENCODEC = "bench.modalities.audio.tokenizers.transformers_audio:Encodec"
_DAC = "bench.modalities.audio.tokenizers.transformers_audio:Dac"
_MIMI = "bench.modalities.audio.tokenizers.transformers_audio:Mimi"
_XCODEC = "bench.modalities.audio.tokenizers.transformers_audio:Xcodec"
_HIGGS = "bench.modalities.audio.tokenizers.transformers_audio:HiggsAudioV2"
_XCODEC2 = "bench.modalities.audio.tokenizers.xcodec2:Xcodec2"
_NEUCODEC = "bench.modalities.audio.tokenizers.xcodec2:NeuCodec"
_SNAC = "bench.modalities.audio.tokenizers.snac_tokens:Snac"
_SPEECHTOKENIZER = "bench.modalities.audio.tokenizers.speechtokenizer_tokens:SpeechTokenizer"

_POSITIONAL = {
    _ENCODEC: "bandwidth",
    _DAC: "books",
    _MIMI: "books",
    _XCODEC: "bandwidth",
    _HIGGS: "bandwidth",
    _SPEECHTOKENIZER: "books",
}

_FROM_ENCODEC = "Défossez et al. 2022, arXiv 2210.13438; github.com/facebookresearch/encodec"
_FROM_DAC = "Kumar et al. 2023, arXiv 2306.06546; github.com/descriptinc/descript-audio-codec"
_FROM_MIMI = "Défossez et al. 2024, arXiv 2410.00037; github.com/kyutai-labs/moshi"
_FROM_XCODEC = "Ye et al. 2024, arXiv 2408.17175; github.com/zhenye234/xcodec"
_FROM_HIGGS = "github.com/boson-ai/higgs-audio"
_FROM_XCODEC2 = "Ye et al. 2025, arXiv 2502.04128; github.com/zhenye234/X-Codec-2.0"
_FROM_NEUCODEC = "arXiv 2509.09550; github.com/neuphonic/neucodec"
_FROM_SNAC = "Siuzdak et al. 2024, arXiv 2410.14411; github.com/hubertsiuzdak/snac"
_FROM_SPEECHTOKENIZER = "Zhang et al. 2023, arXiv 2308.16692; github.com/ZhangXInFD/SpeechTokenizer"


def _class(name: str, target: str, summary: str, source: str) -> Entry:
    """A model class; the license is that of the checkpoint it is given."""
    return _entry(name, target, f"{summary}; {name}=PATH", {}, source, "the checkpoint's", ())


def _checkpoint(
    name: str, target: str, hub: str, summary: str, source: str, license: str, /, **arguments: Any
) -> Entry:
    """A checkpoint on the hub: ``OWNER/NAME[/SUBFOLDER]``."""
    owner, model, *inside = hub.split("/", 2)
    args = {"repo": f"{owner}/{model}"} | ({"subfolder": inside[0]} if inside else {}) | arguments
    return _entry(name, target, summary, args, f"{source}; huggingface.co/{owner}/{model}", license, (f"hf:{hub}",))


def _entry(
    name: str, target: str, summary: str, args: dict[str, Any], source: str, license: str, weights: tuple[str, ...]
) -> Entry:
    return Entry(
        name,
        target,
        summary,
        args=args,
        positional=_POSITIONAL.get(target),
        modality="audio",
        tokens="discrete",
        source=source,
        license=license,
        weights=weights,
        extra="audio",
        local=True,
    )


PRETRAINED: tuple[Entry, ...] = (
    _class("encodec", _ENCODEC, "transformers EncodecModel, 24 kHz", _FROM_ENCODEC),
    _class("dac", _DAC, "transformers DacModel", _FROM_DAC),
    _class("xcodec", _XCODEC, "transformers XcodecModel", _FROM_XCODEC),
    _class("snac", _SNAC, "SNAC of the package snac, codebooks of unequal rates", _FROM_SNAC),
    _checkpoint(
        "encodec-24khz",
        _ENCODEC,
        "facebook/encodec_24khz",
        "EnCodec 24 kHz, 75 Hz x 1024 entries; @KBPS of 1.5, 3, 6, 12, 24",
        _FROM_ENCODEC,
        "MIT",
        bandwidth=6,
    ),
    *(
        _checkpoint(
            f"dac-{name}",
            _DAC,
            f"descript/dac_{name}",
            f"Descript Audio Codec, {rates}, 1024 entries; @BOOKS",
            _FROM_DAC,
            "MIT",
        )
        for name, rates in (
            ("16khz", "16 kHz, 50 Hz x 12 books"),
            ("24khz", "24 kHz, 75 Hz x 32 books"),
            ("44khz", "44.1 kHz, 86.1 Hz x 9 books"),
        )
    ),
    _checkpoint(
        "mimi",
        _MIMI,
        "kyutai/mimi",
        "Mimi 24 kHz, 12.5 Hz x 2048 entries, 8 books as in Moshi; @BOOKS up to 32",
        _FROM_MIMI,
        "CC-BY-4.0",
        books=8,
    ),
    *(
        _checkpoint(
            f"xcodec-{name}",
            _XCODEC,
            f"hf-audio/xcodec-{name}",
            f"X-Codec 16 kHz, {features}; @KBPS of 0.5, 1, 1.5, 2, 4",
            _FROM_XCODEC,
            "not stated; the code is MIT",
        )
        for name, features in (
            ("hubert-librispeech", "HuBERT, trained on LibriSpeech"),
            ("hubert-general", "HuBERT, trained on general audio"),
            ("hubert-general-balanced", "HuBERT, trained on balanced general audio"),
            ("wavlm-mls", "WavLM, trained on MLS English"),
            ("wavlm-more-data", "WavLM, trained on MLS English and internal data"),
        )
    ),
    _checkpoint(
        "xcodec2",
        _XCODEC2,
        "HKUSTAudio/xcodec2-hf",
        "X-codec2 16 kHz, 50 Hz x 65536 entries, one book",
        _FROM_XCODEC2,
        "CC-BY-NC-4.0",
    ),
    _checkpoint(
        "neucodec",
        _NEUCODEC,
        "neuphonic/neucodec",
        "NeuCodec, 16 kHz in and 24 kHz out, 50 Hz x 65536 entries, one book",
        _FROM_NEUCODEC,
        "Apache-2.0",
    ),
    _checkpoint(
        "higgs-audio-v2",
        _HIGGS,
        "bosonai/higgs-audio-v2-tokenizer",
        "Higgs Audio v2's tokenizer 24 kHz, 25 Hz x 1024 entries; @KBPS of 0.5, 1, 1.5, 2",
        _FROM_HIGGS,
        "Boson Higgs Audio 2 Community License",
    ),
    *(
        _checkpoint(
            f"snac-{name}",
            _SNAC,
            f"hubertsiuzdak/snac_{name}",
            f"SNAC {rates}, 4096 entries",
            _FROM_SNAC,
            "MIT",
        )
        for name, rates in (
            ("24khz", "24 kHz, 3 books of 11.7, 23.4 and 46.9 Hz"),
            ("32khz", "32 kHz, 4 books of 10.4 to 83.3 Hz"),
            ("44khz", "44.1 kHz, 4 books of 14.4 to 114.8 Hz"),
        )
    ),
    _checkpoint(
        "speechtokenizer",
        _SPEECHTOKENIZER,
        "fnlp/SpeechTokenizer/speechtokenizer_hubert_avg",
        "SpeechTokenizer 16 kHz on HuBERT's average layer, 50 Hz x 8 books, 1024 entries; @BOOKS",
        _FROM_SPEECHTOKENIZER,
        "not stated; the code is Apache-2.0",
    ),
)
