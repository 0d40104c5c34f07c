"""The files of a checkpoint: which of a folder's files they are, and how they are read safely.

Weights are safetensors, or pickles read with ``torch.load(weights_only=True)``; code that a checkpoint
brings along is never run. Nothing here imports torch before weights are read.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError, Unavailable
from bench.machine.canonical import sha256_file
from bench.machine.documents import parse_json
from bench.machine.extras import remedy
from bench.machine.files import read_stored

if TYPE_CHECKING:
    import torch

CONFIG = "config.json"
STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
SUFFIXES = (".safetensors", ".bin")
NAMED = ("SpeechTokenizer.pt",)
"""Weights files whose names are the publisher's own."""


def require(package: str) -> Any:
    """Import an optional package; raises Unavailable, with the command that installs it, if that fails."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise Unavailable(f"{package} cannot be imported ({error})", remedy(error.name or "", package)) from error


def weights_among(names: Iterable[str]) -> tuple[str, ...]:
    """The weights of one checkpoint among a folder's file names, the index of shards included.

    Safetensors come before pickles and a single file before shards, as in the libraries.
    """
    present = set(names)
    for suffix in SUFFIXES:
        for stem in STEMS:
            if stem + suffix in present:
                return (stem + suffix,)
            if f"{stem}{suffix}.index.json" in present:
                shard = re.compile(rf"{stem}-\d+-of-\d+{re.escape(suffix)}")
                return (f"{stem}{suffix}.index.json", *sorted(n for n in present if shard.fullmatch(n)))
    return next(((name,) for name in NAMED if name in present), ())


@dataclass(frozen=True)
class Checkpoint:
    """A ``config.json`` with weights beside it, as the libraries' ``save_pretrained`` writes them.

    Attributes:
        folder: where the files are.
        root: what the names of the files are relative to in results.
        revision: commit of the hub's repository; empty for a local folder.
        remedy: what to do if a file turns out to be broken.
    """

    folder: Path
    root: Path
    revision: str = ""
    remedy: str = "save or copy it again"

    @cached_property
    def config(self) -> dict[str, Any]:
        """The contents of ``config.json``; BenchError if it is not a configuration."""
        config = self._json(self.folder / CONFIG)
        if not isinstance(config, dict):
            raise BenchError(f"{self.folder / CONFIG}: not a model's configuration; {self.remedy}")
        return config

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files that hold tensors: those that an index lists, or the only one; BenchError if one is missing."""
        names = weights_among(path.name for path in self.folder.iterdir())
        if not names:
            raise BenchError(
                f"{self.folder}: no weights; save_pretrained writes {STEMS[0]}.safetensors (diffusers) or "
                f"{STEMS[1]}.safetensors (transformers); {self.remedy}"
            )
        if not names[0].endswith(".index.json"):
            return (self.folder / names[0],)
        index = self._json(self.folder / names[0])
        places = index.get("weight_map") if isinstance(index, dict) else None
        if not (isinstance(places, dict) and places and all(isinstance(name, str) for name in places.values())):
            raise BenchError(f"{self.folder / names[0]}: not an index of weights; {self.remedy}")
        # The name alone: one with a path in it could point anywhere on this machine.
        files = tuple(self.folder / name for name in sorted({Path(name).name for name in places.values()}))
        for file in files:
            if not file.is_file():
                raise BenchError(f"{file}: no such file, though {names[0]} lists it; {self.remedy}")
        return files

    @property
    def complete(self) -> bool:
        """Whether every file is present; their contents are not checked."""
        try:
            return bool(self.config) and all(file.is_file() for file in self.files)
        except BenchError:
            return False

    def hashes(self, files: Iterable[Path]) -> dict[str, str]:
        """sha256 of each file by its name relative to the root."""
        return {file.relative_to(self.root).as_posix(): sha256_file(file) for file in files}

    def names(self) -> set[str]:
        """Names of all tensors; BenchError if a file is truncated or of another format than its name says."""
        return {name for file in self.files for name in self._names(file)}

    def tensors(self, prefix: str) -> tuple[dict[str, torch.Tensor], tuple[Path, ...]]:
        """The tensors whose names start with ``prefix``, without it, and the files that hold them."""
        tensors: dict[str, torch.Tensor] = {}
        used: list[Path] = []
        for file in self.files:
            part = self._read(file, prefix)
            if part:
                tensors |= part
                used.append(file)
        return tensors, tuple(used)

    def reject_missing(self, model: str, missing: Iterable[str]) -> None:
        """Raise BenchError if any weights of a model are missing from the files."""
        names = sorted(missing)
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            raise BenchError(
                f"{self.folder}: the weights lack {len(names)} tensors of {CONFIG}'s {model} ({shown}); "
                f"they belong to another model, or are incomplete; {self.remedy}"
            )

    def _names(self, file: Path) -> list[str]:
        if file.suffix != ".safetensors":
            return list(self._read(file, ""))
        safetensors = require("safetensors")
        try:
            with safetensors.safe_open(file, framework="pt") as opened:
                return list(opened.keys())
        except (OSError, safetensors.SafetensorError) as error:
            raise BenchError(f"{file}: truncated, or not a safetensors file ({error}); {self.remedy}") from error

    def _read(self, file: Path, prefix: str) -> dict[str, torch.Tensor]:
        if file.suffix == ".safetensors":
            names = [name for name in self._names(file) if name.startswith(prefix)]
            with require("safetensors").safe_open(file, framework="pt") as opened:
                return {name.removeprefix(prefix): opened.get_tensor(name) for name in names}
        loaded = self._unpickle(file)
        return {name.removeprefix(prefix): value for name, value in loaded.items() if name.startswith(prefix)}

    def _unpickle(self, file: Path) -> dict[str, torch.Tensor]:
        import pickle

        import torch

        try:
            loaded: Mapping[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            return {name: value for name, value in loaded.items() if isinstance(value, torch.Tensor)}
        except (OSError, RuntimeError, EOFError, ValueError, AttributeError, pickle.UnpicklingError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise BenchError(
                f"{file}: truncated, or more than weights, which is never loaded ({reason}); {self.remedy}"
            ) from error

    def _json(self, file: Path) -> Any:
        try:
            return parse_json(read_stored(file), finite=False)
        except (OSError, ValueError) as error:
            raise BenchError(f"{file}: cannot be read as JSON ({error}); {self.remedy}") from error
