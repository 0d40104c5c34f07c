"""Files of published codecs: what is missing, of another kind or harmful is named, and what was read is hashed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from local_hub import COMMIT, empty_cache, serving, use
from published_codecs import DEFINED, Load, clips
from safetensors.torch import load_file, save_file
from tiny_audio_models import AUDIO_NAMES, save_audio

from bench.contracts.system import parse
from bench.errors import BenchError, Unavailable
from bench.modalities.audio.tokenizers.bigcodec import BigCodec
from bench.modalities.audio.tokenizers.snac_tokens import Snac
from bench.modalities.audio.tokenizers.speechtokenizer_tokens import SpeechTokenizer
from bench.modalities.audio.tokenizers.sqcodec import SQCodec
from bench.modalities.audio.tokenizers.transformers_audio import Dac
from bench.tokenizers.checkpoint import checkpoint_present, fetch_checkpoint, locate


def test_weights_of_a_part_are_refused(tmp_path: Path) -> None:
    for name, cls in (("DacModel", Dac), ("SNAC", Snac), ("SpeechTokenizer", SpeechTokenizer)):
        folder = tmp_path / name
        save_audio(name, folder)
        (file,) = (path for path in folder.iterdir() if path.suffix != ".json")
        if file.suffix == ".safetensors":
            save_file({key: value for key, value in load_file(file).items() if "decoder.conv1" not in key}, file)
        else:
            state = torch.load(file, weights_only=True)
            torch.save({key: value for key, value in state.items() if not key.startswith("decoder")}, file)
        with pytest.raises(BenchError, match=rf"the weights lack \d+ tensors of {name} "):
            cls(str(folder))


@pytest.mark.parametrize("name", ["EncodecModel", "DacModel", "MimiModel", "SNAC", "SpeechTokenizer"])
def test_a_file_is_enough(name: str, load: Load, folders: dict[str, Path], tmp_path: Path) -> None:
    (file,) = (path for path in folders[name].iterdir() if path.suffix != ".json")
    tensors = load_file(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True)
    drifted = {key: torch.zeros_like(tensor) for key, tensor in tensors.items()}
    torch.save({"model": drifted, "ema": {f"module.{key}": item for key, item in tensors.items()}}, tmp_path / "c.ckpt")
    shutil.copy(folders[name] / "config.json", tmp_path)
    alone = parse(f"{AUDIO_NAMES[name]}@path={tmp_path / 'c.ckpt'},weights=ema").build()
    waves = clips(4000, load(name).rate)
    for code, expected in zip(alone.encode(waves).codes, load(name).encode(waves).codes, strict=True):
        assert torch.equal(code, expected)
    assert list(alone.weights) == ["c.ckpt [ema: ema]", "config.json"]


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run by a pickle",))


@pytest.mark.parametrize(
    ("name", "cls", "file"), [("SNAC", Snac, "pytorch_model.bin"), ("SpeechTokenizer", SpeechTokenizer, None)]
)
def test_pickles_hold_weights_only(name: str, cls: Any, file: str | None, tmp_path: Path, capsys: Any) -> None:
    save_audio(name, tmp_path)
    torch.save({"weight": torch.zeros(1), "more": Harmful()}, tmp_path / (file or "SpeechTokenizer.pt"))
    with pytest.raises(BenchError, match=r"holds builtins\.print, which is never loaded"):
        cls(str(tmp_path))
    assert "run by a pickle" not in capsys.readouterr().out


def test_offline_says_what_to_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable, match=r"offline\); run: bench fetch snac-24khz"):
        locate(None, "hubertsiuzdak/snac_24khz", offline=True)


def test_a_model_in_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = DEFINED["SQCodec"]
    hub, file = tmp_path / "hub", case.arguments["file"]
    case.save(hub / "weights")
    (hub / "weights" / "other.pt").write_bytes(b"not fetched")
    empty_cache(monkeypatch, tmp_path / "cache")
    place: dict[str, Any] = {"subfolder": "weights", "file": file, "config": case.config}
    with serving(hub) as address:
        use(monkeypatch, address)
        folder = fetch_checkpoint("me/tiny", **place)
        fetched = SQCodec(repo="me/tiny", **place)
    assert {path.name for path in folder.iterdir()} == {f"{module}.pt" for module in case.modules}
    assert checkpoint_present("me/tiny", **place)
    assert set(fetched.weights) == {f"weights/{module}.pt" for module in case.modules} and fetched.revision == COMMIT
    (hub / "weights" / "quantizer.pt").unlink()
    with pytest.raises(BenchError, match=r"no quantizer\.pt in it; give the folder with encoder\.pt, quantizer\.pt"):
        SQCodec(str(hub / "weights"), file=file, config=case.config)


def test_modules_in_mappings_of_one_file(tmp_path: Path, load: Load) -> None:
    case = DEFINED["BigCodec"]
    held = torch.load(case.save(tmp_path))
    flat = {f"{part}.{name}": tensor for part, tensors in held.items() for name, tensor in tensors.items()}
    torch.save(flat, tmp_path / "flat.pt")
    same = BigCodec(str(tmp_path / "flat.pt"), config=case.config)
    waves = clips(4000, load("BigCodec").rate)
    assert torch.equal(same.encode(waves).codes[0], load("BigCodec").encode(waves).codes[0])
    with pytest.raises(BenchError, match=r"holds no ema weights, only CodecEnc, generator; leave out weights="):
        BigCodec(str(tmp_path / "bigcodec.pt"), config=case.config, weights="ema")
    torch.save({"CodecEnc": held["CodecEnc"], "generator": {}}, tmp_path / "half.pt")
    with pytest.raises(BenchError, match=r"the weights lack \d+ tensors of BigCodec \(decoder\."):
        BigCodec(str(tmp_path / "half.pt"), config=case.config)
