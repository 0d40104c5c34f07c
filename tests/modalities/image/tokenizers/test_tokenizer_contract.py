"""Every image tokenizer of the registry keeps the contract."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from cases import cases
from tokenizer_checks import CHECKS, Check, beats_constant, kind

from bench import registry
from bench.contracts.system import SystemSpec
from bench.datasets.base import Sample
from bench.lines.checkpoints import entries_of
from bench.modalities.image.datasets.skimage_photos import SkimagePhotos
from bench.modalities.image.lines import published
from bench.quantizers import qinco
from bench.tokenizers.base import Tokenizer

ENTRIES = {
    name: entry
    for name, entry in (registry.entries("tokenizers") | {entry.name: entry for entry in entries_of(published)}).items()
    if entry.serves("image")
}

CLASSES = {
    "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderKL": "AutoencoderKL",
    "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderTiny": "AutoencoderTiny",
    "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderDC": "AutoencoderDC",
    **{
        f"bench.modalities.image.tokenizers.diffusers_variants:{name}": name
        for name in (
            "AutoencoderKLFlux2",
            "AutoencoderKLHunyuanImage",
            "AutoencoderKLQwenImage",
            "AsymmetricAutoencoderKL",
            "ConsistencyDecoderVAE",
            "AutoencoderRAE",
        )
    },
    "bench.modalities.image.tokenizers.diffusers_vq:VQModel": "VQModel",
    "bench.modalities.image.tokenizers.transformers_vq:JanusVQ": "JanusVQVAE",
    "bench.modalities.image.tokenizers.transformers_vq:Emu3VQ": "Emu3VQVAE",
}
GOLDEN = {case.target: case for case in reversed(cases("image"))}
"""The first case of each class that has golden arrays, whose weights its contract is tested on."""
NAMED_FILES = "bench.modalities.image.tokenizers.taef2:Taef2"
FITTED: dict[str, dict[str, Any]] = {
    "bench.modalities.image.tokenizers.klt:KLT": {"bits": 8},
    "bench.tokenizers.latent:LatentTokenizer": {"of": "klt-continuous", "bits": 8},
}
AS_IT_IS = {"bench.modalities.image.tokenizers.codecs:Codec"}


class FewPhotos(SkimagePhotos):
    """Every third crop of the fit split: fitting on all of them is what the command does."""

    def __iter__(self) -> Iterator[Sample]:
        return (self.load(index) for index in range(0, len(self), 3))


@cache
def fit_split() -> FewPhotos:
    return FewPhotos({}, "fit")


@pytest.fixture(scope="module")
def build(
    checkpoints: dict[str, Path], taef2_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Tokenizer]:
    """The tokenizer of a registry entry: on a tiny checkpoint or random weights, fitted, or as it is."""

    @cache
    def built(name: str) -> Tokenizer:
        entry = ENTRIES[name]
        if entry.target in CLASSES:
            return SystemSpec(name, entry, {"path": str(checkpoints[CLASSES[entry.target]])}).build()
        if entry.target in GOLDEN:
            return GOLDEN[entry.target].build(tmp_path_factory.mktemp("golden"))
        if entry.target == NAMED_FILES:
            return SystemSpec(name, entry, {"path": str(taef2_files)}).build()
        if entry.target in FITTED:
            arguments = FITTED[entry.target] if entry.args["quantizer"] else {}
            tokenizer = SystemSpec(name, entry, arguments).build()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(qinco, "MOST_STEPS", 50)
                tokenizer.fit(fit_split(), seed=0)
            return tokenizer
        if entry.target in AS_IT_IS:
            return SystemSpec(name, entry, {}).build()
        pytest.fail(f"{name}: {entry.target} has no case here; say how a tokenizer of it is made for a test")

    return built


def alike() -> list[list[str]]:
    """Entries of the same class and arguments: those that differ in their checkpoint alone are one case here."""
    where = {"repo", "subfolder", "revision", "file", "config", "weights"}
    cases = defaultdict[object, list[str]](list)
    for name, entry in ENTRIES.items():
        others = [] if entry.target in GOLDEN else sorted(item for item in entry.args.items() if item[0] not in where)
        cases[(entry.target, *others)].append(name)
    return list(cases.values())


@pytest.mark.parametrize("names", alike(), ids=lambda names: names[0])
def test_every_entry_builds_a_tokenizer_of_its_kind(
    names: list[str], build: Callable[[str], Tokenizer], photos: torch.Tensor
) -> None:
    kind(build(names[0]), ENTRIES[names[0]], photos)
    assert {ENTRIES[name].tokens for name in names} == {ENTRIES[names[0]].tokens}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [names[0] for names in alike()])
def test_contract(name: str, check: Check, build: Callable[[str], Tokenizer], photos: torch.Tensor) -> None:
    check(build(name), ENTRIES[name], photos)


@pytest.mark.parametrize(
    "name", [n for n, entry in ENTRIES.items() if entry.target not in {*CLASSES, *GOLDEN, NAMED_FILES}]
)
def test_beats_a_constant_image(name: str, build: Callable[[str], Tokenizer], photos: torch.Tensor) -> None:
    beats_constant(build(name), photos)
