"""Published tokenizers give what their libraries give, whatever form the checkpoint has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_models import tiny_model

from bench import registry
from bench.contracts.system import SystemSpec, parse
from bench.errors import BenchError, Unavailable
from bench.lines.checkpoints import entries_of
from bench.machine.canonical import sha256_file
from bench.modalities.image.lines import published
from bench.modalities.image.tokenizers import diffusers_variants
from bench.modalities.image.tokenizers.diffusers_autoencoders import AutoencoderDC, AutoencoderKL, AutoencoderTiny
from bench.modalities.image.tokenizers.diffusers_vq import VQModel
from bench.modalities.image.tokenizers.transformers_vq import Emu3VQ, JanusVQ
from bench.tokenizers.checkpoint import hub_name

Folders = dict[str, Path]


def round_trip(tokenizer: Any, images: torch.Tensor) -> torch.Tensor:
    return tokenizer.decode(tokenizer.encode(images))


def same(one: Any, other: Any, images: torch.Tensor) -> None:
    left, right = one.encode(images), other.encode(images)
    assert all(torch.equal(a, b) for a, b in zip(left.codes, right.codes, strict=True))
    torch.testing.assert_close(one.decode(left), other.decode(right), atol=1e-6, rtol=0)


def check_parity(output: torch.Tensor, tokenizer: Any, images: torch.Tensor) -> None:
    torch.testing.assert_close(round_trip(tokenizer, images), (output + 1) / 2, atol=1e-5, rtol=0)


@torch.no_grad()
def test_kl_equals_the_library(checkpoints: Folders, photos: torch.Tensor) -> None:
    path = checkpoints["AutoencoderKL"]
    library = diffusers.AutoencoderKL.from_pretrained(path)
    check_parity(library(2 * photos - 1, sample_posterior=False).sample, AutoencoderKL(str(path)), photos)


@torch.no_grad()
@pytest.mark.parametrize("store", ["float", "uint8"])
def test_tiny_equals_the_library(store: str, checkpoints: Folders, photos: torch.Tensor) -> None:
    path = checkpoints["AutoencoderTiny"]
    library = diffusers.AutoencoderTiny.from_pretrained(path)
    images = 2 * photos - 1
    output = library(images) if store == "uint8" else library.decode(library.encode(images).latents)
    check_parity(output.sample, AutoencoderTiny(str(path), store=store), photos)


@torch.no_grad()
def test_dc_equals_the_library(checkpoints: Folders, photos: torch.Tensor) -> None:
    path = checkpoints["AutoencoderDC"]
    library = diffusers.AutoencoderDC.from_pretrained(path)
    check_parity(library(2 * photos - 1).sample, AutoencoderDC(str(path)), photos)


@torch.no_grad()
@pytest.mark.parametrize("name", ["AutoencoderKLFlux2", "AutoencoderKLHunyuanImage", "AsymmetricAutoencoderKL"])
def test_other_kl_autoencoders_equal_the_library(name: str, checkpoints: Folders, photos: torch.Tensor) -> None:
    library = getattr(diffusers, name).from_pretrained(checkpoints[name])
    tokenizer = getattr(diffusers_variants, name)(str(checkpoints[name]))
    check_parity(library(2 * photos - 1, sample_posterior=False).sample, tokenizer, photos)


@torch.no_grad()
def test_qwen_image_takes_an_image_as_one_frame(checkpoints: Folders, photos: torch.Tensor) -> None:
    path = checkpoints["AutoencoderKLQwenImage"]
    library = diffusers.AutoencoderKLQwenImage.from_pretrained(path)
    output = library((2 * photos - 1)[:, :, None]).sample[:, :, 0]
    check_parity(output, diffusers_variants.AutoencoderKLQwenImage(str(path)), photos)


@torch.no_grad()
def test_consistency_decoder_equals_the_library(checkpoints: Folders, photos: torch.Tensor) -> None:
    path = checkpoints["ConsistencyDecoderVAE"]
    library = diffusers.ConsistencyDecoderVAE.from_pretrained(path)
    generators = [torch.Generator().manual_seed(3) for _ in photos]
    output = library(2 * photos - 1, generator=generators).sample
    tokenizer = diffusers_variants.ConsistencyDecoderVAE(str(path), seed=3)
    check_parity(output, tokenizer, photos)
    tokens, tokenizer.seed = tokenizer.encode(photos), 4
    assert not torch.allclose(tokenizer.decode(tokens), (output + 1) / 2, atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize(
    "changes",
    [{}, {"encoder_type": "mae", "encoder_patch_size": 16, "encoder_input_size": 64}],
    ids=["DINOv2", "MAE"],
)
def test_rae_equals_the_library(changes: dict[str, Any], tmp_path: Path, photos: torch.Tensor) -> None:
    library = tiny_model("AutoencoderRAE", **changes)
    library.save_pretrained(tmp_path)
    tokenizer = diffusers_variants.AutoencoderRAE(str(tmp_path))
    # It sees and gives values in [0, 1] and beyond.
    torch.testing.assert_close(round_trip(tokenizer, photos), library(photos).sample, atol=1e-5, rtol=0)
    assert tokenizer.encode(photos).latents.shape == (4, 4, 4, 64)
    with pytest.raises(BenchError, match=r"RAE takes images of 64x64 pixels only, not 48x64"):
        tokenizer.encode(photos[..., :48, :])


def test_an_encoder_that_the_libraries_cannot_build_is_named(
    checkpoints: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise AttributeError("'SiglipVisionModel' object has no attribute 'vision_model'")

    monkeypatch.setattr(diffusers.AutoencoderRAE, "from_pretrained", fails)
    with pytest.raises(Unavailable, match=r"cannot be built by diffusers \S+ and transformers \S+ together .*Siglip"):
        diffusers_variants.AutoencoderRAE(str(checkpoints["AutoencoderRAE"]))


def test_a_single_file_that_is_not_enough_is_named(checkpoints: Folders, tmp_path: Path) -> None:
    folder = checkpoints["ConsistencyDecoderVAE"]
    shutil.copy(folder / "diffusion_pytorch_model.safetensors", tmp_path / "decoder.safetensors")
    with pytest.raises(BenchError, match=r"has tensors that no file of weights holds"):
        diffusers_variants.ConsistencyDecoderVAE(
            str(tmp_path / "decoder.safetensors"), config=str(folder / "config.json")
        )


@torch.no_grad()
@pytest.mark.parametrize(
    "changes",
    [{}, {"lookup_from_codebook": True, "vq_embed_dim": 6}, {"norm_type": "spatial", "block_out_channels": (32, 32)}],
    ids=["", "aMUSEd", "MoVQ"],
)
def test_vq_equals_the_library(changes: dict[str, Any], tmp_path: Path, photos: torch.Tensor) -> None:
    library = tiny_model("VQModel", **changes)
    library.save_pretrained(tmp_path)
    check_parity(library(2 * photos - 1).sample, VQModel(str(tmp_path)), photos)


@torch.no_grad()
def test_janus_equals_the_library(checkpoints: Folders, photos: torch.Tensor) -> None:
    path, images = checkpoints["JanusVQVAE"], photos[..., :32, :32]  # the library takes one size only
    library = transformers.JanusVQVAE.from_pretrained(path)
    check_parity(library(2 * images - 1).decoded_pixel_values, JanusVQ(str(path), nearest="euclidean"), images)


@torch.no_grad()
def test_janus_compares_directions_as_it_was_trained(checkpoints: Folders, photos: torch.Tensor) -> None:
    tokenizer = JanusVQ(str(checkpoints["JanusVQVAE"]))
    latents = tokenizer.model.quant_conv(tokenizer.model.encoder(2 * photos - 1)).double()
    entries = tokenizer.model.quantize.embedding.weight.double()
    cosine = torch.einsum("bdhw,nd->bhwn", latents, entries) / entries.norm(dim=1)
    codes = tokenizer.encode(photos).codes[0]
    assert torch.equal(codes, cosine.argmax(-1))
    tokenizer.nearest = "euclidean"
    assert not torch.equal(codes, tokenizer.encode(photos).codes[0])
    entries = tokenizer.model.quantize.embedding.weight
    entries /= entries.norm(dim=1, keepdim=True)
    assert torch.equal(codes, tokenizer.encode(photos).codes[0])


@torch.no_grad()
def test_emu3_equals_the_library(checkpoints: Folders, photos: torch.Tensor) -> None:
    path = checkpoints["Emu3VQVAE"]
    library = transformers.Emu3VQVAE.from_pretrained(path)
    codes = torch.stack(library.encode(2 * photos - 1, torch.tensor([[64, 64]] * 4)).image_tokens)
    check_parity(library.decode(codes), Emu3VQ(str(path)), photos)


def test_sample_of_the_posterior(checkpoints: Folders, photos: torch.Tensor) -> None:
    path = str(checkpoints["AutoencoderKL"])
    mode = AutoencoderKL(path).encode(photos).latents
    tokenizer = AutoencoderKL(path, latents="sample")
    sample = tokenizer.encode(photos).latents
    alone = torch.cat([tokenizer.encode(image[None]).latents for image in photos])
    torch.testing.assert_close(sample, alone, atol=1e-5, rtol=0)
    assert not torch.equal(sample, AutoencoderKL(path, latents="sample", seed=1).encode(photos).latents)
    std = tokenizer.model.encode(2 * photos - 1).latent_dist.std.movedim(1, -1)
    noise = (sample - mode) / std
    assert abs(noise.mean()) < 0.05 and abs(noise.std() - 1) < 0.05
    assert abs(torch.corrcoef(noise.flatten(1))[0, 1]) < 0.05


def test_padding_repeats_the_edge(checkpoints: Folders, photos: torch.Tensor) -> None:
    tokenizer = VQModel(str(checkpoints["VQModel"]))
    cut = photos[..., :63, :61]
    padded = torch.cat([cut, cut[..., -1:, :]], -2)
    padded = torch.cat([padded, padded[..., -1:]], -1)
    assert torch.equal(tokenizer.encode(cut).codes[0], tokenizer.encode(padded).codes[0])
    assert torch.equal(round_trip(tokenizer, cut), round_trip(tokenizer, padded)[..., :63, :61])


@pytest.mark.parametrize("name", ["AutoencoderKL", "VQModel"])
def test_half_precision(name: str, checkpoints: Folders, photos: torch.Tensor) -> None:
    cls = {"AutoencoderKL": AutoencoderKL, "VQModel": VQModel}[name]
    exact = cls(str(checkpoints[name])).encode(photos)
    tokenizer = cls(str(checkpoints[name])).to(torch.device("cpu"), torch.bfloat16)
    decoded = tokenizer.decode(exact)
    assert decoded.dtype == torch.float32
    assert (decoded - cls(str(checkpoints[name])).decode(exact)).abs().mean() < 0.01
    tokenizer.encode(photos).check(tokenizer.codebooks)


def test_overflow_in_float16_is_named(tmp_path: Path, photos: torch.Tensor) -> None:
    model = tiny_model("AutoencoderKL")
    model.decoder.conv_out.weight.data *= 1e6
    model.save_pretrained(tmp_path)
    with pytest.raises(BenchError, match=r"overflows in float16; use bfloat16"):
        round_trip(AutoencoderKL(str(tmp_path)).to(torch.device("cpu"), torch.float16), photos)


def test_weights_are_hashed(checkpoints: Folders) -> None:
    for cls, name, file in (
        (AutoencoderKL, "AutoencoderKL", "diffusion_pytorch_model.safetensors"),
        (JanusVQ, "JanusVQVAE", "model.safetensors"),
    ):
        tokenizer = cls(str(checkpoints[name]))
        assert tokenizer.weights == {file: sha256_file(checkpoints[name] / file)}
        assert tokenizer.revision == ""


@pytest.mark.parametrize(("cls", "name"), [(VQModel, "VQModel"), (Emu3VQ, "Emu3VQVAE")])
def test_shards_a_subfolder_and_pickled_weights(
    cls: Any, name: str, checkpoints: Folders, tmp_path: Path, photos: torch.Tensor
) -> None:
    reference = cls(str(checkpoints[name]))
    model = tiny_model(name)
    model.save_pretrained(tmp_path / "shards" / "vae", max_shard_size="100KB")
    shards = cls(str(tmp_path / "shards"), subfolder="vae")
    assert len(shards.weights) > 1
    same(reference, shards, photos)
    model.save_pretrained(tmp_path / "pickle")
    (file,) = (tmp_path / "pickle").glob("*.safetensors")
    stem = {"diffusion_pytorch_model": "diffusion_pytorch_model", "model": "pytorch_model"}[file.stem]
    torch.save(load_file(file), file.with_name(f"{stem}.bin"))
    file.unlink()
    same(reference, cls(str(tmp_path / "pickle")), photos)


@pytest.mark.parametrize(
    ("cls", "name", "model_type"), [(JanusVQ, "JanusVQVAE", "janus"), (Emu3VQ, "Emu3VQVAE", "emu3")]
)
def test_within_a_larger_model(
    cls: Any, name: str, model_type: str, checkpoints: Folders, tmp_path: Path, photos: torch.Tensor
) -> None:
    inner = json.loads((checkpoints[name] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type, "vq_config": inner}))
    tensors = load_file(checkpoints[name] / "model.safetensors")
    save_file({f"model.vqmodel.{key}": value for key, value in tensors.items()}, tmp_path / "model-1-of-2.safetensors")
    other = {"model.vision_model.encoder.weight": torch.zeros(3), "lm_head.weight": torch.zeros(3)}
    save_file(other, tmp_path / "model-2-of-2.safetensors")
    listed = dict.fromkeys(other, "model-2-of-2.safetensors") | {"model.vqmodel.x": "model-1-of-2.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    tokenizer = cls(str(tmp_path))
    assert list(tokenizer.weights) == ["model-1-of-2.safetensors"]
    same(cls(str(checkpoints[name])), tokenizer, photos)


# From the library's names to the publisher's, the other way round than the adapter.
LLAMAGEN = (
    (r"(en|de)coder\.(down|up)\.", r"\1coder.conv_blocks."),
    (r"\.block\.", ".res."),
    (r"mid\.block_1", "mid.0"),
    (r"mid\.attn_1", "mid.1"),
    (r"mid\.block_2", "mid.2"),
)
EMU3 = (
    (r"(down|up)_block\.", ""),
    (r"middle_block\.attn_norm", "mid.attn_1.norm"),
    (r"middle_block", "mid"),
    (r"attn_norms\.(\d+)", r"attn.\1.norm"),
    (r"([qkv])_proj", r"\1"),
    (r"(attn\.\d+|attn_1)\.out_proj", r"\1.proj_out"),
)


def as_published(model: Any, renames: tuple[tuple[str, str], ...]) -> dict[str, torch.Tensor]:
    """The tensors of a library's model as its publisher has them: other names, projections as 1x1 convolutions."""
    tensors = {"quantize.codebook_used": torch.zeros(4)}
    for name, tensor in model.state_dict().items():
        projection = "_proj" in name and name.endswith("weight")
        for pattern, replacement in renames:
            name = re.sub(pattern, replacement, name)
        tensors[name] = (tensor[..., None, None] if projection else tensor).contiguous()
    return tensors


