"""S3Tokenizer of CosyVoice: the package s3tokenizer, whose networks of three versions are stored as ONNX graphs.

The arrays are what the package makes of the clips; the graphs are its networks in the form of the published files.
Their weights have few digits, so that they take little room.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import FOLDER, Golden, store, weights

from bench import registry

WIDTH, HEADS, ENTRIES = 16, 2, 32
LENGTHS = {"short": 20000, "long": 16000 * 58}
"""Samples of clips within one window of the network, and within three."""


@dataclass(frozen=True)
class Graph(Golden):
    """One network of S3Tokenizer and one length of clips."""

    def save(self, folder: Path) -> Path:
        """Write the ONNX file and return it."""
        with np.load(FOLDER / "s3tokenizer.npz") as stored:
            content = stored[f"{self.config['version']}/onnx"].tobytes()
        folder.mkdir(parents=True, exist_ok=True)
        (file := folder / f"{self.name}.onnx").write_bytes(content)
        return file

    def build(self, folder: Path) -> Any:
        return registry.load(self.target)(path=str(self.save(folder)), **self.arguments)


def _cases(version: str, hertz: int, entries: int) -> tuple[Graph, ...]:
    return tuple(
        Graph(
            f"s3tokenizer-{version}-{length}",
            "bench.modalities.audio.tokenizers.s3tokenizer:S3Tokenizer",
            "s3tokenizer 0.3.0 (Apache-2.0)",
            {"version": version},
            {"name": "s3tokenizer-v1-model", "hertz": hertz, "entries": entries},
            side=side,
        )
        for length, side in LENGTHS.items()
    )


CASES = (
    *_cases("v1", 50, ENTRIES),
    *_cases("v1_25hz", 25, ENTRIES),
    *_cases("v2_25hz", 25, 3**8),
    *_cases("v3_25hz", 25, 3**8),
)


def _network(version: str) -> Any:
    """The package's network of a version, tiny."""
    number = version.partition("_")[0]
    module = importlib.import_module("s3tokenizer.model" + ("" if number == "v1" else f"_{number}"))
    config = (module.ModelConfigV3 if number == "v3" else module.ModelConfig)(
        n_audio_state=WIDTH, n_audio_head=HEADS, n_audio_layer=2 if number == "v3" else 1
    )
    if number == "v1":
        config.n_codebook_size = ENTRIES
    kind = {"v1": "S3Tokenizer", "v2": "S3TokenizerV2", "v3": "S3TokenizerV3"}[number]
    model = getattr(module, kind)(f"speech_tokenizer_{version}", config)
    if number != "v1":
        model.encoder.freqs_cis = module.precompute_freqs_cis(WIDTH // HEADS, 2048)
    made = weights({name: list(tensor.shape) for name, tensor in model.state_dict().items()})
    if (places := "encoder.positional_embedding") in made:
        made[places] = made[places][:25].repeat(60, 1)
        made["quantizer._codebook.embed"] /= 4  # of entries alike in length, many are near to something
    model.load_state_dict({name: (16 * tensor).round() / 16 for name, tensor in made.items()}, strict=True)
    return model.eval()


class _Traced(torch.nn.Module):
    """A network as ONNX can hold it: codes of one spectrogram, whose length decides nothing."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, feats: torch.Tensor, feats_length: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.model.encoder(feats, feats_length)
        codes: torch.Tensor = self.model.quantizer.encode(hidden)
        return codes


def _onnx(model: Any) -> np.ndarray:
    """The bytes of a network's graph."""
    first: Any = importlib.import_module("s3tokenizer.model")
    second: Any = importlib.import_module("s3tokenizer.model_v2")
    third: Any = importlib.import_module("s3tokenizer.model_v3")

    def everywhere(lengths: torch.Tensor, longest: Any = None) -> torch.Tensor:
        longest_of_all: Any = lengths.max()  # a tensor, so that the graph holds no number for it
        return torch.arange(longest_of_all)[None] >= torch.zeros(1)

    def rotated(queries: torch.Tensor, keys: torch.Tensor, freqs_cis: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """The package's rotations without complex numbers, which a graph of ONNX does not hold."""
        half = WIDTH // HEADS // 2
        places = torch.arange(queries.shape[1])[:, None] * 10000.0 ** (-torch.arange(half) / half)
        angles = torch.cat([places, places], 1)[None, :, None]
        cos, sin = angles.cos(), angles.sin()
        one, other = (
            entry * cos + torch.cat([-entry[..., half:], entry[..., :half]], -1) * sin for entry in (queries, keys)
        )
        return one, other

    for module in (first, second, third):
        module.make_non_pad_mask = everywhere
    second.apply_rotary_emb = rotated
    file = io.BytesIO()
    export: Any = torch.onnx.export
    export(
        _Traced(model),
        (torch.zeros(1, 128, 50), torch.tensor([50], dtype=torch.int32)),
        file,
        input_names=["feats", "feats_length"],
        dynamic_axes={"feats": {2: "T"}},
        dynamo=False,
    )
    return np.frombuffer(file.getvalue(), np.uint8)


@torch.no_grad()
def write() -> None:
    """Write ``s3tokenizer.npz``, with the package and ``onnx`` on the path."""
    package: Any = importlib.import_module("s3tokenizer")
    arrays: dict[str, Mapping[str, Any]] = {}
    models = {version: _network(version) for version in dict.fromkeys(case.config["version"] for case in CASES)}
    for case in CASES:
        mels, lengths = package.padding([package.log_mel_spectrogram(clip) for clip in case.clips()[:, 0]])
        codes, counts = models[case.config["version"]].quantize(mels, lengths)
        assert bool((counts == codes.shape[1]).all())
        arrays[case.name] = {"codes_0": codes.to(torch.int16)}
    store("s3tokenizer", arrays | {version: {"onnx": _onnx(model)} for version, model in models.items()})


if __name__ == "__main__":
    write()
