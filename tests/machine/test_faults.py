"""An error in somebody's own code is shown with its place, wherever it happens."""

from __future__ import annotations

import shutil

import pytest
from places import SYSTEMS

from bench import registry
from bench.contracts.results import Run
from bench.contracts.system import parse
from bench.errors import BenchError


def test_an_error_of_ones_own_class_shows_where_it_is(bench, tmp_path):
    folder = tmp_path / "lr=0.1@x"  # signs that end the name of a system elsewhere
    folder.mkdir()
    for name in ("faulty.py", "broken.py"):
        shutil.copy(SYSTEMS / name, folder)
    (tmp_path / "quick.yaml").write_text("description: quick\nmetrics: {psnr: {}, codebook: {}}\n")
    classes = ("Construction", "Fit", "Dark", "Nothing")
    done = bench(
        *("run", "--suite", "image-recon", "--protocol", "quick.yaml", "--no-mlflow", "--out", "out"),
        *(f"--system=lr=0.1@x/faulty.py:{name}" for name in classes),
        code=4,
    )
    said = " ".join(done.stderr.split())
    for place in (
        'lr=0.1@x/faulty.py:11, in __init__: torch.load("nowhere.pt")',
        "lr=0.1@x/faulty.py:16, in fit: raise ValueError(",
        "Nothing.encode gave no tokens: codes of shape",
    ):
        assert place in said
    results = {result.system.name.rpartition(":")[2]: result for result in Run(tmp_path / "out").results()}
    files = Run(tmp_path / "out").files()
    assert "the whole traceback: bench show" in said
    assert all(f"out/results/{file.name}" in said for file in files if "Construction" in file.name)
    dark = results["Dark"]
    assert dark.status == "ok"
    assert set(dark.dataset.failed.values()) == {"RuntimeError: too dark (faulty.py:38, in _refused)"}


def test_an_error_while_a_file_is_imported_shows_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outer.py").write_text("import os\nfrom faulty_neighbour import y\n")
    (tmp_path / "faulty_neighbour.py").write_text("y = undefined_name\n")
    with pytest.raises(BenchError) as raised:
        registry.load("outer.py:T")
    first, *places = str(raised.value).splitlines()
    assert first == "outer.py:T: cannot be imported: NameError: name 'undefined_name' is not defined"
    assert places == [
        "  outer.py:2, in <module>: from faulty_neighbour import y",
        "  faulty_neighbour.py:1, in <module>: y = undefined_name",
    ]
    with pytest.raises(BenchError, match="no such file: own=1/nowhere"):
        parse("own=1/nowhere.py:T")
