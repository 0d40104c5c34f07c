"""Listing the files below a folder."""

from __future__ import annotations

import os
from pathlib import Path

from bench.errors import BenchError


def files_below(root: Path) -> list[str]:
    """Paths relative to ``root`` of all files that are not hidden, in no particular order.

    Real folders come before linked ones, so that a folder is known by its own path if it has one below ``root``.

    Raises:
        BenchError: a folder cannot be read.
    """
    files: list[str] = []
    folders: list[str] = [""]
    links: list[str] = []
    seen: set[tuple[int, int]] = set()
    while folders or links:
        if not folders:
            links.sort(key=os.fsencode, reverse=True)
        relative = folders.pop() if folders else links.pop()
        try:
            status = (root / relative).stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(root / relative) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    path = f"{relative}/{entry.name}" if relative else entry.name
                    target = root / path
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(path)
                    elif entry.is_symlink() and target.is_dir():
                        links.append(path)
                    # A link that leads nowhere is a file that cannot be read, not one that is not there.
                    elif target.is_file() or (entry.is_symlink() and not target.exists()):
                        files.append(path)
        except OSError as error:
            raise BenchError(
                f"{root / relative}: {error.strerror}; make it readable, or give a folder without it"
            ) from error
    return files


def printable(path: str) -> str:
    """The path as text that can be stored; bytes that are not UTF-8 become ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
