"""Program that prints hashes of what each training-free tokenizer learns and of its codes of real signals, as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import torch
from audio_checks import RATE, speech

from bench import registry
from bench.contracts.system import SystemSpec
from bench.datasets.base import Dataset, Limited
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.datasets.asterisk_prompts import AsteriskPrompts
from bench.modalities.image.datasets.skimage_photos import SkimagePhotos

ARGUMENTS: dict[str, dict[str, Any]] = {
    "bench.modalities.image.tokenizers.klt:KLT": {"bits": 6},
    "bench.modalities.audio.tokenizers.mdct:MDCT": {"bits": 6, "kbps": 1.2},
}
ENTRIES = {name: entry for name, entry in registry.entries("tokenizers").items() if entry.target in ARGUMENTS}


def signals(modality: str) -> tuple[Dataset, list[torch.Tensor]]:
    """Return a small data set to learn from, and a few signals to code."""
    if modality == "image":
        photos = [SkimagePhotos().load(index).signal.float() / 255 for index in (0, 4, 25)]
        return Limited(SkimagePhotos({}, "fit"), 2), photos
    prompts = AsteriskPrompts().fit_split()
    assert prompts is not None
    return Limited(prompts, 8), list(speech()[:3])


def tensors(value: Any) -> Iterable[torch.Tensor]:
    """Yield the tensors of an object of this package, of its parts, and of theirs."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors(one)
    elif type(value).__module__.startswith("bench.") and hasattr(value, "__dict__"):
        for _, one in sorted(vars(value).items()):
            yield from tensors(one)


def hashed(value: Any) -> str:
    digest = sha256()
    for tensor in tensors(value):
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def made(tokenizer: Any, found: list[torch.Tensor]) -> str:
    """Hash the codes of a batch and what they are decoded to, without padding."""
    batch = torch.stack(found) if found[0].ndim == 3 else Audio.of(found, RATE)
    tokens = tokenizer.encode(batch)
    output = tokenizer.decode(tokens)
    digests = []
    for index, signal in enumerate(found):
        own = None if not tokens.lengths else int(tokens.lengths[0][index])
        codes = [code[index][:own] for code in tokens.codes or (tokens.latents,)]
        back = output[index] if isinstance(output, torch.Tensor) else output.samples[index, :, : signal.shape[1]]
        digests.append(hashed([*codes, back]))
    return " ".join(digests)


def main(names: list[str]) -> None:
    hashes = {}
    for name in names or ENTRIES:
        entry = ENTRIES[name]
        learn, found = signals(entry.scope)
        tokenizer = SystemSpec(name, entry, ARGUMENTS[entry.target]).build()
        tokenizer.fit(learn, seed=0)
        alone = " ".join(made(tokenizer, [one]) for one in found)
        hashes[name] = {"learned": hashed(tokenizer), "made": made(tokenizer, found), "made alone": alone}
    sys.stdout.write(json.dumps(hashes))


if __name__ == "__main__":
    main(sys.argv[1:])
