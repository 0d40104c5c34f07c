"""What a system imported and read: recorded in the cell's process, stored beside the result, and checked later."""

from __future__ import annotations

import dis
import importlib
import os
import site
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import CodeType

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.machine.canonical import digest
from bench.machine.environment import NUMERIC_PACKAGES
from bench.machine.file_hashes import Stamp, file_sha256
from bench.machine.watch import State, Watch, state_of
from bench.machine.weights import cache_dir

UNSETTLED = "changed while it was measured"
"""Stands for the hash of a file whose contents changed after it was read."""
VIRTUAL = ("/proc", "/sys")
STORE = "mlflow.db"
"""Prefix of the names of MLflow's default store in the working directory."""
LONGEST_NAME = 1024


class FileRecord(BaseModel):
    """A file as it was read.

    Attributes:
        sha256: hash of its contents; None where there was no file, or none that could be read.
        stamp: size, modification and change time, where they show that the contents are still the same.
    """

    model_config = ConfigDict(extra="forbid")

    sha256: str | None
    stamp: tuple[int, int, int] | None = None


class Dependencies(BaseModel):
    """What decides a system's numbers besides what its spec names.

    Paths below the working directory are relative to it.
    """

    model_config = ConfigDict(extra="forbid")

    files: dict[str, FileRecord] = Field(default_factory=dict, description="modules outside packages, and files read")
    folders: dict[str, str] = Field(default_factory=dict, description="folder -> hash of the names in it")
    packages: dict[str, str] = Field(default_factory=dict, description="distribution -> version")

    @property
    def sha256(self) -> str:
        """Hash of the contents, wherever the files are."""
        files = sorted([Path(path).name, record.sha256] for path, record in self.files.items())
        folders = sorted([Path(path).name, names] for path, names in self.folders.items())
        return digest([files, folders, self.packages])

    def changed(self) -> str:
        """A sentence on the first thing that has changed since; empty if nothing has."""
        for name, version in self.packages.items():
            if (installed := _version(name)) != version:
                return f"{name} {version} is now {installed or 'not installed'}"
        for path, record in self.files.items():
            now = _contents(path, record).sha256
            if now != record.sha256:
                return f"{path} {'is new' if record.sha256 is None else 'is gone' if now is None else 'changed since'}"
        for path, names in self.folders.items():
            if _names(path) != names:
                return f"the files in {path} changed since"
        return ""


class Recorder:
    """Records what the system of this process depends on.

        recorder = Recorder([run])       # before the system's code runs
        dependencies = recorder.found(is_own)  # after it

    Args:
        known: files and folders that do not count: those of the run, and those that the system's spec names.
    """

    def __init__(self, known: Iterable[Path]) -> None:
        self._folder = Path.cwd()
        ignored: list[str | Path] = [*installed(), *VIRTUAL, cache_dir(), *known]
        self._ignored = tuple(dict.fromkeys(map(_below, ignored)))
        self._watch = Watch(self._is_ignored)
        self._watch.start()

    def states(self) -> dict[str, State | None]:
        """Size and time of modification of the files that were imported and read; None of those that are not there."""
        read = [path for path in self._watch.opened if path not in self._watch.written]
        return {path: state_of(path) for path in (*read, *self._sources())}

    def found(self, own: bool) -> Dependencies:
        """What was imported and read.

        Args:
            own: whether the system is a class of the user's, whose code is searched for file names and imports.
        """
        watch = self._watch
        read = {path: wrong for path in watch.opened if (wrong := self._as_read(path)) is not None}
        read |= dict.fromkeys(self._sources(), "")
        imported = set(watch.imported)
        if own:
            for source in [path for path in read if path.endswith(".py")]:
                code = _code_of(source)
                imported |= _imports(code)
                named = self._named(_texts(code), source)
                read |= {path: "" for path in named if path not in watch.written and path not in read}
        return Dependencies(
            files={
                self._short(path): FileRecord(sha256=wrong) if wrong else _contents(path)
                for path, wrong in sorted(read.items())
            },
            folders={self._short(path): _names(path) for path in sorted(watch.listed)},
            packages=_packages(imported),
        )

    def _as_read(self, path: str) -> str | None:
        """What happened to a file since it was read, empty if nothing; None if it was made meanwhile."""
        first, last = self._watch.opened[path]
        now = state_of(path)
        if path in self._watch.written or first != last or (last is not None and now is None):
            return None
        return "" if now == last else UNSETTLED

    def _sources(self) -> Iterator[str]:
        """Files of the modules that were imported from outside the installed packages."""
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if not isinstance(file, str) or name in ("__main__", "__mp_main__"):
                continue
            path = self._folder / file
            while not path.exists() and path.parent != path:  # a module within an archive
                path = path.parent
            if path.is_file() and not self._is_ignored(source := os.path.normpath(path)):
                yield source

    def _named(self, texts: Iterable[str], source: str) -> Iterator[str]:
        """Files that strings in the code of a module name, relative to the module's folder or the working directory."""
        for text in texts:
            for folder in (Path(source).parent, self._folder):
                path = os.path.normpath(folder / text)
                if state_of(path) and not self._is_ignored(path):
                    yield path

    def _is_ignored(self, path: str) -> bool:
        return f"{path}{os.sep}".startswith(self._ignored)

    def _short(self, path: str) -> str:
        return os.path.relpath(path, self._folder) if path.startswith(_below(self._folder)) else path