def publish(folder: Path, model: Any, config: dict[str, Any], renames: tuple[tuple[str, str], ...]) -> None:
    """Write a library's model as its publisher does."""
    save_file(as_published(model, renames), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))


TINY_LLAMAGEN = {
    "encoder_ch_mult": [1, 1],
    "decoder_ch_mult": [1, 1],
    "codebook_size": 32,
    "codebook_embed_dim": 8,
    "z_channels": 8,
    "codebook_l2_norm": True,
}


def test_llamagens_file_is_enough(tmp_path: Path, photos: torch.Tensor) -> None:
    model = tiny_model("JanusVQVAE", base_channels=128, num_res_blocks=2)
    model.save_pretrained(tmp_path / "library")
    library = JanusVQ(str(tmp_path / "library"))
    tensors, file = as_published(model, LLAMAGEN), tmp_path / "vq_ds16_c2i.pt"
    torch.save({"model": tensors, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}, "steps": 3}, file)
    entry = registry.get("tokenizers", "llamagen-vq")
    alone = SystemSpec("", entry, {"path": str(file), "config": TINY_LLAMAGEN}).build()
    same(library, alone, photos[:1, :, :16, :16])
    assert alone.weights == {file.name: sha256_file(file)}
    drifted = {name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    torch.save({"model": drifted, "ema": tensors}, file)
    averaged: Any = SystemSpec("", entry, {"path": str(file), "config": TINY_LLAMAGEN}).build()
    same(library, averaged, photos[:1, :, :16, :16])
    assert list(averaged.weights) == [f"{file.name} [ema: ema]"]
    raw = JanusVQ(str(file), config=TINY_LLAMAGEN, weights="raw")
    assert list(raw.weights) == [f"{file.name} [raw: model]"]
    assert not torch.equal(raw.model.quantize.embedding.weight, averaged.model.quantize.embedding.weight)
    with pytest.raises(BenchError, match=r"raw weights \(model\) and their moving average \(ema\)"):
        JanusVQ(str(file), config=TINY_LLAMAGEN)


def test_another_network_than_that_of_the_line_is_named(tmp_path: Path) -> None:
    model = tiny_model("JanusVQVAE", base_channels=128, num_res_blocks=2)
    torch.save({"model": as_published(model, LLAMAGEN)}, tmp_path / "vq.pt")
    named = (
        r"lack \d+ tensors of JanusVQVAE \(decoder\.up\.1\.block.* \[256\].* and \d+ more\); they have .* not in "
        r"JanusVQVAE .*conv_in\.bias \[128\], not \[512\].*the configuration of the registry line"
    )
    with pytest.raises(BenchError, match=named):
        parse(f"llamagen-vq={tmp_path / 'vq.pt'}").build()


def test_llamagens_own_layout(tmp_path: Path, photos: torch.Tensor) -> None:
    model = tiny_model("JanusVQVAE", base_channels=128, num_res_blocks=2)
    model.save_pretrained(tmp_path / "library")
    (tmp_path / "published").mkdir()
    publish(tmp_path / "published", model, TINY_LLAMAGEN | {"dropout_p": 0.0}, LLAMAGEN)
    same(JanusVQ(str(tmp_path / "library")), JanusVQ(str(tmp_path / "published")), photos[:1, :, :16, :16])


def test_emu3s_own_layout(checkpoints: Folders, tmp_path: Path, photos: torch.Tensor) -> None:
    config = {
        "model_type": "Emu3VisionVQ",
        "auto_map": {"AutoModel": "modeling_emu3visionvq.Emu3VisionVQModel"},
        "codebook_size": 32,
        "ch": 32,
        "ch_mult": [1, 1],
        "num_res_blocks": 1,
        "attn_resolutions": [1],
        "z_channels": 4,
        "embed_dim": 4,
        "in_channels": 3,
        "out_channels": 3,
        "double_z": False,
        "temporal_downsample_factor": 4,
    }
    publish(tmp_path, tiny_model("Emu3VQVAE"), config, EMU3)
    same(Emu3VQ(str(checkpoints["Emu3VQVAE"])), Emu3VQ(str(tmp_path)), photos)


def test_weights_saved_in_half_are_computed_with_in_float32(tmp_path: Path, photos: torch.Tensor) -> None:
    for name, cls in (("AutoencoderKL", AutoencoderKL), ("JanusVQVAE", JanusVQ)):
        tiny_model(name).to(torch.bfloat16).save_pretrained(tmp_path / name)
        tokenizer = cls(str(tmp_path / name))
        assert {p.dtype for p in tokenizer.model.parameters()} == {torch.float32}
        round_trip(tokenizer, photos[:1])


def test_registry_lines_name_their_weights() -> None:
    for entry in entries_of(published):
        place = (entry.args.get(key) for key in ("repo", "subfolder", "file"))
        wanted = (hub_name(*place),) if "repo" in entry.args else ()
        assert entry.weights == wanted
        assert entry.local and entry.extra in ("hf", None) and entry.source and entry.license  # transformers needs none


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("bench.modalities.image.lines.published", "torch"),
        ("bench.tokenizers.checkpoint", "torch"),
        ("bench.modalities.image.tokenizers.diffusers_autoencoders", "diffusers"),
        ("bench.modalities.image.tokenizers.diffusers_variants", "diffusers"),
        ("bench.modalities.image.tokenizers.diffusers_vq", "diffusers"),
        ("bench.modalities.image.tokenizers.transformers_vq", "transformers"),
    ],
)
def test_libraries_are_imported_when_needed(module: str, absent: str) -> None:
    code = f"import sys, {module}; sys.exit({absent!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
