"""Pickles are read without running what they name, and a hostile file is rejected with that name."""

from __future__ import annotations

import argparse
import collections
import os
import pickle
import struct
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.errors import BenchError
from bench.tokenizers.weight_files import file_contents

STATE = {"encoder.conv_in.weight": torch.arange(4.0), "decoder.conv_in.weight": torch.ones(2, 2)}
REMEDY = "copy it again"


class Payload:
    """Creates a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def lightning(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module under a name of Lightning's, whose classes record that they were made."""
    for package in ("pytorch_lightning", "pytorch_lightning.callbacks"):
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    module = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    made: list[str] = []

    class ModelCheckpoint:
        def __init__(self) -> None:
            made.append("ModelCheckpoint")

        def __setstate__(self, state: Any) -> None:
            made.append("state")

    class AttributeDict(dict[str, Any]):
        pass

    for kind in (ModelCheckpoint, AttributeDict):
        kind.__module__, kind.__qualname__ = module.__name__, kind.__name__
        setattr(module, kind.__name__, kind)
    module.made = made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "legacy"])
def test_what_trainers_leave_beside_weights_is_inert(
    archive: bool, lightning: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = lightning.ModelCheckpoint()
    file = tmp_path / "last.ckpt"
    checkpoint = {
        "state_dict": STATE,
        "callbacks": {lightning.ModelCheckpoint: {"best": callback, "score": np.float64(3)}},
        "hyper_parameters": lightning.AttributeDict(lr=1e-4, where=tmp_path),
        "args": argparse.Namespace(size=256),
        "counts": collections.defaultdict(list, {"a": [1]}),
    }
    torch.save(checkpoint, file, _use_new_zipfile_serialization=archive)
    lightning.made.clear()
    monkeypatch.setitem(sys.modules, "pytorch_lightning", None)  # as on a machine without it
    monkeypatch.delitem(sys.modules, lightning.__name__)
    loaded = file_contents(file, REMEDY)
    assert not lightning.made
    assert loaded["hyper_parameters"]["lr"] == 1e-4
    assert all(torch.equal(loaded["state_dict"][name], tensor) for name, tensor in STATE.items())


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_hostile_file_runs_nothing(archive: bool, depth: int, lightning: types.ModuleType, tmp_path: Path) -> None:
    """At the top, within a trainer's container, and as the state of a class with a stand-in."""
    file, marker = tmp_path / "last.ckpt", tmp_path / "ran"
    callback = lightning.ModelCheckpoint()
    callback.hidden = Payload(marker)
    hostile = [Payload(marker), {"state_dict": STATE, "args": [{"x": Payload(marker)}]}, {"callbacks": callback}]
    torch.save(hostile[depth], file, _use_new_zipfile_serialization=archive)
    with pytest.raises(BenchError, match=r"last\.ckpt: holds (posix|nt)\.mkdir, which is never loaded"):
        file_contents(file, REMEDY)
    assert not marker.exists()
    torch.load(file, weights_only=False)
    assert marker.exists()  # where pickles are trusted, it does run


def whole_module(file: Path, archive: bool = True, **hidden: Any) -> dict[str, torch.Tensor]:
    """Write a module with its class, and more in its state, and return its state dict."""
    module = torch.nn.Sequential(
        collections.OrderedDict(first=torch.nn.Conv2d(3, 4, 1), second=torch.nn.Sequential(torch.nn.BatchNorm2d(4)))
    )
    state = module.state_dict()
    vars(module).update(hidden)
    torch.save(module, file, _use_new_zipfile_serialization=archive)
    return state


def test_a_whole_module_gives_its_tensors_and_is_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = whole_module(tmp_path / "encoder.pkl")
    monkeypatch.setattr(torch.nn.Module, "__setstate__", lambda *_: pytest.fail("a module was made"))
    loaded = file_contents(tmp_path / "encoder.pkl", REMEDY)
    assert loaded.keys() == state.keys() and "second.0.running_mean" in state
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "legacy"])
def test_a_hostile_module_runs_nothing(archive: bool, tmp_path: Path) -> None:
    """As an attribute, as a parameter, and in place of the modules within it."""
    file, marker = tmp_path / "encoder.pkl", tmp_path / "ran"
    for hidden in ({"extra": Payload(marker)}, {"_parameters": {"w": Payload(marker)}}, {"_modules": Payload(marker)}):
        whole_module(file, archive, **hidden)
        with pytest.raises(BenchError, match=r"mkdir, which is never loaded" if archive else "a whole module in"):
            file_contents(file, REMEDY)
    assert not marker.exists()


