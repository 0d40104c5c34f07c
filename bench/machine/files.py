"""Reading of files that others name, only if they are stored files, which end."""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import IO

MOST_BYTES_OF_A_SAMPLE = 4 * 2**30
"""The largest size of a sample's file."""
MOST_BYTES_OF_A_DOCUMENT = 2**28
"""The largest size of a result, a protocol or a table of transcripts, all of which is read into memory."""
_NEVER_ENDING = ("/proc/", "/sys/", "/dev/")


def why_unreadable(status: os.stat_result, path: Path) -> str:
    """Why a path cannot be read as a stored file; empty if it can.

    A pipe blocks until somebody writes, a device may never end, and files in ``/proc`` state no size.

    Args:
        status: the status of what is at the path.
    """
    kinds = {stat.S_ISFIFO: "a named pipe", stat.S_ISSOCK: "a socket", stat.S_ISDIR: "a folder"}
    for is_kind, name in kinds.items():
        if is_kind(status.st_mode):
            return f"is {name}, not a file"
    if not stat.S_ISREG(status.st_mode):
        return "is a device, not a file"
    real = _real(path)
    if real.startswith(_NEVER_ENDING) and not real.startswith("/dev/shm/"):
        return "belongs to the system, and is not a stored file"
    return ""


def _real(path: Path) -> str:
    """The path without symbolic links; those of a folder are followed once for all its files."""
    if path.is_symlink():
        return os.path.realpath(path)
    folder, _, name = str(path).rpartition("/")
    return f"{_real_folder(folder or '.')}/{name}" if folder or path.parts[0] != "/" else str(path)


@lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder).rstrip("/")


def open_stored(path: Path, buffering: int = -1, most: int | None = None) -> IO[bytes]:
    """A stored file, opened to read its bytes; never waits for a writer.

    Args:
        buffering: as for ``open``.
        most: the most bytes that it may have; None for any number.

    Raises:
        OSError: it cannot be opened, is larger, or is a pipe, device or file of the system; ``strerror`` says which.
    """
    reason = why_unreadable(
        path.stat(), path
    )  # before it is opened, which may block or have an effect if it is not a file
    stream = None if reason else path.open("rb", buffering)
    if stream and most is not None and (size := os.fstat(stream.fileno()).st_size) > most:
        stream.close()
        reason = f"has {size} bytes; at most {most} are read"
    if reason or stream is None:
        raise OSError(0, reason, str(path))
    return stream


def read_stored(path: Path) -> bytes:
    """All bytes of a document.

    Raises:
        OSError: as :func:`open_stored`, and if it has more than ``MOST_BYTES_OF_A_DOCUMENT``.
    """
    with open_stored(path, most=MOST_BYTES_OF_A_DOCUMENT) as stream:
        return stream.read()
