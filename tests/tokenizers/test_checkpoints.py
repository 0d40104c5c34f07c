"""Checkpoints are found, fetched, and refused with the file and the remedy named."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from cases import cases, weights
from local_hub import COMMIT, empty_cache, serving, use
from safetensors.torch import load_file, save_file
from taming_reference import CONFIG, golden, image

from bench import registry
from bench.commands.fetch import fetch_checkpoints
from bench.contracts.system import SystemSpec
from bench.errors import BenchError, Unavailable
from bench.lines.checkpoints import entries_of
from bench.machine.canonical import sha256_file
from bench.modalities.image.lines import published
from bench.modalities.image.tokenizers.diffusers_autoencoders import AutoencoderKL
from bench.modalities.image.tokenizers.diffusers_vq import VQModel
from bench.modalities.image.tokenizers.transformers_vq import JanusVQ
from bench.registry import Entry
from bench.tokenizers import checkpoint
from bench.tokenizers.checkpoint_files import NAMED, STEMS, SUFFIXES
from bench.tokenizers.configurations import configuration_of

Folders = dict[str, Path]
VQ = "bench.modalities.image.tokenizers.diffusers_vq:VQModel"
CLASSES: dict[str, Any] = {"AutoencoderKL": AutoencoderKL, "JanusVQVAE": JanusVQ}


def build(name: str) -> Any:
    """The tokenizer of a registry entry, as it is."""
    (entry,) = (entry for entry in entries_of(published) if entry.name == name)
    return SystemSpec(name, entry, {}).build()


def weights_of(folder: Path) -> Path:
    (file,) = folder.glob("*.safetensors")
    return file


def truncated(folder: Path) -> None:
    file = weights_of(folder)
    file.write_bytes(file.read_bytes()[:-1000])


def without_a_tensor(folder: Path) -> None:
    tensors = load_file(weights_of(folder))
    del tensors["encoder.conv_in.weight"]
    save_file(tensors, weights_of(folder))


def with_another_shape(folder: Path) -> None:
    tensors = load_file(weights_of(folder))
    tensors["encoder.conv_in.weight"] = torch.zeros(5, 3, 3, 3)
    save_file(tensors, weights_of(folder))


def without_weights(folder: Path) -> None:
    weights_of(folder).unlink()


def without_a_shard(folder: Path) -> None:
    file = weights_of(folder)
    shard = f"{file.stem}-00001-of-00002.safetensors"
    file.with_name(f"{file.name}.index.json").write_text(json.dumps({"weight_map": {"a": shard}}))
    file.unlink()


def without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def with_a_broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def of_another_class(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel"}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncated, r"model\.safetensors: truncated, .* save or copy it again"),
        (without_a_tensor, r"lack 1 tensors .*\(encoder\.conv_in\.weight.*config\.json.* save or copy it again"),
        (with_another_shape, r"(does not fit|of other shapes than) .*conv_in\.weight"),
        (without_weights, r"no weights; save_pretrained writes"),
        (without_a_shard, r"00001-of-00002\.safetensors: no such file, though .*index\.json lists it"),
        (without_config, r"no config\.json in it; give the folder that save_pretrained wrote"),
        (with_a_broken_config, r"config\.json: cannot be read as JSON"),
        (of_another_class, r"config\.json: a checkpoint of UNet2DModel, not of"),
    ],
)
@pytest.mark.parametrize("name", CLASSES)
def test_a_broken_checkpoint_is_refused(
    name: str, damage: Callable[[Path], None], message: str, checkpoints: Folders, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints[name], tmp_path / name)
    damage(folder)
    with pytest.raises(BenchError, match=f"{name}.*{message}"):
        CLASSES[name](str(folder))


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("name", CLASSES)
def test_code_in_a_checkpoint_is_never_run(name: str, checkpoints: Folders, tmp_path: Path) -> None:
    folder, marker = shutil.copytree(checkpoints[name], tmp_path / name), tmp_path / "ran"
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "modeling.Model", "AutoConfig": "modeling.Config"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling.py").write_text(f"open({str(marker)!r}, 'w')")
    CLASSES[name](str(folder))
    file = weights_of(folder)
    torch.save({"encoder.conv_in.weight": Payload(marker)}, file.with_suffix(".bin"))
    file.unlink()
    with pytest.raises(BenchError, match=r"\.bin: holds builtins\.getattr, which is never loaded"):
        CLASSES[name](str(folder))
    assert not marker.exists()
    pickle.loads(pickle.dumps(Payload(marker)))
    assert marker.exists()  # where pickles are trusted, it does run


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, checkpoints: Folders) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(Unavailable, match=r"diffusers cannot be imported .* install .*\[hf\]"):
        AutoencoderKL(str(checkpoints["AutoencoderKL"]))


@pytest.mark.parametrize("name", ["autoencoder-kl", "janus-vq"])
def test_a_class_needs_a_checkpoint(name: str) -> None:
    with pytest.raises(BenchError, match="NAME=PATH"):
        build(name)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Points the hub's client at an address, with an empty cache."""
    empty_cache(monkeypatch, tmp_path / "hub")
    return lambda address: use(monkeypatch, address)


