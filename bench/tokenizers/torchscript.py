"""TorchScript archives: their tensors by name. Their code is neither compiled nor run, and nothing is unpickled."""

from __future__ import annotations

import pickle
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine.files import open_stored
from bench.tokenizers.pickles import Inert, archive_records, checked, is_archive, rejection

if TYPE_CHECKING:
    import torch

_LOCAL_HEADER = 30
"""Bytes of a record's header in a zip archive, before its name and its extra field."""
_DEEPEST = 100
_LISTS = re.compile(r"torch\.jit\._pickle\.build_\w+list")
_BARE = re.compile(
    r"torch\.(jit\._pickle\.\w+|device|Size|_utils\._rebuild_\w+)|collections\.OrderedDict|builtins\.\w+|_codecs\.encode"
)
"""What an archive may name beside its own classes: values of attributes, none of which is needed."""


def is_torchscript(file: Path) -> bool:
    """Whether a file is a zip archive with the records that only ``torch.jit.save`` writes."""
    if not (is_archive(file) and zipfile.is_zipfile(file)):
        return False
    with open_stored(file) as stream, zipfile.ZipFile(stream) as archive:
        inside = {name.partition("/")[2] for name in archive.namelist()}
    return "constants.pkl" in inside


def archive_tensors(file: Path, remedy: str) -> dict[str, torch.Tensor]:
    """The parameters and buffers of a TorchScript archive by their names in the module, mapped into memory.

    Args:
        file: what ``torch.jit.save`` wrote.
        remedy: what to do about a broken file.

    Raises:
        BenchError: the file is broken, names what no archive needs, or holds no tensors with names.
    """
    return checked(file, _tensors, remedy)


class _Module(Inert):
    """Takes the place of a module: it keeps its attributes, and runs nothing."""

    attributes: Mapping[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.attributes = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}


class _Reader(pickle.Unpickler):
    """Reads ``data.pkl``. Every name is resolved here, to the few things below; none is imported."""

    def __init__(self, stream: Any, storages: _Storages) -> None:
        super().__init__(stream, encoding="latin-1")
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if module.split(".")[0] == "__torch__":
            return _Module
        if full in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"):
            return _view
        if full.startswith("torch.") and name.endswith("Storage"):
            return type("Named", (Inert,), {"name": name.removesuffix("Storage")})
        if full == "torch.jit._pickle.restore_type_tag":
            return _first
        if _LISTS.fullmatch(full):
            return _first
        if full == "collections.OrderedDict":
            return dict
        if _BARE.fullmatch(full):
            return Inert
        raise rejection(self.storages.file, [full])

    def persistent_load(self, pid: Any) -> Any:
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[4], int)):
            raise pickle.UnpicklingError("it refers to something that is not a storage of numbers")
        return self.storages.typed(str(getattr(pid[1], "name", "")), str(pid[2]), pid[4])


class _Storages:
    """The records of numbers of an archive, mapped into memory."""

    def __init__(self, file: Path, archive: zipfile.ZipFile, records: Mapping[str, zipfile.ZipInfo]) -> None:
        import torch

        self.file, self.records = file, records
        self._stream = archive.fp
        self._whole = torch.UntypedStorage.from_file(str(file), False, file.stat().st_size)

    def typed(self, kind: str, key: str, count: int) -> torch.Tensor:
        """The ``count`` numbers of a storage, as a tensor of one dimension."""
        import torch

        dtype = _dtype(kind)
        record = self.records[f"data/{key}"]
        size = count * dtype.itemsize
        if not 0 <= size <= record.file_size:
            raise ValueError(f"it states {size} bytes of numbers where it holds {record.file_size}")
        assert self._stream is not None
        self._stream.seek(record.header_offset)
        name, extra = struct.unpack("<26x2H", self._stream.read(_LOCAL_HEADER))
        start = record.header_offset + _LOCAL_HEADER + name + extra
        return torch.empty(0, dtype=dtype).set_(self._whole[start : start + size], 0, (count,), (1,))


def _tensors(file: Path) -> dict[str, torch.Tensor]:
    with open_stored(file) as stream, zipfile.ZipFile(stream) as archive:
        records = archive_records(archive, file.stat().st_size)
        with archive.open(records["data.pkl"]) as pickled:
            module = _Reader(pickled, _Storages(file, archive, records)).load()
    tensors: dict[str, torch.Tensor] = {}
    _walk(module, "", tensors, _DEEPEST)
    if not tensors:
        raise ValueError("a TorchScript archive without named tensors: it was frozen, or it is not a module")
    return tensors


def _walk(module: Any, prefix: str, tensors: dict[str, torch.Tensor], depth: int) -> None:
    import torch

    if not isinstance(module, _Module) or depth < 0:
        return
    for name, value in module.attributes.items():
        if isinstance(value, torch.Tensor):
            tensors[f"{prefix}{name}"] = value
        else:
            _walk(value, f"{prefix}{name}.", tensors, depth - 1)


def _view(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Any:
    """A tensor within a storage; torch itself rejects one that reaches beyond it."""
    return storage.as_strided(size, stride, offset)


def _first(value: Any, *_: Any) -> Any:
    return value


def _dtype(kind: str) -> torch.dtype:
    """The dtype of a storage class by its name without ``Storage``."""
    import torch

    names = {"Double": "float64", "Float": "float32", "Half": "float16", "Long": "int64", "Int": "int32"}
    names |= {"Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "BFloat16": "bfloat16"}
    if kind not in names:
        raise ValueError(f"it holds numbers of the kind {kind}, which no weights have")
    dtype: torch.dtype = getattr(torch, names[kind])
    return dtype
