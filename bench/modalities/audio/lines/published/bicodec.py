"""BiCodec of Spark-TTS: tokens of the speaker per clip, and tokens of speech per second."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.bicodec:BiCodec",
    "Wang et al. 2025, arXiv 2503.01710; github.com/SparkAudio/Spark-TTS",
    "audio",
    extra="audio",
)

_VOCOS = {"input_channels": 1024, "vocos_dim": 384, "vocos_intermediate_dim": 2048, "out_channels": 1024}
CONFIG = {
    "audio_tokenizer": {
        "mel_params": {
            "sample_rate": 16000,
            "n_fft": 1024,
            "win_length": 640,
            "hop_length": 320,
            "mel_fmin": 10,
            "mel_fmax": None,
            "num_mels": 128,
        },
        "encoder": {**_VOCOS, "vocos_num_layers": 12, "sample_ratios": [1, 1]},
        "decoder": {"input_channel": 1024, "channels": 1536, "rates": [8, 5, 4, 2], "kernel_sizes": [16, 11, 8, 4]},
        "quantizer": {"input_dim": 1024, "codebook_size": 8192, "codebook_dim": 8},
        "speaker_encoder": {
            "input_dim": 128,
            "out_dim": 1024,
            "latent_dim": 128,
            "token_num": 32,
            "fsq_levels": [4, 4, 4, 4, 4, 4],
            "fsq_num_quantizers": 1,
        },
        "prenet": {
            **_VOCOS,
            "vocos_num_layers": 12,
            "condition_dim": 1024,
            "sample_ratios": [1, 1],
            "use_tanh_at_final": False,
        },
    }
}
"""What decides the network in the publisher's ``BiCodec/config.yaml``."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "bicodec",
        "SparkAudio/Spark-TTS-0.5B/BiCodec",
        "BiCodec 16 kHz, 50 Hz x 8192 entries, and 32 tokens of the speaker per clip, 4096 entries",
        "CC-BY-NC-SA-4.0",
        file="model.safetensors",
        beside=({"subfolder": "wav2vec2-large-xlsr-53"},),
        config=CONFIG,
    ),
)
