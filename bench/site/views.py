"""Views of kept samples: that of their modality, or links where it has none that can show them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

from bench import registry
from bench.errors import BenchError, UnknownName
from bench.modalities.view import Side, View


class Links(View):
    """Links to the files, whatever they contain."""

    suffixes = ()
    template = "templates/links.html"

    def side(self, data: bytes) -> Side:
        """Return no facts and no files: only the file's address and name are shown."""
        return Side()


LINKS = f"{__name__}:{Links.__name__}"


def view_for(modality: str, *files: Path) -> str:
    """Return the view that shows these files, as ``module:Attribute``.

    Links are shown if the modality is not installed, has no view, or its view does not take a file's suffix.

    Raises:
        BenchError: the view of the modality cannot be imported, or is not a View.
    """
    try:
        target = registry.modality(modality).view
    except UnknownName:
        return LINKS
    return target if target and all(file.suffix in load(target).suffixes for file in files) else LINKS


def load(target: str) -> View:
    """Make a view from ``module:Attribute``.

    Raises:
        BenchError: it cannot be imported, or is not a View.
    """
    kind = registry.load(target)
    if not (isinstance(kind, type) and issubclass(kind, View)):
        raise BenchError(f"{target} is not a class derived from bench.modalities.view.View")
    return kind()


def source(target: str) -> tuple[str, str, Callable[[], bool]]:
    """Return the template of a view as Jinja's loaders do: its text, its path, and whether it is unchanged.

    Raises:
        BenchError: the file does not exist beside the module of the view.
    """
    kind = type(load(target))
    path = Path(inspect.getfile(kind)).parent / kind.template
    try:
        return path.read_text(encoding="utf-8"), str(path), lambda: True
    except OSError as error:
        raise BenchError(
            f"{target}: its template {kind.template} cannot be read ({error.strerror}); ship it as package data"
        ) from error