def test_offline_is_found_out_at_once(hub: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Unavailable, match=r"offline\); run: bench fetch sd-vae-ft-mse$"):
        build("sd-vae-ft-mse")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(Unavailable, match=r"offline\); run: hf download me/mine --include") as raised:
        AutoencoderKL(repo="me/mine", subfolder="a", offline=True)
    accepted = re.findall(r"--include 'a/(\S+)'", str(raised.value))
    for name in ("config.json", *(stem + suffix for stem in STEMS for suffix in SUFFIXES), *NAMED):
        assert any(fnmatch(name, pattern) for pattern in accepted), name
    with pytest.raises(Unavailable, match=r"run: hf download stabilityai/sd-vae-ft-mse --revision v1 --include"):
        AutoencoderKL(repo="stabilityai/sd-vae-ft-mse", revision="v1", offline=True)


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
def test_no_network_costs_seconds_once(
    silent: bool, hub: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "TIMEOUT", 0.5)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if silent:
            server.listen()
        hub(f"http://127.0.0.1:{server.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(Unavailable, match=r"cannot be fetched: .*\); run: bench fetch movq$"):
            build("movq")
        first = time.monotonic() - start
        with pytest.raises(Unavailable, match=r"hub is unreachable: .*\); run: bench fetch amused-vq$"):
            build("amused-vq")
        assert first < 5
        assert time.monotonic() - start - first < 0.2


