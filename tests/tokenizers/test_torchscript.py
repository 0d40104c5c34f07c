"""TorchScript archives give their tensors by name, and none of their code runs."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from scripted import Net

from bench.errors import BenchError
from bench.tokenizers.weight_files import file_contents


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", ["script", "trace"])
def test_tensors_equal_those_of_the_module(how: str, net: Net, tmp_path: Path) -> None:
    made = torch.jit.script(net) if how == "script" else torch.jit.trace(net, torch.rand(1, 3, 8, 8))
    torch.jit.save(made, tmp_path / "net.jit")
    tensors = file_contents(tmp_path / "net.jit", "")
    expected = net.state_dict()
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


@pytest.mark.filterwarnings("ignore")
def test_a_hostile_archive_runs_nothing(net: Net, tmp_path: Path) -> None:
    file, marker = tmp_path / "net.jit", tmp_path / "ran"
    torch.jit.save(torch.jit.script(net), file)
    with zipfile.ZipFile(file) as archive:
        records = {record.filename: archive.read(record) for record in archive.infolist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in records.items():
            archive.writestr(name, pickle.dumps(Payload(marker), 2) if name.endswith("/data.pkl") else content)
    with pytest.raises(BenchError, match=r"net\.jit: holds (posix|nt)\.mkdir, which is never loaded"):
        file_contents(file, "")
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore")
def test_an_archive_without_names_says_so(net: Net, tmp_path: Path) -> None:
    torch.jit.save(torch.jit.freeze(torch.jit.script(net)), tmp_path / "net.jit")
    with pytest.raises(BenchError, match="without named tensors: it was frozen"):
        file_contents(tmp_path / "net.jit", "")