def test_a_module_that_holds_itself_is_rejected(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1))
    module._modules["again"] = module
    torch.save(module, tmp_path / "encoder.pkl")
    with pytest.raises(BenchError, match="it holds more than 2000 modules"):
        file_contents(tmp_path / "encoder.pkl", REMEDY)


def test_names_that_are_made_while_reading_are_rejected(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    torch.save({"a": Path.cwd, "state_dict": STATE}, file)
    with pytest.raises(BenchError, match=r"holds builtins\.getattr, which is never loaded"):
        file_contents(file, REMEDY)


def bomb(file: Path) -> None:
    """A record of 64 MiB in a few kilobytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}." + bytes(2**26))


def overlapping(file: Path) -> None:
    """Records that share their bytes, so that together they are larger than the file."""
    torch.save({f"{index}": torch.zeros(1000) for index in range(9)}, file)
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        place = archive.start_dir
    while content[place : place + 4] == b"PK\x01\x02":
        content[place + 20 : place + 28] = struct.pack("<2L", 40000, 40000)
        name, extra, comment = struct.unpack("<3H", content[place + 28 : place + 34])
        place += 46 + name + extra + comment
    file.write_bytes(content)


def huge(file: Path, archive: bool) -> None:
    """States a storage of 4 TB."""
    torch.save({"w": torch.zeros(1000)}, file, _use_new_zipfile_serialization=archive)
    number, larger = b"M\xe8\x03", b"\x8a\x06" + (10**12).to_bytes(6, "little")
    if not archive:
        file.write_bytes(file.read_bytes().replace(number, larger, 1))
        return
    with zipfile.ZipFile(file) as old:
        records = {record.filename: old.read(record) for record in old.infolist()}
    with zipfile.ZipFile(file, "w") as new:
        for name, content in records.items():
            new.writestr(name, content.replace(number, larger, 1) if name.endswith("data.pkl") else content)


def huge_archive(file: Path) -> None:
    huge(file, True)


def huge_legacy(file: Path) -> None:
    huge(file, False)


def cut_archive(file: Path) -> None:
    torch.save(STATE, file)
    file.write_bytes(file.read_bytes()[:-300])


def cut_legacy(file: Path) -> None:
    torch.save(STATE, file, _use_new_zipfile_serialization=False)
    file.write_bytes(file.read_bytes()[:200])


def legacy_module(file: Path) -> None:
    whole_module(file, archive=False)


def plain_pickle(file: Path) -> None:
    file.write_bytes(pickle.dumps({"w": [1.0]}, protocol=2))


def empty(file: Path) -> None:
    file.touch()


def page(file: Path) -> None:
    file.write_text("<!DOCTYPE html><title>Sign in</title>")


def pointer(file: Path) -> None:
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (bomb, r"data\.pkl is compressed, which torch never does: \d+ bytes"),
        (overlapping, r"its records are larger than the file"),
        (huge_archive, r"it states 4000000000000 bytes of numbers where it holds 4000"),
        (huge_legacy, r"it states 4000000000000 bytes of numbers and is \d+ bytes large"),
        (cut_archive, r"truncated, or not a file of weights .*copy it again"),
        (cut_legacy, r"truncated, or not a file of weights .*copy it again"),
        (legacy_module, r"a whole module in the format of torch before 1\.6.*save its state dict"),
        (plain_pickle, r"torch did not write it"),
        (empty, r"of a format that is not known, not weights"),
        (page, r"a web page or XML, not weights"),
        (pointer, r"a pointer of Git LFS, whose file was not fetched, not weights"),
    ],
)
def test_a_broken_file_is_named_with_the_reason(make: Any, reason: str, tmp_path: Path) -> None:
    make(tmp_path / "model.pt")
    with pytest.raises(BenchError, match=rf"model\.pt: .*{reason}"):
        file_contents(tmp_path / "model.pt", REMEDY)
