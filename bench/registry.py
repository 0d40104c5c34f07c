"""Names to lazily imported tokenizers, backbones, tasks, datasets, metrics and recognisers.

The built-in lines are in ``bench/lines``; other packages add theirs through the entry-point groups
``bench.tokenizers``, ``bench.backbones``, ``bench.metrics``, ``bench.datasets``, ``bench.tasks`` and
``bench.recognisers``. Nothing here imports what an entry points to until ``load`` is called, so that listing
names costs no torch.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from bench.errors import BenchError, UnknownName
from bench.machine.extras import remedy

Kind = Literal["tokenizers", "backbones", "tasks", "datasets", "metrics", "recognisers", "modalities"]
KINDS: tuple[Kind, ...] = ("tokenizers", "backbones", "tasks", "datasets", "metrics", "recognisers")


@dataclass(frozen=True)
class Entry:
    """One registry line.

    Attributes:
        name: what users type.
        target: ``module:Attribute``, imported on demand.
        summary: one line for ``bench list``.
        args: keyword arguments the entry fixes; a user's own override them.
        positional: the argument that ``NAME@VALUE`` sets, if any.
        modality: ``image``, ``audio``, ``video``; empty where it does not apply.
        tokens: ``discrete``, ``continuous`` or ``bytes``, for tokenizers and backbones.
        source: where the definition or the checkpoint comes from.
        licence: licence of the model or data set.
        weights: names of the weights it needs: files of ``bench/machine/weights.py`` or ``hf:REPO[/SUBFOLDER]``.
        extra: the optional extra of ntp-bench it needs, if any.
        judges: what a metric judges: ``reconstruction`` of a sample, ``generation`` of a set.
        local: whether ``NAME=PATH`` loads a local checkpoint. A backbone without is a paradigm, trained from scratch.
        plugin: the distribution whose entry point it is; empty for a built-in line. What the line of a plug-in cannot
            say its class does (:func:`stated`).
    """

    name: str
    target: str
    summary: str
    args: Mapping[str, Any] = field(default_factory=dict)
    positional: str | None = None
    modality: str = ""
    tokens: str = ""
    source: str = ""
    licence: str = ""
    weights: tuple[str, ...] = ()
    extra: str | None = None
    judges: str = "reconstruction"
    local: bool = False
    plugin: str = ""


@cache
def entries(kind: Kind) -> dict[str, Entry]:
    """All entries of a kind by name, in the order of their lines; plug-ins after the built-in ones.

    A plug-in that takes a name already in use is warned of and left out; none is imported here.
    """
    found: dict[str, Entry] = {}
    for entry in _built_in_lines(kind):
        if entry.name in found:
            raise BenchError(f"two built-in {kind} are called {entry.name!r}")
        found[entry.name] = entry
    for point in metadata.entry_points(group=f"bench.{kind}"):
        distribution = point.dist.name if point.dist else "a package"
        if point.name in found:
            warnings.warn(f"{distribution}: {kind} {point.name!r} is taken; ignored", stacklevel=2)
            continue
        found[point.name] = Entry(
            point.name,
            point.value,
            f"plug-in of {distribution}",
            source=distribution,
            local=True,
            plugin=distribution,
        )
    return found


def _built_in_lines(kind: Kind) -> list[Entry]:
    """The lines of the modalities, each in its folder, then those that serve all of them."""
    lines: list[Entry] = []
    for modality in () if kind == "modalities" else entries("modalities").values():
        if target := load(modality.target).lines.get(kind):
            lines += load(target)
    if importlib.util.find_spec(f"bench.lines.{kind}"):
        lines += load(f"bench.lines.{kind}:ENTRIES")
    return lines


def get(kind: Kind, name: str) -> Entry:
    """The entry of that name; UnknownName with the near names otherwise."""
    known = entries(kind)
    if name not in known:
        raise UnknownName(kind.removesuffix("s"), name, known, elsewhere(name))
    return known[name]


def built_in(kind: Kind) -> dict[str, Entry]:
    """The built-in entries: what defaults are made of, so that an installed package changes none of them."""
    return {name: entry for name, entry in entries(kind).items() if not entry.plugin}


MODAL: tuple[Kind, ...] = ("datasets", "metrics", "tasks")
"""Kinds whose classes must state a modality."""


def stated(kind: Kind, name: str) -> Entry:
    """The entry of that name, with what the class of a plug-in states: its modality, and what a metric judges.

    The class of a plug-in is imported, a built-in line says it all.

    Raises:
        UnknownName: there is none of that name.
        BenchError: the class cannot be imported, or does not state its modality.
    """
    entry = get(kind, name)
    if not entry.plugin:
        return entry
    found = load(entry.target)
    modality = getattr(found, "modality", None if kind in MODAL else "")
    if not isinstance(modality, str):
        raise BenchError(
            f"{kind.removesuffix('s')} {name} of {entry.plugin}: {entry.target} does not state its modality; "
            'write modality = "image" or modality = "audio" in the class'
        )
    return replace(entry, modality=modality, judges=getattr(found, "judges", entry.judges))


def elsewhere(name: str) -> str:
    """What a name is of, for the messages of those who took it for something else; empty if it is of nothing."""
    kind = next((one.removesuffix("s") for one in KINDS if name in entries(one)), "")
    return f"it is a {kind} (bench show {name})" if kind else ""


def load(target: str) -> Any:
    """Import what ``module:Attribute`` or ``path/to/file.py:Attribute`` names.

    Raises:
        BenchError: the module, the file or the attribute is missing, or importing it failed.
    """
    module_name, _, attribute = target.rpartition(":")
    try:
        module = _module_of_file(Path(module_name)) if is_file_target(target) else importlib.import_module(module_name)
    except BenchError:
        raise
    except ImportError as error:
        wanted = remedy(error.name or "")
        raise BenchError(f"{target}: cannot be imported: {error}{wanted}{_places(error)}") from error
    except SyntaxError as error:
        other = f"{error.filename}, " if error.filename and Path(error.filename) != Path(module_name) else ""
        raise BenchError(f"{target}: {other}line {error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}"
        raise BenchError(f"{target}: cannot be imported: {said}{_places(error)}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise BenchError(f"{module_name} has no {attribute!r}") from None


def _places(error: BaseException) -> str:
    """Where in somebody's own code an error is, a line each, to be added to a message."""
    from bench.machine.faults import places, trace_of  # imports what listing names does not need

    return "".join(f"\n  {place}" for place in places(trace_of(error)))


def is_file_target(target: str) -> bool:
    """Whether a target names a Python file rather than a module."""
    return target.rpartition(":")[0].endswith(".py")


_FILES: dict[Path, Any] = {}
"""Modules by their file, as it was named."""


def _module_of_file(path: Path) -> Any:
    if not path.is_file():
        if path in _FILES:
            return _FILES[path]  # its code has changed the working directory
        raise BenchError(f"no such file: {path}")
    name = f"bench_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BenchError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # its neighbours can be imported, but hide nothing
    _FILES[path] = module
    spec.loader.exec_module(module)
    return module
