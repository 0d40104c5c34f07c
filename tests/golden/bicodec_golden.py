"""BiCodec of Spark-TTS: github.com/SparkAudio/Spark-TTS."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from cases import Golden, fill, store, weights
from safetensors.torch import save_file

from bench import registry

_VOCOS = {"vocos_dim": 6, "vocos_intermediate_dim": 10, "sample_ratios": [1, 1]}
_SPEAKER = {"out_dim": 10, "latent_dim": 12, "token_num": 32, "fsq_levels": [4, 4, 4, 4, 4, 4]}
CONFIG: dict[str, dict[str, Any]] = {
    "mel_params": {
        "sample_rate": 16000,
        "n_fft": 1024,
        "win_length": 640,
        "hop_length": 320,
        "mel_fmin": 10,
        "mel_fmax": None,
        "num_mels": 20,
    },
    "encoder": {**_VOCOS, "input_channels": 16, "vocos_num_layers": 2, "out_channels": 10},
    "decoder": {"input_channel": 10, "channels": 32, "rates": [8, 5, 4, 2], "kernel_sizes": [16, 11, 8, 4]},
    "quantizer": {"input_dim": 10, "codebook_size": 64, "codebook_dim": 4},
    "speaker_encoder": {**_SPEAKER, "input_dim": 20, "fsq_num_quantizers": 1},
    "prenet": {**_VOCOS, "input_channels": 10, "vocos_num_layers": 2, "out_channels": 10, "condition_dim": 10},
}
SPEECH = {
    "hidden_size": 16,
    "num_hidden_layers": 18,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": [8] * 7,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}
"""A network of the kind of XLSR-53."""


@dataclass(frozen=True)
class Folder(Golden):
    """A codec, and the network of speech that it listens through, in folders as in the publisher's repository."""

    def save(self, folder: Path) -> Path:
        """Write both, and return the folder."""
        (folder / "BiCodec").mkdir(parents=True, exist_ok=True)
        shapes = json.loads(str(self.arrays()["shapes"]))
        save_file(tuned(shapes), folder / "BiCodec" / "model.safetensors")
        speech().save_pretrained(folder / "wav2vec2-large-xlsr-53")
        return folder

    def build(self, folder: Path) -> Any:
        return registry.load(self.target)(path=str(self.save(folder)), config=self.config)


CASES = (
    Folder(
        "bicodec",
        "bench.modalities.audio.tokenizers.bicodec:BiCodec",
        "SparkAudio/Spark-TTS 2f1ea90, sparktts/models/{bicodec,audio_tokenizer}.py, sparktts/modules (Apache-2.0)",
        {"audio_tokenizer": CONFIG},
        side=4500,
    ),
)


def tuned(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """Weights with which the codes of the speaker vary and the waves stay within their range."""
    made = weights(shapes)
    made["speaker_encoder.perceiver_sampler.norm.gamma"] *= 30
    frequencies = {name: 1 + tensor / 4 for name, tensor in made.items() if name.endswith(".alpha")}
    lengths = {name: tensor / 3 for name, tensor in made.items() if name.startswith("decoder.") and name.endswith("_g")}
    return made | frequencies | lengths


def speech() -> Any:
    """The network of speech, in evaluation mode."""
    model = transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**SPEECH))
    fill(model)
    return model


@torch.no_grad()
def write() -> None:
    """Write ``bicodec.npz``, with Spark-TTS' checkout, ``einx`` and ``omegaconf`` on the path."""
    codec: Any = importlib.import_module("sparktts.models.bicodec")
    tokenizer: Any = importlib.import_module("sparktts.models.audio_tokenizer")
    level: Any = importlib.import_module("sparktts.utils.audio")
    arrays = {}
    for case in CASES:
        model = codec.BiCodec(
            CONFIG["mel_params"],
            codec.Encoder(**CONFIG["encoder"]),
            codec.WaveGenerator(**CONFIG["decoder"]),
            codec.FactorizedVectorQuantize(**CONFIG["quantizer"], commitment=0.25),
            codec.SpeakerEncoder(**CONFIG["speaker_encoder"]),
            codec.Decoder(**CONFIG["prenet"]),
            torch.nn.Identity(),
        )
        shapes = json.loads(fill(model))
        model.load_state_dict(tuned(shapes), strict=False)
        # What the file has beside them is of training, or the transform, which is not read from there.
        unread = (
            "mel_transformer.",
            "speaker_encoder.speaker_encoder.linear.",
            "speaker_encoder.speaker_encoder.pool.",
        )
        kept = {name: shape for name, shape in shapes.items() if not name.startswith(unread)}
        model.init_mel_transformer(CONFIG["mel_params"])
        whole = tokenizer.BiCodecTokenizer.__new__(tokenizer.BiCodecTokenizer)
        whole.model, whole.device = model, torch.device("cpu")
        whole.config = {"sample_rate": 16000, "ref_segment_duration": 6, "latent_hop_length": 320}
        whole.processor = transformers.Wav2Vec2FeatureExtractor()
        whole.feature_extractor = speech()
        whole.feature_extractor.config.output_hidden_states = True
        speakers, codes = [], []
        for clip in case.clips()[:, 0]:
            wave = level.audio_volume_normalize(clip.double().numpy())
            heard = torch.from_numpy(whole.get_ref_clip(wave))[None].float()
            batch = {"feat": whole.extract_wav2vec2_features(wave), "ref_wav": heard}
            semantic, speaker = model.tokenize(batch)
            speakers.append(speaker[:, 0])
            codes.append(semantic)
            decoded = model.detokenize(semantic, speaker)
        arrays[case.name] = {
            "shapes": json.dumps(kept),
            "codes_0": torch.cat(speakers),
            "codes_1": torch.cat(codes),
            "decoded": torch.nn.functional.pad(decoded, (0, case.side - decoded.shape[2])),
        }
    store("bicodec", arrays)


if __name__ == "__main__":
    write()
