"""A result is kept only while what its system imported and read is as it was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from places import SYSTEMS
from safetensors.torch import save_file

from bench.contracts.results import Run

PROTOCOL = "description: quick\nmetrics: {psnr: {}}\n"


def save(file: Path, level: float) -> None:
    """A level, in the format that the name says."""
    if file.suffix == ".safetensors":
        save_file({"level": torch.tensor([level])}, file)
    elif file.name.endswith(".script.pt"):
        torch.jit.save(torch.jit.script(_Level(level)), file)
    else:
        torch.save(torch.tensor(level), file)


class _Level(torch.nn.Module):
    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def forward(self) -> torch.Tensor:
        return torch.full((1,), self.level)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A class and all that it reads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere" / "parts").mkdir(parents=True)
    (tmp_path / "elsewhere" / "parts" / "shift.py").write_text("def shift(): return 0.0\n")
    shutil.copy(SYSTEMS / "reads.py", tmp_path)
    (tmp_path / "quick.yaml").write_text(PROTOCOL)
    (tmp_path / "named.onnx").write_bytes(b"1")
    for name in ("w.pt", "w.safetensors", "w.script.pt", "lazy.pt", "elsewhere/one.ckpt"):
        save(tmp_path / name, 0.0)
    return tmp_path


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_what_a_class_imported_and_read_is_part_of_its_result(bench, place):
    elsewhere = str(place / "elsewhere")
    arguments = (
        "run",
        "--suite",
        "image-recon",
        "--protocol",
        "quick.yaml",
        "--limit",
        2,
        "--no-mlflow",
        "--out",
        "out",
    )
    environment = {"PYTHONPATH": elsewhere, "ELSEWHERE": elsewhere}

    def run() -> Any:
        return bench(*arguments, "--system", "reads.py:Reads", "--batch-size", 1, **environment).stderr

    run()
    results = Run(place / "out")
    (file,) = results.files()
    (before,) = results.results()
    assert before.system.revision
    assert str(place) not in file.read_text()
    for name in ("w.pt", "w.safetensors", "w.script.pt", "lazy.pt", "elsewhere/one.ckpt", "named.onnx"):
        kept = (place / name).read_bytes()
        save(place / name, 0.25)
        assert results.look(file, before.key) == (None, f"{name} changed since")
        (place / name).write_bytes(kept)
        assert results.find(file, before.key) == before, "the same contents, at another time"
    for name, why in {
        "elsewhere/parts/shift.py": "elsewhere/parts/shift.py changed since",
        "elsewhere/two.ckpt": "the files in elsewhere changed since",
    }.items():
        kept = (place / name).read_bytes() if (place / name).exists() else b""
        (place / name).write_bytes(b"def shift(): return 1.0\n")
        assert results.look(file, before.key) == (None, why)
        (place / name).write_bytes(kept) if kept else (place / name).unlink()
    save(place / "w.pt", 0.25)
    assert "w.pt changed since: measured again" in " ".join(run().split())
    (after,) = results.results()
    assert after.metrics["psnr"].value != before.metrics["psnr"].value
    assert after.system.revision != before.system.revision
    assert results.find(file, after.key) == after
    (results.folder / "dependencies" / file.name).unlink()
    assert results.look(file, after.key) == (None, "the record of what it read is gone")
