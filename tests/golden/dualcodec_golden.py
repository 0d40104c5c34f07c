"""DualCodec of the package dualcodec 0.4.2, without audiotools and cached_path, which its network does not use.

Float16 is switched off. The network's layers of 1024 channels are put in again with fewer, by the package's functions.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
import transformers
from cases import Golden, fill, store, weights

from bench import registry

CODEC, STATISTICS = "dualcodec_tiny", "w2vbert2_mean_var_stats_tiny"
WIDTH, LAYER = 12, 2
_HEARING = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYER + 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "feature_projection_input_dim": 160,
    "conv_depthwise_kernel_size": 7,
}


def hearing() -> Any:
    """A tiny w2v-BERT 2.0, with weights that are functions of their names."""
    model = transformers.Wav2Vec2BertModel(transformers.Wav2Vec2BertConfig(**_HEARING))
    model.load_state_dict(weights({name: list(item.shape) for name, item in model.state_dict().items()}))
    return model.eval()


@dataclass(frozen=True)
class WithFeatures(Golden):
    """A codec that needs a model of features beside it."""

    def build(self, folder: Path) -> Any:
        features = folder.with_name(f"{folder.name}-features")
        hearing().save_pretrained(features)
        arguments = {"features": str(features), **self.arguments}
        return registry.load(self.target)(path=str(self.save(folder)), config=self.config, **arguments)


CASES = (
    WithFeatures(
        "dualcodec",
        "bench.modalities.audio.tokenizers.dualcodec:DualCodec",
        "dualcodec 0.4.2 of PyPI (MIT)",
        {
            "sample_rate": 24000,
            "encoder_rates": [4, 5, 6, 8],
            "decoder_rates": [8, 6, 5, 4],
            "encoder_dim": 2,
            "decoder_dim": 32,
            "n_codebooks": 3,
            "codebook_size": 256,
            "semantic_codebook_size": 512,
            "semantic_downsample_factor": 2,
            "convnext_dim": 8,
            "semantic_dim": WIDTH,
        },
        arguments={"file": f"{{{CODEC},{STATISTICS}}}.pt", "layer": LAYER},
        side=12000,
        modules=(CODEC, STATISTICS),
        factors={"alpha": 0.2, "pwconv": 0.5, r"dac\.decoder\.model\.6\.weight_g": 0.2},
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``dualcodec.npz``, with the package on the path."""
    _leave_out("audiotools", AudioSignal=object, STFTParams=object)
    _leave_out("audiotools.ml", BaseModel=torch.nn.Module)
    _leave_out("cached_path", cached_path=str)
    package = _leave_out("dualcodec")
    package.__path__ = [str(Path(entry) / "dualcodec") for entry in sys.path if (Path(entry) / "dualcodec").is_dir()]
    networks: Any = importlib.import_module("dualcodec.model_codec.dualcodec_model")
    inference: Any = importlib.import_module("dualcodec.infer.dualcodec.inference_with_semantic")
    arrays = {}
    for case in CASES:
        config = {key: value for key, value in case.config.items() if key != "semantic_dim"}
        model = networks.DualCodec(**config, latent_dim=WIDTH, is_causal=True)
        model.convnext_encoder[0] = networks.WNConv1d(WIDTH, config["convnext_dim"], kernel_size=1)
        model.convnext_decoder[-1] = networks.WNConv1d(config["convnext_dim"], WIDTH, kernel_size=1)
        statistics = torch.nn.Module()
        statistics.register_buffer("mean", torch.zeros(WIDTH))
        statistics.register_buffer("var", torch.zeros(WIDTH))
        shapes = fill(torch.nn.ModuleDict({CODEC: model, STATISTICS: statistics}), case.factors)
        whole = inference.Inference.__new__(inference.Inference)
        whole.model, whole.device, whole.autocast = model, "cpu", False
        whole.semantic_cfg = inference.edict(
            semantic_model=hearing(),
            output_idx=LAYER,
            mean=statistics.mean,
            std=torch.sqrt(statistics.get_buffer("var")),
            feature_extractor=transformers.SeamlessM4TFeatureExtractor(padding_value=1.0),
        )
        with patch.object(torch, "autocast", lambda **_: contextlib.nullcontext()):
            semantic, acoustic = whole.encode(case.clips(), n_quantizers=config["n_codebooks"] + 1)
        decoded = whole.decode(semantic[-1:], acoustic[-1:])
        decoded = torch.nn.functional.pad(decoded, (0, case.side - decoded.shape[2]))
        arrays[case.name] = {"shapes": shapes, "decoded": decoded}
        codes = torch.cat((semantic, acoustic), 1).unbind(1)
        arrays[case.name] |= {f"codes_{level}": code for level, code in enumerate(codes)}
    store("dualcodec", arrays)


def _leave_out(name: str, **attributes: Any) -> ModuleType:
    """Put a module in the place of one that is not needed."""
    module = ModuleType(name)
    vars(module).update(attributes)
    sys.modules[name] = module
    return module


if __name__ == "__main__":
    write()
