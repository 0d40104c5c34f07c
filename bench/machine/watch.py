"""A watch on the files that a system opens while its code runs, so that its result is kept only while they last.

Python reports every file that it opens (``sys.addaudithook``); of what compiled code opens, the files of safetensors
and TorchScript are noted at the call. Not seen: files that other compiled code opens under a name that no string in
the system's code gives, files that are only checked for existence, environment variables, the network, and what a
program reads that the system starts.
"""

from __future__ import annotations

import importlib
import os
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

MOST_FILES = 10_000
"""The most files that are noted; of a system that opens more, only the first ones are."""
LOADERS = "bench-loader"
"""Prefix of the names of threads that read the evaluated samples, whose contents the protocol states."""
WRITES = os.O_WRONLY | os.O_TRUNC | os.O_APPEND | os.O_EXCL | os.O_CREAT
IMPORTERS = ("importlib", "_frozen_importlib", "pkgutil", "pkg_resources", "zipimport")
"""Modules that list folders to find other modules; what they found shows in what was imported."""

State = tuple[int, int]
"""Size of a file in bytes, and time of its modification in nanoseconds."""


class Watch:
    """A record of what was opened while it was active.

    Args:
        ignored: whether an absolute path does not count.

    Attributes:
        opened: by absolute path, the file's state when it was first and last opened; None where there was no file.
        written: files that were written or moved into place meanwhile, which are not input.
        listed: folders whose names were read.
        imported: names of modules that were imported.
    """

    def __init__(self, ignored: Callable[[str], bool]) -> None:
        self.opened: dict[str, tuple[State | None, State | None]] = {}
        self.written: set[str] = set()
        self.listed: set[str] = set()
        self.imported: set[str] = set()
        self.depth = self.loading = 0
        self._ignored = ignored

    def start(self) -> None:
        """Watch this process from now on, within the contexts of :func:`watched`."""
        global _current
        if _current is None:
            sys.addaudithook(_hook)
        _current = self

    def active(self) -> bool:
        """Whether what this thread opens counts as opened by the system."""
        return self.depth > 0 and (self.loading > 0 or not threading.current_thread().name.startswith(LOADERS))

    def read(self, path: object) -> None:
        """Note a file that is about to be read."""
        if (place := self._place(path)) and (place in self.opened or len(self.opened) < MOST_FILES):
            now = state_of(place)
            if now is not None or not Path(place).exists():  # neither a folder nor a device
                self.opened[place] = (self.opened.get(place, (now,))[0], now)

    def wrote(self, path: object) -> None:
        """Note a file that is about to be written."""
        if (place := self._place(path)) and len(self.written) < MOST_FILES:
            self.written.add(place)

    def list(self, path: object) -> None:
        """Note a folder whose names are about to be read."""
        if (place := self._place("." if path is None else path)) and len(self.listed) < MOST_FILES:
            self.listed.add(place)

    def _place(self, path: object) -> str:
        """The absolute path; empty for what is not a path, or does not count."""
        if not isinstance(path, str | bytes | os.PathLike):
            return ""
        place = os.path.normpath(Path.cwd() / os.fsdecode(path))
        if place.endswith(".pyc"):
            try:
                place = source_from_cache(place)
            except ValueError:
                return ""
        return "" if self._ignored(place) else place


_current: Watch | None = None


@contextmanager
def watched(loaders: bool = False) -> Iterator[None]:
    """A context in which the system's code runs, so that what it opens is noted.

    Args:
        loaders: whether samples that are read meanwhile count too, because something is learned from them.
    """
    watch = _current
    if watch is None:
        yield
        return
    watch.depth += 1
    watch.loading += loaders
    try:
        yield
    finally:
        watch.depth -= 1
        watch.loading -= loaders


def note_native_files() -> None:
    """Also note what safetensors and TorchScript open; must be called before other libraries import them."""
    for module, name in (("torch.jit", "load"), ("safetensors", "safe_open")):
        with suppress(ImportError):
            opener = importlib.import_module(module)
            setattr(opener, name, _noting(getattr(opener, name)))


def _noting(opens: Callable[..., Any]) -> Callable[..., Any]:
    """The given function, which first notes its first argument, a path."""

    @wraps(opens, updated=())
    def noted(*args: Any, **kwargs: Any) -> Any:
        if _current is not None and _current.active():
            _current.read(next(iter((*args, *kwargs.values())), None))
        return opens(*args, **kwargs)

    return noted


def _hook(event: str, args: tuple[Any, ...]) -> None:
    watch = _current
    if watch is None or not watch.depth:
        return
    # An error here would surface in the system's code.
    with suppress(Exception):
        if (noted := _NOTED.get(event)) and watch.active():
            noted(watch, args)


def _opened(watch: Watch, args: tuple[Any, ...]) -> None:
    path, _, flags = args
    if flags & WRITES:
        watch.wrote(path)
    else:
        watch.read(path)


def _listed(watch: Watch, args: tuple[Any, ...]) -> None:
    # The frames of this function and of the hook, then what lists.
    caller = sys._getframe(2).f_globals.get("__name__", "")
    if not caller.startswith(IMPORTERS):
        watch.list(args[0])


def _started(watch: Watch, args: tuple[Any, ...]) -> None:
    if program := shutil.which(os.fsdecode(args[0] if args[0] is not None else args[1][0])):
        watch.read(program)


_NOTED: dict[str, Callable[[Watch, tuple[Any, ...]], None]] = {
    "open": _opened,
    "os.listdir": _listed,
    "os.scandir": _listed,
    "os.rename": lambda watch, args: watch.wrote(args[1]),
    "sqlite3.connect": lambda watch, args: watch.read(args[0]),
    "ctypes.dlopen": lambda watch, args: watch.read(args[0]) if os.sep in str(args[0]) else None,
    "subprocess.Popen": _started,
    "import": lambda watch, args: watch.imported.add(args[0]),
}


def state_of(place: str) -> State | None:
    """Size and time of modification of a regular file; None if there is no such file."""
    try:
        status = Path(place).stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
