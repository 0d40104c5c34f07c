"""Pickled checkpoints, read without running anything that they name.

A pickle is a program that may call any function it can name. Here it is read twice. The first pass resolves every name
to a stand-in that does nothing: it imports nothing, and shows which names the file holds and how large it says its
tensors are. A file that passes is then read by ``torch.load(weights_only=True)``, in which the classes of trainers and
of modules, on fixed lists, are replaced by the same stand-ins. A whole module that was pickled gives its tensors by
their names in its state dict.
"""

from __future__ import annotations

import mmap
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench.errors import BenchError
from bench.machine.files import open_stored

T = TypeVar("T")

_PLAIN = re.compile(
    r"torch\.(_utils\._rebuild_\w+|_tensor\._rebuild_from_type_v2|serialization\._get_layout|nn\.parameter\.Parameter"
    r"|(cuda\.|storage\.)?\w+Storage|Tensor|Size|device|(u?int|float|bfloat|complex|bool|q)\w*)"
    r"|collections\.(OrderedDict|Counter)|_codecs\.encode|builtins\.(set|complex)"
)
"""What torch itself reads with ``weights_only=True`` and state dicts are made of."""

_INERT = re.compile(
    r"(pytorch_lightning|lightning_fabric|lightning\.(pytorch|fabric)|omegaconf)\.[\w.]+"
    r"|argparse\.Namespace|typing\.\w+|pathlib\.(_local\.)?(Pure)?(Posix|Windows)?Path|collections\.defaultdict"
    r"|numpy\.(_?core\.multiarray\.(scalar|_reconstruct)|dtype|ndarray|dtypes\.\w+|u?int\w+|float\w+|bool_?)"
    r"|builtins\.(object|dict|list|tuple|int|float|str|bool|bytes)|datetime\.\w+|copyreg\._reconstructor"
    r"|torch\.torch_version\.TorchVersion"
)
"""What trainers leave beside weights. A file may name these; stand-ins take their place."""

_MODULE = re.compile(r"torch\.nn\.modules\.\w+\.\w+|dall_e\.(encoder|decoder|utils)\.\w+")
"""Classes of modules that publishers pickled as a whole. Stand-ins take their place that keep tensors and modules."""

_LIKE_DICT = re.compile(r".*\.AttributeDict|collections\.defaultdict")
_NUMBER_BYTES = {"Double": 8, "Long": 8, "ComplexFloat": 8, "ComplexDouble": 16, "Float": 4, "Int": 4, "QInt32": 4}
_NUMBER_BYTES |= {"Half": 2, "BFloat16": 2, "Short": 2}

_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""Modules by the names of Python 2, which the protocol that torch writes still uses."""

_MODULES = 2000
"""The most modules within a module; a file of a few bytes could name one within itself without end."""

_MAGIC = 0x1950A86A20F9469CFC6C
"""The first object of a file that torch wrote before its format became a zip archive."""


class Inert:
    """Takes the place of whatever a pickle names: it accepts all arguments and states, and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class InertModule(Inert):
    """Takes the place of a module: it keeps the mappings of its tensors and of the modules within it."""

    parts: tuple[Any, ...] = ({}, {}, {})
    """Parameters, buffers, modules; of any type, as the file has them."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.parts = tuple(state.get(name) for name in ("_parameters", "_buffers", "_modules"))

    def tensors(self) -> dict[str, Any]:
        """The tensors by their names in the module's state dict.

        Raises:
            ValueError: there are too many modules, as where one holds itself.
        """
        found: dict[str, Any] = {}
        waiting = [("", self)]
        for _ in range(_MODULES):
            if not waiting:
                return found
            prefix, module = waiting.pop()
            *held, inside = (part if isinstance(part, dict) else {} for part in module.parts)
            found |= {f"{prefix}{name}": item for part in held for name, item in part.items() if item is not None}
            waiting += [(f"{prefix}{name}.", item) for name, item in inside.items() if isinstance(item, InertModule)]
        raise ValueError(f"it holds more than {_MODULES} modules")


class InertDict:
    """Takes the place of a kind of dict: an empty plain one is made instead."""

    def __new__(cls, *args: Any) -> Any:
        return {}


class _Container(Inert):
    """A stand-in of the first pass, which may stand for a function, a list, a dict or a set as well."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _Container()

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        pass

    def extend(self, items: Any) -> None:
        pass

    def add(self, item: Any) -> None:
        pass


@dataclass
class Survey:
    """What a pickle holds, as far as it can be known without running it.

    Attributes:
        names: ``module.attribute`` of everything that it names.
        storages: bytes of each storage by its key, as the file states them.
    """

    names: set[str] = field(default_factory=set)
    storages: dict[str, int] = field(default_factory=dict)

    def of_archive(self, file: Path) -> None:
        """Look through a zip archive; ValueError if it holds fewer numbers than it states."""
        with open_stored(file) as stream, zipfile.ZipFile(stream) as archive:
            records = archive_records(archive, file.stat().st_size)
            with archive.open(records["data.pkl"]) as pickled:
                _Surveyor(pickled, self).load()
        for key, stated in self.storages.items():
            held = records[f"data/{key}"].file_size if f"data/{key}" in records else 0
            if stated > held:
                raise ValueError(f"it states {stated} bytes of numbers where it holds {held}")

    def of_stream(self, file: Path) -> None:
        """Look through a file of torch's format before archives, which is a row of pickles; ValueError as above."""
        # In memory a file returns no more bytes than it has, however many a pickle asks for.
        with open_stored(file) as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = _Surveyor(content, self).load()
            if start != _MAGIC:
                raise ValueError("torch did not write it")
            for _ in ("version", "platform", "contents"):
                _Surveyor(content, self).load()
            if (stated := sum(self.storages.values())) > len(content):
                raise ValueError(f"it states {stated} bytes of numbers and is {len(content)} bytes large")