@pytest.fixture
def repository(hub: Callable[[str], None], checkpoints: Folders, tmp_path: Path) -> Iterator[Path]:
    """A hub that has one repository, ``me/tiny``, with a checkpoint in ``vae`` and other files."""
    folder = tmp_path / "repository"
    shutil.copytree(checkpoints["VQModel"], folder / "vae")
    (folder / "modeling.py").write_text("raise SystemExit")
    (folder / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    with serving(folder) as address:
        hub(address)
        yield folder


def test_fetch_then_offline(
    repository: Path, checkpoints: Folders, photos: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not checkpoint.checkpoint_present("me/tiny", "vae")
    folder = checkpoint.fetch_checkpoint("me/tiny", "vae")
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "diffusion_pytorch_model.safetensors"]
    assert not (folder.parent / "modeling.py").exists()
    assert checkpoint.checkpoint_present("me/tiny", "vae")
    assert checkpoint.cached_revision("me/tiny", "vae") == COMMIT
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tokenizer = VQModel(repo="me/tiny", subfolder="vae")
    assert tokenizer.revision == COMMIT
    file = "diffusion_pytorch_model.safetensors"
    assert tokenizer.weights == {f"vae/{file}": sha256_file(repository / "vae" / file)}
    local = VQModel(str(checkpoints["VQModel"]))
    assert torch.equal(tokenizer.encode(photos).codes[0], local.encode(photos).codes[0])
    (folder / file).resolve().unlink()
    assert not checkpoint.checkpoint_present("me/tiny", "vae")


def test_a_tokenizer_fetches_what_is_missing(repository: Path) -> None:
    assert VQModel(repo="me/tiny", subfolder="vae").revision == COMMIT


@pytest.mark.parametrize(
    ("repo", "subfolder", "message"),
    [("me/other", None, r"hf auth login"), ("me/tiny", None, r"the repository has no config\.json with weights")],
)
def test_what_the_hub_does_not_have(repo: str, subfolder: str | None, message: str, repository: Path) -> None:
    with pytest.raises(BenchError, match=message):
        checkpoint.fetch_checkpoint(repo, subfolder)


@pytest.fixture
def own_names(hub: Callable[[str], None], tmp_path: Path) -> Iterator[Path]:
    """A hub that has one repository, ``me/tiny``, with files of weights under names of their own."""
    folder = tmp_path / "repository"
    folder.mkdir()
    torch.save({"state_dict": weights(golden("vq")[0])}, folder / "vq.ckpt")
    (folder / "vq.yaml").write_text(yaml.safe_dump({"model": {"params": CONFIG}}))
    (folder / "other.ckpt").write_bytes(b"large")
    with serving(folder) as address:
        hub(address)
        yield folder


@pytest.mark.parametrize("config", [None, CONFIG], ids=["beside", "of the line"])
def test_a_file_of_its_own_name_is_fetched_alone(
    config: dict[str, Any] | None, own_names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Entry("mine", VQ, "", args={"repo": "me/tiny", "file": "vq.ckpt", "config": config}, source="s", local=True)
    spec = SystemSpec("mine", entry, {})
    assert spec.lacking() == "mine: its checkpoint me/tiny is not in the cache; run: " + checkpoint.fetch_command(
        "me/tiny", file="vq.ckpt"
    )
    folder = checkpoint.fetch_checkpoint("me/tiny", file="vq.ckpt", config=config)
    assert sorted(path.name for path in folder.iterdir()) == (["vq.ckpt"] if config else ["vq.ckpt", "vq.yaml"])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not spec.lacking()
    assert spec.identity()["files"]["commit"] == COMMIT
    tokenizer = spec.build()
    assert tokenizer.revision == COMMIT
    assert tokenizer.weights["vq.ckpt"] == sha256_file(own_names / "vq.ckpt")
    assert torch.equal(tokenizer.encode((image() + 1) / 2).codes[0][0], golden("vq")[1])


def test_a_file_of_another_library_does_not_describe_the_network(tmp_path: Path) -> None:
    weights, line = tmp_path / "kl16.ckpt", {"ch": 1}
    (tmp_path / "config.json").write_text('{"latent_channels": 16}')
    assert configuration_of(weights, line).values == line
    assert configuration_of(weights, None).values == {"latent_channels": 16}
    (tmp_path / "config.json").write_text('{"ch": 2}')
    assert configuration_of(weights, line).values == {"ch": 2}


@pytest.mark.parametrize(
    ("file", "message"),
    [("none.ckpt", r"has no none\.ckpt"), ("other.ckpt", r"no configuration beside other\.ckpt; give it as config=")],
)
def test_a_file_that_the_hub_does_not_have_or_describe(file: str, message: str, own_names: Path) -> None:
    with pytest.raises(BenchError, match=message):
        checkpoint.fetch_checkpoint("me/tiny", file=file)


@pytest.mark.parametrize("name", ["llamagen-vq", "llamagen-vq-ds8", "llamagen-vq-ds16-t2i"])
def test_the_command_that_fetches_a_file_is_that_of_its_entry(name: str) -> None:
    args = registry.get("tokenizers", name).args
    assert checkpoint.fetch_command(args["repo"], file=args["file"]) == f"bench fetch {name}"


def test_further_parts_are_fetched_and_found(
    hub: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"vq.ckpt", "other.ckpt", "vae/config.json", "vae/model.safetensors"}
    (tmp_path / "repository" / "vae").mkdir(parents=True)
    for file in (*files, "more.ckpt"):
        (tmp_path / "repository" / file).write_text('{"a": 1}')
    beside = ({"file": "other.ckpt"}, {"subfolder": "vae"})
    args = {"repo": "me/tiny", "file": "vq.ckpt", "config": CONFIG, "beside": beside}
    spec = SystemSpec("mine", Entry("mine", VQ, "", args=args, source="s", local=True), {})
    with serving(tmp_path / "repository") as address:
        hub(address)
        folder = checkpoint.fetch_checkpoint("me/tiny", file="vq.ckpt", config=CONFIG)
        assert spec.lacking().endswith(checkpoint.fetch_command("me/tiny", file="other.ckpt"))
        assert fetch_checkpoints(spec) == f"{folder}, {folder}/vae"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == files
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not spec.lacking()


@pytest.mark.parametrize("name", ["facodec", "bicodec"])
def test_codecs_of_two_parts_come_from_the_hub(name: str, hub: Callable[[str], None], tmp_path: Path) -> None:
    (case,) = (case for case in cases("audio") if case.name == name)
    case.save(tmp_path / "repository")
    args = {**registry.get("tokenizers", name).args, "repo": "me/tiny", "config": case.config}
    with serving(tmp_path / "repository") as address:
        hub(address)
        built = registry.load(case.target)(**args)
    assert built.revision == COMMIT
    weights_files = [path for path in (tmp_path / "repository").rglob("*.*") if path.suffix != ".json"]
    assert built.weights == {
        path.relative_to(tmp_path / "repository").as_posix(): sha256_file(path) for path in weights_files
    }
