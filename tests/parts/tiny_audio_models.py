"""Tiny audio models of the real classes, with checkpoints as their publishers write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from snac import SNAC

from bench.modalities.audio.tokenizers.speechtokenizer_tokens import speechtokenizer_class

_DAC = {"encoder_hidden_size": 4, "decoder_hidden_size": 32, "codebook_dim": 4}
_SEMANTIC = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
_HUBERT = {"model_type": "hubert", **_SEMANTIC, "conv_dim": [8] * 7}
_TRANSFORMER = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
_XCODEC2 = {
    **_TRANSFORMER,
    "hidden_size": 64,
    "intermediate_size": 32,
    "encoder_hidden_size": 2,
    "quantization_dim": 80,  # both hidden sizes
    "semantic_model_config": {
        "model_type": "wav2vec2-bert",
        **_SEMANTIC,
        "feature_projection_input_dim": 160,
        "conv_depthwise_kernel_size": 7,
    },
}
_SPEECHTOKENIZER = {
    "n_filters": 2,
    "dimension": 32,
    "semantic_dimension": 24,
    "strides": [8, 5, 4, 2],
    "lstm_layers": 1,
    "bidirectional": True,
    "dilation_base": 2,
    "residual_kernel_size": 3,
    "n_residual_layers": 1,
    "activation": "ELU",
    "sample_rate": 16000,
    "n_q": 8,
    "codebook_size": 32,
}
_SNAC = {
    "sampling_rate": 24000,
    "encoder_dim": 4,
    "encoder_rates": [2, 4, 8, 8],
    "decoder_dim": 32,
    "decoder_rates": [8, 8, 4, 2],
    "attn_window_size": None,
    "codebook_size": 32,
    "vq_strides": [4, 2, 1],
}


def transformers_model(model: str, config: str, **arguments: Any) -> Any:
    return getattr(transformers, model)(getattr(transformers, config)(**arguments))


def _xcodec(model: str, strides: list[int], **arguments: Any) -> Callable[..., Any]:
    acoustic = {"model_type": "dac", **_DAC, "hidden_size": 64, "downsampling_ratios": strides}
    acoustic |= {"upsampling_ratios": strides} if model == "HiggsAudioV2TokenizerModel" else {}
    width = {"acoustic_model_config": acoustic, "semantic_model_config": _HUBERT, "codebook_size": 32}
    return partial(
        transformers_model,
        model,
        model.removesuffix("Model") + "Config",
        target_bandwidths=[0.25, 0.5, 1.0],
        **{**width, **arguments},
    )


TINY_AUDIO: dict[str, Callable[..., Any]] = {
    "EncodecModel": partial(
        transformers_model,
        "EncodecModel",
        "EncodecConfig",
        num_filters=2,
        hidden_size=16,
        codebook_size=32,
        num_lstm_layers=1,
        target_bandwidths=[1.5, 3.0, 6.0],
    ),
    "DacModel": partial(
        transformers_model, "DacModel", "DacConfig", **_DAC, n_codebooks=4, codebook_size=32, sampling_rate=16000
    ),
    "MimiModel": partial(
        transformers_model,
        "MimiModel",
        "MimiConfig",
        **_TRANSFORMER,
        num_filters=2,
        hidden_size=16,
        intermediate_size=32,
        codebook_size=32,
        codebook_dim=8,
        vector_quantization_hidden_dimension=8,
        upsample_groups=16,
        num_quantizers=10,
    ),
    "XcodecModel": _xcodec("XcodecModel", [8, 5, 4, 2]),
    "HiggsAudioV2TokenizerModel": _xcodec("HiggsAudioV2TokenizerModel", [8, 5, 4, 2, 3], codebook_dim=16),
    "Xcodec2Model": partial(transformers_model, "Xcodec2Model", "Xcodec2Config", **_XCODEC2),
    "NeuCodecModel": partial(transformers_model, "NeuCodecModel", "NeuCodecConfig", **_XCODEC2),
    "SNAC": lambda **changes: SNAC(**{**_SNAC, **changes}),
    "SpeechTokenizer": lambda **changes: speechtokenizer_class()({**_SPEECHTOKENIZER, **changes}),
}


HIDDEN_MODELS = ("HubertModel", "WavLMModel", "Wav2Vec2Model")
"""Classes of models whose hidden layers are clustered to semantic units."""


def save_hidden_model(name: str, folder: Path, **changes: Any) -> Any:
    """Write a tiny checkpoint of a model of hidden layers, and return its model."""
    torch.manual_seed(0)
    config = name.removesuffix("Model") + "Config"
    model = transformers_model(name, config, **_SEMANTIC, conv_dim=[8] * 7, **changes).eval()
    model.save_pretrained(folder)
    return model


def tiny_audio_model(name: str, **changes: Any) -> Any:
    """Build a small model of a class with random weights, whose codes differ from place to place."""
    torch.manual_seed(0)
    model = TINY_AUDIO[name](**changes)
    for key, tensor in model.state_dict().items():
        last = key.rpartition(".")[2]
        if last.startswith("bias"):
            tensor.zero_()  # they drown what comes from the signal
        if "project_in" in key:
            tensor.mul_(1e3)  # beyond the middle level of a scalar quantizer
        if last in {"embed", "embed_sum"}:
            tensor.normal_(
                std={"EncodecModel": 1e-3, "SpeechTokenizer": 1e-4}.get(name, 1e-2)
            )  # the libraries leave them zero, or to the first batch of a training
        if last == "inited":
            tensor.fill_(1)
    return model.eval()


def save_audio(name: str, folder: Path, **changes: Any) -> Any:
    """Write a tiny checkpoint in the format of its publisher, and return its model."""
    model = tiny_audio_model(name, **changes)
    folder.mkdir(parents=True, exist_ok=True)
    if name == "SNAC":
        (folder / "config.json").write_text(json.dumps({**_SNAC, **changes}))
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    elif name == "SpeechTokenizer":
        (folder / "config.json").write_text(json.dumps({**_SPEECHTOKENIZER, **changes}))
        torch.save(model.state_dict(), folder / "SpeechTokenizer.pt")
    else:
        model.save_pretrained(folder)
    return model


AUDIO_NAMES = {
    "EncodecModel": "encodec-24khz",
    "DacModel": "dac-16khz",
    "MimiModel": "mimi",
    "XcodecModel": "xcodec-hubert-librispeech",
    "HiggsAudioV2TokenizerModel": "higgs-audio-v2",
    "Xcodec2Model": "xcodec2",
    "NeuCodecModel": "neucodec",
    "SNAC": "snac-24khz",
    "SpeechTokenizer": "speechtokenizer",
}
"""The registry name of a published checkpoint of each class."""