def read(file: Path) -> Dependencies | None:
    """The dependencies stored in a file; None if it is missing or damaged."""
    try:
        return Dependencies.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def _below(path: str | Path) -> str:
    """The absolute path with a separator at its end, with which the paths of all files in a folder begin."""
    return os.path.normpath(Path.cwd() / path).rstrip(os.sep) + os.sep


def installed() -> Iterator[str]:
    """Folders whose contents are covered by a version or by the bench's hash of its code."""
    places = sysconfig.get_paths()
    yield from (places[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    yield from (*site.getsitepackages(), site.getusersitepackages())
    yield from (path for path in sys.path if Path(path).name in ("site-packages", "dist-packages"))
    for package in ("bench", "bench.tasks"):
        yield from importlib.import_module(package).__path__


def _contents(path: str, known: FileRecord | None = None) -> FileRecord:
    """The record of a file as it is now; one of the same size and times as the known one is not read again."""
    place = Path(path)
    real = place.resolve()
    if real.parent.name == "blobs":  # in the hub's cache, where the name of a file is its hash
        return FileRecord(sha256=real.name if real.is_file() else None)
    if not real.is_file():
        return FileRecord(sha256=None)
    try:
        stamp, now = Stamp.of(place), time.time_ns()
        is_known = known is not None and known.sha256 is not None and known.stamp == stamp[:3]
        sha256 = known.sha256 if known is not None and is_known else file_sha256(place)
    except OSError:
        return FileRecord(sha256=None)
    return FileRecord(sha256=sha256, stamp=stamp[:3] if stamp.is_settled(now) else None)


def _names(path: str) -> str:
    """Hash of the names in a folder; one that cannot be read has the hash of an empty one."""
    names: list[str] = []
    with suppress(OSError):
        names = [entry.name for entry in Path(path).iterdir() if not entry.name.startswith((".", "__pycache__", STORE))]
    return digest(sorted(os.fsencode(name).decode("utf-8", "backslashreplace") for name in names))


def _code_of(source: str) -> list[CodeType]:
    """The code of a module and of everything that it defines; empty where it is not Python."""
    try:
        codes = [compile(Path(source).read_bytes(), source, "exec", dont_inherit=True)]
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    for code in codes:  # the list grows meanwhile
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return codes


def _texts(codes: Iterable[CodeType]) -> set[str]:
    """Strings in code that may name a file."""
    constants = [constant for code in codes for constant in code.co_consts]
    texts = {text for constant in constants for text in (constant if isinstance(constant, tuple) else (constant,))}
    return {text for text in texts if isinstance(text, str) and 0 < len(text) < LONGEST_NAME and text.isprintable()}


def _imports(codes: Iterable[CodeType]) -> set[str]:
    """The modules that code imports."""
    return {step.argval for code in codes for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME"}


def _packages(modules: Iterable[str]) -> dict[str, str]:
    """The distributions of modules with their versions, except those that every key states."""
    names = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"", "bench"}
    versions = {name: _version(name) for name in sorted(names) if name not in NUMERIC_PACKAGES}
    if unknown := [name for name, version in versions.items() if not version]:
        distributions = (
            metadata.packages_distributions()
        )  # takes a second, so only for modules named differently from their distribution
        others = {distribution for name in unknown for distribution in distributions.get(name, ())}
        versions |= {name: _version(name) for name in others - set(NUMERIC_PACKAGES)}
    return {name: version for name, version in sorted(versions.items()) if version}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
