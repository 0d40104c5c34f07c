"""The files of a checkpoint: which of a folder's files they are, and how they are read safely.

Weights are safetensors, pickles (``bench.tokenizers.pickles``) or TorchScript archives
(``bench.tokenizers.torchscript``); code that a checkpoint brings along is never run. Nothing here imports torch before
weights are read.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError, Unavailable
from bench.machine.documents import parse_json
from bench.machine.extras import remedy
from bench.machine.file_hashes import file_sha256
from bench.machine.files import read_stored
from bench.tokenizers.configurations import CONFIG, Configuration, read_configuration
from bench.tokenizers.containers import joined
from bench.tokenizers.pickles import checked
from bench.tokenizers.weight_files import file_contents

if TYPE_CHECKING:
    import torch

Shapes = Mapping[str, Sequence[int]]
"""Shapes of tensors by name; an empty one where it is not known."""

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
    """A configuration with weights: a folder that the libraries' ``save_pretrained`` wrote, or one file.

    Attributes:
        folder: where the files are.
        root: what the names of the files are relative to in results.
        revision: commit of the hub's repository; empty for a local folder.
        remedy: what to do if a file turns out to be broken.
        file: the only file of weights, or the index of shards; that which ``weights_among`` names where None.
        stated: the configuration of a single file; ``config.json`` in the folder where None.
        modules: files with a module each of one model, whose tensors are named ``STEM.NAME``; ``file`` is the first.
        choice: which weights to use where a file holds raw and averaged ones; see ``bench.tokenizers.containers``.
    """

    folder: Path
    root: Path
    revision: str = ""
    remedy: str = "save or copy it again"
    file: Path | None = None
    stated: Configuration | None = None
    choice: str = ""
    modules: tuple[Path, ...] = ()

    @cached_property
    def configuration(self) -> Configuration:
        """The configuration and where it comes from; BenchError if it is not one."""
        if self.stated is not None:
            return self.stated
        try:
            return read_configuration(self.folder / CONFIG)
        except BenchError as error:
            raise BenchError(error.cause, self.remedy) from error

    @property
    def config(self) -> dict[str, Any]:
        """The values of the configuration."""
        return dict(self.configuration.values)

    @property
    def place(self) -> Path:
        """The file or folder, for messages."""
        return self.file or self.folder

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files that hold tensors: modules, those of an index, or the only one; BenchError if one is missing."""
        if self.modules:
            return self.modules
        if self.file is not None:
            names: tuple[str, ...] = (self.file.name,)
        else:
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
        """sha256 of each file by its name relative to the root, and of the configuration beside a single file.

        Where a file holds raw and averaged weights, or averaged ones alone, its name says which were used and where in
        it they are: ``last.ckpt [ema: model_ema]``.
        """
        hashes = {self._named(file): file_sha256(file) for file in files}
        if self.stated is not None and self.stated.file is not None:
            hashes[self.stated.file.name] = file_sha256(self.stated.file)
        return hashes

    def names(self, parts: Sequence[str] = ()) -> set[str]:
        """Names of all tensors; BenchError if a file is truncated or holds more than tensors.

        Args:
            parts: mappings of a file that hold a module each; see ``bench.tokenizers.containers.joined``.
        """
        return {name for file in self.files for name in self._weights(file, parts)}

    def tensors(self, prefix: str = "", parts: Sequence[str] = ()) -> tuple[dict[str, torch.Tensor], tuple[Path, ...]]:
        """The tensors whose names start with ``prefix``, without it, and the files that hold them.

        Args:
            parts: as of ``names``.
        """
        tensors: dict[str, torch.Tensor] = {}
        used: list[Path] = []
        for file in self.files:
            weights = self._weights(file, parts)
            part = {name.removeprefix(prefix): item for name, item in weights.items() if name.startswith(prefix)}
            if part:
                tensors |= part
                used.append(file)
        return tensors, tuple(used)

    def reject_missing(self, model: str, missing: Iterable[str]) -> None:
        """Raise BenchError if any weights of a model are missing from the files."""
        self.reject_mismatch(model, missing=dict.fromkeys(missing, ()))

    def reject_mismatch(
        self,
        model: str,
        missing: Shapes = MappingProxyType({}),
        unexpected: Shapes = MappingProxyType({}),
        misshapen: Mapping[str, tuple[Sequence[int], Sequence[int]]] = MappingProxyType({}),
    ) -> None:
        """Raise BenchError if the files' tensors are not those of a model; the first few of each kind are named.

        Args:
            model: the class of the model.
            missing: tensors that the files lack, with the shapes that the model has.
            unexpected: tensors that the model lacks, with the shapes in the files.
            misshapen: tensors of another shape: that in the files, that of the model.
        """
        shapes = {name: f"{list(held)}, not {list(wanted)}" for name, (held, wanted) in misshapen.items()}
        kinds = {
            f"lack {len(missing)} tensors of": _listed(missing),
            f"have {len(unexpected)} tensors that are not in": _listed(unexpected),
            f"have {len(misshapen)} tensors of other shapes than": _listed(shapes),
        }
        reasons = [f"{what} {model} ({names})" for what, names in kinds.items() if names]
        if reasons:
            raise BenchError(
                f"{self.place}: the weights {'; they '.join(reasons)}; {model} is configured by "
                f"{self.configuration.origin}, so they belong to another model, or are incomplete",
                f"give the configuration that belongs to them (config=FILE), or {self.remedy}",
            )

    def _weights(self, file: Path, parts: Sequence[str]) -> Mapping[str, torch.Tensor]:
        """The tensors of one file by name, raw or averaged, without the prefixes of wrappers."""
        contents = file_contents(file, self.remedy)
        weights = checked(file, lambda file: joined(contents, parts, self.choice, file), self.remedy)
        self._labels[file] = weights.label
        if self.modules:
            return {f"{file.stem}.{name}": tensor for name, tensor in weights.tensors.items()}
        return weights.tensors

    @cached_property
    def _labels(self) -> dict[Path, str]:
        """Which weights were read of each file; empty where it held no others."""
        return {}

    def _named(self, file: Path) -> str:
        """A file's name relative to the root, and which of its weights were read."""
        name, label = file.relative_to(self.root).as_posix(), self._labels.get(file, "")
        return f"{name} [{label}]" if label else name

    def _json(self, file: Path) -> Any:
        try:
            return parse_json(read_stored(file), finite=False)
        except (OSError, ValueError) as error:
            raise BenchError(f"{file}: cannot be read as JSON ({error}); {self.remedy}") from error


def _listed(names: Mapping[str, Any]) -> str:
    """The first names, each with what is said of it, and how many there are more."""
    shown = [f"{name} {says}" if says else name for name, says in ((n, _shown(names[n])) for n in sorted(names)[:3])]
    return ", ".join(shown) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else str(list(value)) if value else ""
