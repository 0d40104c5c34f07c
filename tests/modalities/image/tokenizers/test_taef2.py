"""TAEF2 is the published network: against another implementation, and by how well it codes photographs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from real_weights import real_weights

from bench import registry
from bench.contracts.system import parse
from bench.errors import BenchError
from bench.machine.canonical import sha256_file
from bench.machine.weights import FILES
from bench.modalities.image.datasets.skimage_photos import SkimagePhotos
from bench.modalities.image.tokenizers.taef2 import FILES as NAMES
from bench.modalities.image.tokenizers.taef2 import Taef2

State = dict[str, torch.Tensor]


def states(folder: Path) -> tuple[State, State]:
    encoder, decoder = (
        {name: tensor.float() for name, tensor in torch.load(folder / f"taef2_{part}.pth", weights_only=True).items()}
        for part in ("encoder", "decoder")
    )
    return encoder, decoder


def layer(x: torch.Tensor, state: State, name: str, **how: int) -> torch.Tensor:
    """A published layer, which its tensors tell: a convolution, or a block, with a branch or without."""
    if f"{name}.weight" in state:
        return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), padding=1, **how)
    if f"{name}.pool.0.weight" in state:
        hidden = torch.einsum("bchw,dc->bdhw", x, state[f"{name}.pool.0.weight"][..., 0, 0])
        groups = hidden.unflatten(1, (4, 64))
        mean, variance = groups.mean((2, 3, 4), True), groups.var((2, 3, 4), correction=0, keepdim=True)
        normal = ((groups - mean) / (variance + 1e-5).sqrt()).flatten(1, 2)
        scale, shift = (state[f"{name}.pool.1.{what}"][:, None, None] for what in ("weight", "bias"))
        active = (normal * scale + shift).clamp(min=0)
        x = x + torch.einsum("bchw,dc->bdhw", active, state[f"{name}.pool.3.weight"][..., 0, 0])
    hidden = x
    for part in ("0", "2", "4"):
        hidden = layer(hidden if part == "0" else hidden.clamp(min=0), state, f"{name}.conv.{part}")
    return (x + hidden).clamp(min=0)


@torch.no_grad()
def reference(images: torch.Tensor, encoder: State, decoder: State) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents and reconstruction by functions, straight from the published tensors."""
    x = images
    for number in range(15):
        x = layer(x, encoder, str(number), **({"stride": 2} if number in (2, 6, 10) else {}))
    y = layer(3 * torch.tanh(x / 3), decoder, "1").clamp(min=0)
    for number in (3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 15, 17, 18, 19):
        if number in (7, 12, 17):
            y = y.repeat_interleave(2, 2).repeat_interleave(2, 3)
        y = layer(y, decoder, str(number))
    return x, y


def check_parity(folder: Path, photos: torch.Tensor) -> None:
    latents, images = reference(photos, *states(folder))
    tokenizer = Taef2(str(folder))
    tokens = tokenizer.encode(photos)
    torch.testing.assert_close(tokens.latents, latents.permute(0, 2, 3, 1), atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(tokenizer.decode(tokens), images, atol=2e-5, rtol=1e-5)


def test_random_weights_equal_the_reference(taef2_files: Path, photos: torch.Tensor) -> None:
    check_parity(taef2_files, photos)


def test_published_weights_equal_the_reference(photos: torch.Tensor) -> None:
    check_parity(real_weights("taef2"), 8 * photos - 3)  # beyond [0, 1], so that latents are bounded


def test_photographs_come_back_at_32_decibels() -> None:
    """Without the bound of latents 3.8 dB less, with the pooled branch beside the convolutions 1.3 dB less."""
    photographs, tokenizer = SkimagePhotos({}), Taef2(str(real_weights("taef2")))
    errors = []
    for index in range(0, len(photographs), 4):
        image = photographs.load(index).signal[None] / 255
        errors.append((tokenizer.decode(tokenizer.encode(image)).clamp(0, 1) - image).square().mean())
    decibels = -10 * torch.stack(errors).log10()
    assert decibels.mean() == pytest.approx(32.10, abs=0.05), decibels


def test_the_files_at_hand_are_the_published_ones() -> None:
    folder = real_weights("taef2")
    tokenizer = Taef2(str(folder))
    assert tokenizer.weights == {FILES[name].published_name: FILES[name].sha256 for name in NAMES}
    assert tokenizer.revision == FILES[NAMES[0]].revision != ""


def test_files_of_ones_own_are_recorded_by_their_hashes(taef2_files: Path) -> None:
    tokenizer = parse(f"taef2={taef2_files}").build()
    assert tokenizer.weights["taef2_encoder.pth"] == sha256_file(taef2_files / "taef2_encoder.pth")
    assert tokenizer.revision == ""


def test_lower_precision_computes_in_it(taef2_files: Path, photos: torch.Tensor) -> None:
    exact, coarse = Taef2(str(taef2_files)), Taef2(str(taef2_files)).to(torch.device("cpu"), torch.bfloat16)
    assert {tensor.dtype for tensor in exact.model.parameters()} == {torch.float32}
    difference = (coarse.decode(coarse.encode(photos)) - exact.decode(exact.encode(photos))).abs()
    assert 0 < difference.mean() < 0.05


def test_other_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no taef2_encoder.pth, taef2_decoder.pth in it; give a folder with"):
        Taef2(str(tmp_path))
    for part in ("encoder", "decoder"):
        torch.save({"0.weight": torch.zeros(1)}, tmp_path / f"taef2_{part}.pth")
    with pytest.raises(BenchError, match=r"taef2_encoder.pth: not the weights of taef2's encoder"):
        Taef2(str(tmp_path))


def test_the_registry_line_names_the_files() -> None:
    entry = registry.get("tokenizers", "taef2")
    assert entry.weights == NAMES
    assert {FILES[name].license for name in NAMES} == {entry.license}
    assert all(FILES[name].revision in entry.source for name in NAMES)
