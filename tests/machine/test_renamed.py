"""Old names of modules: the same modules, with a warning; and nothing for names that never were."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.machine import renamed

OLD = """
import torch

from bench.tokenizers.base import Tokenizer
from bench.tokens import Codebook, Tokens


class Mean(Tokenizer):
    codebooks = (Codebook(256, "an image"),)

    def encode(self, batch: torch.Tensor) -> Tokens:
        codes = torch.round(batch.mean((1, 2, 3)) * 255).long()[:, None]
        return Tokens(codes=(codes,), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return (tokens.codes[0].float() / 255)[:, :, None, None].expand(-1, *tokens.signal_shape)
"""


@pytest.fixture(autouse=True)
def _not_imported_yet() -> Iterator[None]:
    """Old names as in a new process."""
    known = {name: sys.modules.pop(name, None) for name in renamed.MODULES}
    yield
    for name in renamed.MODULES:
        sys.modules.pop(name, None)
    sys.modules.update({name: module for name, module in known.items() if module})


@pytest.mark.parametrize("old", renamed.MODULES)
def test_an_old_name_is_the_module_itself(old: str) -> None:
    with pytest.warns(renamed.RenamedImport, match=rf"^{old} is now {renamed.MODULES[old]};") as said:
        found = importlib.import_module(old)
    assert found is importlib.import_module(renamed.MODULES[old])
    assert found.__name__ == found.__spec__.name == renamed.MODULES[old]
    assert len([each for each in said if each.category is renamed.RenamedImport]) == 1  # libraries have their own
    for before, now in renamed.ATTRIBUTES.get(old, {}).items():
        assert getattr(found, before) is getattr(found, now)


def test_no_old_name_hides_a_module() -> None:
    folder = Path(renamed.__file__).parents[2]
    assert not [old for old in renamed.MODULES if folder.joinpath(*old.split(".")).with_suffix(".py").exists()]


def test_other_names_are_not_found() -> None:
    for name in ("bench.recognisers.whisper", "bench.nothing"):
        with pytest.raises(ModuleNotFoundError, match=f"No module named '{name}'"):
            importlib.import_module(name)


def test_a_file_with_old_imports_is_measured_and_warned_of_once(
    bench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "old.py").write_text(OLD)
    run = ("run", "--suite", "image-recon", "--limit", 2, "--system", "old.py:Mean", "--offline", "--no-mlflow")
    done = bench(*run, "--out", "out", PYTHONWARNINGS="")
    assert done.stderr.count("bench.tokens is now bench.contracts.tokens") == 1
    assert "old.py:5: RenamedImport" in done.stderr
    assert "old.py:Mean" in done.stdout


@pytest.mark.parametrize(("asked", "shown"), [([], True), (["ignore"], False)])
def test_what_python_is_told_to_show_holds(asked: list[str], shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "warnoptions", asked)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        renamed.show()
        assert any(line[2] is renamed.RenamedImport for line in warnings.filters) is shown


def test_importing_the_bench_imports_nothing_for_it() -> None:
    program = "import sys, bench; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = set(done.stdout.split())
    ours = {"bench", "bench.machine", "bench.machine.renamed"}
    assert {name for name in names if name.split(".")[0] == "bench"} == ours
    assert not names & {"torch", "numpy", "click", "importlib.abc"}
