"""Files of kept samples within the site: each content once, with what their views derive from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.modalities.view import Side, View
from bench.site import views
from bench.site.gallery import Shown

SAVED = ".bin"
"""Suffix of files that no view shows: they may hold anything, and no server or browser runs or shows this type."""


class Samples:
    """Assigns addresses to sample files and collects the files."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._sides: dict[tuple[Path, str], dict[str, Any]] = {}

    def view(self, shown: Shown) -> dict[str, Any]:
        """Return a sample with the variables that the template of its view gets for either file.

        Raises:
            BenchError: a file is not what its suffix says, or its view fails.
        """
        return {
            "shown": shown,
            "original": self._side(shown.original, shown.view),
            "reconstruction": self._side(shown.reconstruction, shown.view),
        }

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file that got an address, by its path within the site."""
        yield from sorted(self._files.items())

    def _side(self, file: Path, target: str) -> dict[str, Any]:
        if (file, target) not in self._sides:
            data, view = file.read_bytes(), views.load(target)
            name = f"samples/{hashlib.sha256(data).hexdigest()[:16]}"
            address = f"{name}{file.suffix if file.suffix in view.suffixes else SAVED}"
            side = _shown_by(view, file, data)
            derived = {key: (f"{name}{ending}", content) for key, (ending, content) in side.files.items()}
            self._files |= {address: data, **dict(derived.values())}
            addresses = {key: path for key, (path, _) in derived.items()}
            self._sides[file, target] = {**side.facts, **addresses, "file": address, "name": file.name}
        return self._sides[file, target]


def _shown_by(view: View, file: Path, data: bytes) -> Side:
    try:
        return view.side(data)
    except BenchError as error:
        raise BenchError(f"{file}: {error}; measure it again with --fresh") from error
    except Exception as error:  # a view may come from another package
        raise BenchError(f"{file}: {type(view).__name__} cannot show it: {type(error).__name__}: {error}") from error