class _Surveyor(pickle.Unpickler):
    def __init__(self, stream: Any, survey: Survey) -> None:
        super().__init__(stream, encoding="latin-1")
        self.survey = survey

    def find_class(self, module: str, name: str) -> Any:
        self.survey.names.add(f"{_RENAMED.get(module, module)}.{name}")
        return type("Named", (_Container,), {"name": name})

    def persistent_load(self, pid: Any) -> Any:
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":
            raise pickle.UnpicklingError(
                "it is a whole module in the format of torch before 1.6, of which only tensors are read; save its "
                "state dict where the file is trusted"
            )
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[4], int)):
            raise pickle.UnpicklingError("it refers to something that is not a storage of numbers")
        kind = str(getattr(pid[1], "name", "")).removesuffix("Storage")
        self.survey.storages[str(pid[2])] = pid[4] * _NUMBER_BYTES.get(kind, 1)
        return _Container()


def load_pickle(file: Path, remedy: str) -> Any:
    """The contents of a file that ``torch.save`` wrote; tensors of zip archives are mapped into memory, not copied.

    In place of a module as a whole there are its tensors by name.

    Args:
        file: the file, whatever its ending.
        remedy: what to do about a broken file.

    Raises:
        BenchError: the file is truncated, states more numbers than it holds, or names anything beyond tensors and
            the stand-ins; the message names it.
    """
    import torch

    archive = checked(file, is_archive, remedy)
    survey = Survey()
    try:
        checked(file, survey.of_archive if archive else survey.of_stream, remedy)
    finally:
        foreign = sorted(name for name in survey.names if not _PLAIN.fullmatch(name))
        if rejected := [name for name in foreign if not (_INERT.fullmatch(name) or _MODULE.fullmatch(name))]:
            raise rejection(file, rejected)  # rather than that the file is broken beyond it
    # Pairs of a class and a name: a file's names are never looked up, only compared with these.
    inert: list[Any] = [(_stand_in(name), name) for name in foreign]

    def load(file: Path) -> Any:
        with torch.serialization.safe_globals(inert), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=archive)
        return loaded.tensors() if isinstance(loaded, InertModule) else loaded

    return checked(file, load, remedy)


def _stand_in(name: str) -> type:
    """What takes the place of something that a file names."""
    if _LIKE_DICT.fullmatch(name):
        return InertDict
    return InertModule if _MODULE.fullmatch(name) else Inert


def checked(file: Path, read: Callable[[Path], T], remedy: str) -> T:
    """What ``read`` returns for a file; BenchError with the reason if it cannot be read.

    Args:
        read: raises whatever a broken file makes it raise.
        remedy: what to do about a broken file.
    """
    try:
        return read(file)
    except BenchError:
        raise
    except Exception as error:  # a broken pickle makes its reader raise anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BenchError(f"{file}: truncated, or not a file of weights ({reason}); {remedy}") from error


def is_archive(file: Path) -> bool:
    """Whether a file starts as a zip archive does, which is how torch tells its formats apart."""
    with open_stored(file) as stream:
        return stream.read(4) == b"PK\x03\x04"


def rejection(file: Path, names: Iterable[str]) -> BenchError:
    """The error for a file that names what is never loaded."""
    shown = sorted(names)
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return BenchError(
        f"{file}: holds {', '.join(shown[:3])}{more}, which is never loaded: a pickle could run any code with it",
        "save the tensors alone (torch.save(model.state_dict(), FILE) or safetensors) where the file is trusted",
    )


def archive_records(archive: zipfile.ZipFile, size: int) -> Mapping[str, zipfile.ZipInfo]:
    """``data.pkl`` and the records of numbers, ``data/KEY``, of an archive that torch wrote, by these names.

    Args:
        size: bytes of the archive's file.

    Raises:
        ValueError: there is no ``data.pkl``, or a record is compressed, which torch never does, or they are larger
            than the file: a few kilobytes could stand for terabytes.
    """
    inside = {record.filename.partition("/")[2]: record for record in archive.infolist()}
    records = {name: record for name, record in inside.items() if name == "data.pkl" or name.startswith("data/")}
    if "data.pkl" not in records:
        raise ValueError("a zip archive that torch did not write")
    for record in records.values():
        if record.compress_type != zipfile.ZIP_STORED or record.file_size != record.compress_size:
            raise ValueError(f"{record.filename} is compressed, which torch never does: {record.file_size} bytes")
    if sum(record.file_size for record in records.values()) > size:
        raise ValueError("its records are larger than the file")
    return records
