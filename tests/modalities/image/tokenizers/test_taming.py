"""Files of taming-transformers and latent-diffusion give the codes and images of taming's own networks.

The expected values were written by the wheel's networks; see ``tests/parts/taming_reference.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from cases import weights
from safetensors.torch import save_file
from taming_reference import CONFIG, KL_CONFIG, golden, image
from torch import nn

from bench import registry
from bench.contracts.system import SystemSpec, parse
from bench.errors import BenchError
from bench.modalities.image.tokenizers.diffusers_autoencoders import AutoencoderKL
from bench.modalities.image.tokenizers.diffusers_vq import VQModel

TENSORS = weights(golden("vq")[0])
LOSS = {"loss.discriminator.main.0.weight": torch.zeros(3), "loss.logvar": torch.zeros(3)}


def equals_taming(tokenizer: Any) -> None:
    _, codes, decoded = golden("vq")
    tokens = tokenizer.encode((image() + 1) / 2)
    assert torch.equal(tokens.codes[0][0], codes)
    torch.testing.assert_close(tokenizer.decode(tokens), (decoded + 1) / 2, atol=1e-5, rtol=0)


def describe(file: Path, params: dict[str, Any], target: str = "taming.models.vqgan.VQModel") -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump({"model": {"target": target, "params": params}, "data": {"target": "x"}}))


def beside(folder: Path) -> Path:
    describe(folder / "model.yaml", CONFIG)
    (folder / "config.json").write_text('{"Name": ["VQ"]}')  # by which the hub counts downloads, not a configuration
    torch.save({"state_dict": TENSORS | LOSS, "epoch": 3, "optimizer_states": [{}]}, folder / "last.ckpt")
    return folder / "last.ckpt"


def of_a_run(folder: Path) -> Path:
    describe(folder / "configs" / "2021-04-23T18-11-19-project.yaml", CONFIG)
    (folder / "checkpoints").mkdir()
    torch.save({"state_dict": TENSORS}, folder / "checkpoints" / "last.ckpt", _use_new_zipfile_serialization=False)
    return folder / "checkpoints" / "last.ckpt"


def within_a_diffusion_model(folder: Path) -> Path:
    params = {"linear_start": 0.1, "first_stage_config": {"target": "ldm.models.autoencoder.VQModelInterface"}}
    params["first_stage_config"]["params"] = CONFIG  # type: ignore[index]
    describe(folder / "ldm.yaml", params, "ldm.models.diffusion.ddpm.LatentDiffusion")
    tensors = {f"first_stage_model.{name}": tensor for name, tensor in TENSORS.items()}
    save_file(tensors | {"model.diffusion_model.encoder": torch.zeros(3)}, folder / "ldm.safetensors")
    return folder / "ldm.safetensors"


def sharded(folder: Path) -> Path:
    describe(folder / "model.yaml", CONFIG)
    index: dict[str, str] = {}
    for part, kind in enumerate(("encoder", "")):
        tensors = {name: item for name, item in TENSORS.items() if name.startswith("encoder") == bool(kind)}
        torch.save(tensors, folder / f"vqgan-0000{part + 1}-of-00002.bin")
        index |= dict.fromkeys(tensors, f"vqgan-0000{part + 1}-of-00002.bin")
    (folder / "vqgan.bin.index.json").write_text(json.dumps({"weight_map": index}))
    return folder / "vqgan.bin.index.json"


def scripted(folder: Path) -> Path:
    describe(folder / "vqgan.yaml", CONFIG)
    module = nn.Module()
    for name, tensor in TENSORS.items():
        *parents, last = name.split(".")
        inner = module
        for parent in parents:
            if parent not in dict(inner.named_children()):
                inner.add_module(parent, nn.Module())
            inner = inner.get_submodule(parent)
        inner.register_parameter(last, nn.Parameter(tensor))
    torch.jit.save(torch.jit.script(module), folder / "vqgan.jit")
    return folder / "vqgan.jit"


@pytest.mark.filterwarnings("ignore:.torch.jit.:FutureWarning")
@pytest.mark.parametrize("make", [beside, of_a_run, within_a_diffusion_model, sharded, scripted])
def test_codes_and_images_equal_tamings(make: Callable[[Path], Path], tmp_path: Path) -> None:
    equals_taming(parse(f"vqgan={make(tmp_path)}").build())


def test_the_line_describes_a_file_on_its_own(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "vqgan.pt")
    config = {key: value for key, value in CONFIG.items() if key != "n_embed"}  # as in the line: the file says it
    spec = SystemSpec("", registry.get("tokenizers", "vqgan"), {"path": str(tmp_path / "vqgan.pt"), "config": config})
    equals_taming(spec.build())


def test_a_configuration_can_be_named(tmp_path: Path) -> None:
    file = beside(tmp_path)
    describe(tmp_path / "mine.yaml", CONFIG)
    (tmp_path / "model.yaml").write_text("model: [")
    with pytest.raises(BenchError, match=r"model\.yaml: cannot be read as YAML"):
        VQModel(str(file))
    equals_taming(parse(f"vq-model@path={file},config={tmp_path / 'mine.yaml'}").build())


@torch.no_grad()
def test_kl_equals_tamings_networks(tmp_path: Path) -> None:
    shapes, means, decoded = golden("kl")
    describe(tmp_path / "config.yaml", KL_CONFIG, "ldm.models.autoencoder.AutoencoderKL")
    torch.save({"state_dict": weights(shapes) | LOSS}, tmp_path / "model.ckpt")
    tokenizer = AutoencoderKL(str(tmp_path / "model.ckpt"))
    tokens = tokenizer.encode((image() + 1) / 2)
    assert tokens.latents is not None
    torch.testing.assert_close(tokens.latents, means.movedim(1, -1), atol=1e-5, rtol=0)
    torch.testing.assert_close(tokenizer.decode(tokens), (decoded + 1) / 2, atol=1e-5, rtol=0)


def without_attention(params: dict[str, Any]) -> None:
    params["ddconfig"]["attn_resolutions"] = []


def with_more_stages(params: dict[str, Any]) -> None:
    params["ddconfig"]["ch_mult"] = [1, 1, 2, 2]


def with_more_entries(params: dict[str, Any]) -> None:
    params["n_embed"] = 1024


def with_linear_attention(params: dict[str, Any]) -> None:
    params["ddconfig"]["attn_type"] = "linear"


def without_widths(params: dict[str, Any]) -> None:
    del params["ddconfig"]["ch_mult"]


def with_text(params: dict[str, Any]) -> None:
    params["ddconfig"]["ch"] = "${width}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_attention, r"tensors that are not in VQModel .*attentions.*\[32\].*configured by .*model\.yaml"),
        (with_more_stages, r"lack \d+ tensors of VQModel \(.*\[\d+.*and \d+ more\).*configured by .*model\.yaml"),
        (with_more_entries, r"quantize\.embedding\.weight \[16, 4\], not \[1024, 4\]\).*configured by .*model\.yaml"),
        (with_linear_attention, r"model\.yaml: describes another network .*attn_type: linear"),
        (without_widths, r"model\.yaml: ddconfig lacks ch_mult"),
        (with_text, r"model\.yaml: ddconfig: ch must be a whole number"),
    ],
)
def test_what_does_not_fit_is_named(change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path) -> None:
    file, params = beside(tmp_path), deepcopy(CONFIG)
    change(params)
    describe(tmp_path / "model.yaml", params)
    with pytest.raises(BenchError, match=message):
        VQModel(str(file))


def test_other_models_are_named(tmp_path: Path) -> None:
    file = beside(tmp_path)
    describe(tmp_path / "model.yaml", CONFIG, "taming.models.vqgan.GumbelVQ")
    with pytest.raises(BenchError, match=r"model\.yaml: a configuration of taming\.models\.vqgan\.GumbelVQ, not of VQ"):
        VQModel(str(file))
    (tmp_path / "model.yaml").unlink()
    with pytest.raises(BenchError, match=r"last\.ckpt: no config\.json, last\.yaml, model\.yaml .*use an entry with"):
        VQModel(str(file))


def test_a_change_of_the_configuration_is_another_system(tmp_path: Path) -> None:
    spec = parse(f"vqgan={beside(tmp_path)}")
    assert spec.record().arguments["config"] == "model.yaml"  # not that of the line, which does not count here
    before = spec.identity()
    assert before == spec.identity()
    describe(tmp_path / "model.yaml", CONFIG | {"n_embed": 8})
    assert before != spec.identity()
