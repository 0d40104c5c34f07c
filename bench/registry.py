"""The registry: names of modalities, tasks, tokenizers, backbones, datasets, metrics and the like.

The built-in lines are in ``bench/lines`` and in ``lines`` of each modality; other packages add theirs through the
entry-point groups ``bench.KIND``, and suites and protocols through ``bench.suites`` and ``bench.protocols``
(``bench/contracts/suite.py``). Nothing here imports what an entry points to until ``load`` is called, so that listing
names costs no torch.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from bench.errors import BenchError, UnknownName
from bench.machine.extras import remedy
from bench.values import Value

if TYPE_CHECKING:
    from bench.modalities.base import Modality

Kind = Literal[
    "tokenizers",
    "quantizers",
    "bottlenecks",
    "estimators",
    "remedies",
    "backbones",
    "tasks",
    "datasets",
    "metrics",
    "recognizers",
    "extractors",
    "modalities",
]
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "extractors")
"""The kinds that ``bench list`` shows; extractors are named by metrics alone."""
SINGULAR: dict[str, str] = {"modalities": "modality", "remedies": "remedy"}
"""Kinds whose singular does not just lack an s."""
FORMER: dict[str, Kind] = {"recognisers": "recognizers"}
"""Former names of kinds, under which plug-ins and command lines still find them."""


@dataclass(frozen=True)
class Entry:
    """One registry line.

    Attributes:
        name: what users type.
        target: ``module:Attribute``, imported on demand.
        summary: one line for ``bench list``.
        args: keyword arguments that the entry fixes; those of the user override them.
        positional: the argument that ``NAME@VALUE`` sets, if any.
        modality: ``image``, ``audio``, ``video``; a metric may name several; empty for any, or where it does not apply.
        tokens: ``discrete``, ``continuous``, ``hybrid`` or ``bytes``, for tokenizers and backbones.
        source: where the definition or the checkpoint comes from.
        license: license of the model or data set.
        weights: names of the weights it needs: files of ``bench/machine/weights.py`` or ``hf:REPO[/SUBFOLDER]``.
        extra: the optional extra of ntp-bench it needs, if any.
        judges: what a metric judges: ``reconstruction`` of samples, ``generation`` of a set, or both.
        values: what a metric gives, in the order of its columns; a metric of another package that has no such line
            is shown under the names that its class gives.
        local: whether ``NAME=PATH`` loads a local checkpoint. A backbone that is not local is a paradigm, trained from
            scratch.
        plugin: the distribution whose entry point it is; empty for a built-in line. What the line of a plug-in lacks
            comes from its class (:func:`get`).
    """

    name: str
    target: str
    summary: str
    args: Mapping[str, Any] = field(default_factory=dict)
    positional: str | None = None
    modality: str | tuple[str, ...] = ""
    tokens: str = ""
    source: str = ""
    license: str = ""
    weights: tuple[str, ...] = ()
    extra: str | None = None
    judges: str | tuple[str, ...] = "reconstruction"
    values: tuple[Value, ...] = ()
    local: bool = False
    plugin: str = ""

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities it names; an empty tuple where it serves any."""
        return _several(self.modality)

    @property
    def scope(self) -> str:
        """Its modalities as text, joined by commas; empty where it serves any."""
        return ", ".join(self.modalities)

    def serves(self, modality: str) -> bool:
        """Whether it can be used for signals of that modality."""
        return not self.modalities or modality in self.modalities

    def can_judge(self, *subjects: str) -> bool:
        """Whether it is a metric of one of the subjects: ``reconstruction``, ``generation``."""
        return not set(subjects).isdisjoint(_several(self.judges))


@cache
def entries(kind: Kind) -> dict[str, Entry]:
    """All entries of a kind by name: those of the built-in modalities, those that serve all, then those of plug-ins.

    A plug-in that takes a name already in use is left out with a warning. Of plug-ins only the faces of modalities are
    imported, which import nothing heavy.
    """
    by_name: dict[str, Entry] = {}
    for entry in _lines(kind):
        if entry.name not in by_name:
            by_name[entry.name] = entry
        elif not entry.plugin:
            raise BenchError(f"two built-in {kind} are called {entry.name!r}")
        else:
            _taken(kind, entry.name, entry.plugin)
    for point in points(kind):
        distribution = point.dist.name if point.dist else "a package"
        if point.name in by_name:
            _taken(kind, point.name, distribution)
            continue
        summary = f"plug-in of {distribution}"
        by_name[point.name] = Entry(point.name, point.value, summary, source=distribution, plugin=distribution)
    return by_name


def points(kind: str) -> Iterable[metadata.EntryPoint]:
    """The entry points that installed packages have for a kind, under its present name and its former one."""
    groups = [f"bench.{kind}", *(f"bench.{former}" for former, present in FORMER.items() if present == kind)]
    return (point for group in groups for point in _installed().select(group=group))


@cache
def _installed() -> Any:
    """All entry points of the environment, to be selected from: to read one group takes as long as to read all."""
    return metadata.entry_points()


def _taken(kind: Kind, name: str, distribution: str) -> None:
    warnings.warn(f"{distribution}: {kind} {name!r} is taken; ignored", stacklevel=3)


def _lines(kind: Kind) -> Iterator[Entry]:
    """The lines of built-in modalities, those that serve all modalities, and those of installed modalities."""
    faces = _faces() if kind != "modalities" else []
    for plugin, face in faces:
        if not plugin:
            yield from _lines_of(kind, plugin, face)
    if kind == "tasks":
        for plugin, face in faces:
            yield from _marked(load("bench.lines.tasks:tasks_of")(face), plugin)
    elif importlib.util.find_spec(f"bench.lines.{kind}"):
        yield from load(f"bench.lines.{kind}:ENTRIES")
    for plugin, face in faces:
        if plugin:
            yield from _lines_of(kind, plugin, face)


def _lines_of(kind: Kind, plugin: str, face: Modality) -> Iterator[Entry]:
    if target := face.lines.get(kind):
        yield from _marked(load(target), plugin)


def _marked(lines: Iterable[Entry], plugin: str) -> Iterator[Entry]:
    """Lines, with the package that they are plug-ins of."""
    return (replace(line, plugin=plugin) if plugin else line for line in lines)


def forget() -> None:
    """Look again at what is installed when next asked."""
    for found in (entries, values, _faces, _installed):
        found.cache_clear()


@cache
def _faces() -> list[tuple[str, Modality]]:
    """The faces of all modalities, each with the package that it is a plug-in of; one that fails gives a warning."""
    faces: list[tuple[str, Modality]] = []
    for entry in entries("modalities").values():
        try:
            faces.append((entry.plugin, load(entry.target)))
        except BenchError as error:
            if not entry.plugin:
                raise
            warnings.warn(f"{entry.plugin}: modality {entry.name!r} is ignored: {error}", stacklevel=2)
    return faces


def modality(name: str) -> Modality:
    """The face of the modality of that name.

    Raises:
        UnknownName: there is none of that name; the message offers similar ones.
    """
    faces = {face.name: face for _, face in _faces()}
    if name not in faces:
        raise UnknownName("modality", name, faces)
    return faces[name]


def get(kind: Kind, name: str) -> Entry:
    """The entry of that name; that of a plug-in is imported and is an Entry, or a class that states what it is.

    Raises:
        UnknownName: there is none of that name; the message offers similar ones.
        BenchError: a plug-in cannot be imported, or does not state its modality.
    """
    by_name = entries(kind)
    if name not in by_name:
        raise UnknownName(singular(kind), name, by_name, elsewhere(name))
    entry = by_name[name]
    return _stated(kind, entry) if _is_point(entry) else entry


MODAL: tuple[Kind, ...] = ("datasets", "metrics", "tasks")
"""Kinds that must state a modality."""


def _is_point(entry: Entry) -> bool:
    """Whether an entry is an entry point of which nothing is known yet; the lines of a modality say it all."""
    return bool(entry.plugin) and entry.summary == f"plug-in of {entry.plugin}"


def _stated(kind: Kind, entry: Entry) -> Entry:
    """The entry of a plug-in with what it states: by an Entry, by its class's ``ENTRY``, or by facts of its class."""
    implementation = load(entry.target)
    line = implementation if isinstance(implementation, Entry) else getattr(implementation, "ENTRY", None)
    if isinstance(line, Entry):
        target = line.target or entry.target
        entry = replace(line, name=entry.name, target=target, source=line.source or entry.source, plugin=entry.plugin)
        stated = line.modality or None
    else:
        stated = getattr(implementation, "modality", None)
        entry = replace(entry, local=True, judges=getattr(implementation, "judges", entry.judges))
    if kind in MODAL and not isinstance(stated, str | tuple):
        raise BenchError(
            f"{singular(kind)} {entry.name} of {entry.plugin}: {entry.target} does not state its modality; "
            f'write ENTRY = Entry(..., modality="NAME") in the class, with one of '
            f"{', '.join(face.name for _, face in _faces())}"
        )
    return replace(entry, modality=stated if isinstance(stated, str | tuple) else "")


def elsewhere(name: str) -> str:
    """Which kind has a name, for messages to those who took it for another kind; empty if none has it."""
    kind = next((singular(candidate) for candidate in KINDS if name in entries(candidate)), "")
    article = "an" if kind[:1] in tuple("aeiou") else "a"
    return f"it is {article} {kind} (bench show {name})" if kind else ""


def singular(kind: str) -> str:
    """What one of a kind is called: ``tokenizer`` of ``tokenizers``."""
    return SINGULAR.get(kind, kind.removesuffix("s"))


def load(target: str) -> Any:
    """What ``module:Attribute`` or ``path/to/file.py:Attribute`` names, imported.

    Raises:
        BenchError: the module, the file or the attribute is missing, or importing it failed.
    """
    module_name, _, attribute = target.rpartition(":")
    try:
        module = _module_of_file(Path(module_name)) if is_file_target(target) else importlib.import_module(module_name)
    except BenchError:
        raise
    except ImportError as error:
        raise BenchError(f"{target}: cannot be imported: {error}{_places(error)}", remedy(error.name or "")) from error
    except SyntaxError as error:
        file = f"{error.filename}, " if error.filename and Path(error.filename) != Path(module_name) else ""
        raise BenchError(f"{target}: {file}line {error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        cause = f"{type(error).__name__}: {error}"
        raise BenchError(f"{target}: cannot be imported: {cause}{_places(error)}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise BenchError(f"{module_name} has no {attribute!r}") from None


def _places(error: BaseException) -> str:
    """Where in the user's code an error is, one line per place, to be added to a message."""
    from bench.machine.faults import places, trace_of  # imports what listing names does not need

    return "".join(f"\n  {place}" for place in places(trace_of(error)))


def is_file_target(target: str) -> bool:
    """Whether a target names a Python file rather than a module."""
    return target.rpartition(":")[0].endswith(".py")


_FILES: dict[Path, Any] = {}
"""Imported modules by their file, as the user named it."""


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
        sys.path.append(folder)  # its neighbors can be imported, but hide nothing
    _FILES[path] = module
    spec.loader.exec_module(module)
    return module


def line(metric: str) -> Entry:
    """The built-in line of a metric, for its class to read.

    It looks at no plug-in, so that a class can be defined while plug-ins are being found.

    Raises:
        UnknownName: there is none of that name.
    """
    known = _built_in_metrics()
    if metric not in known:
        raise UnknownName("metric", metric, known)
    return known[metric]


@cache
def _built_in_metrics() -> dict[str, Entry]:
    faces = (face for plugin, face in _faces() if not plugin)
    lines = [entry for face in faces for entry in _lines_of("metrics", "", face)]
    return {entry.name: entry for entry in (*lines, *load("bench.lines.metrics:ENTRIES"))}


@cache
def values() -> Mapping[str, Value]:
    """Every value that has a line, by name: those of metrics in the order of their lines, then those of tasks.

    Of two lines with the same name the first holds; built-in ones come before those of plug-ins. A metric that is an
    entry point of its own has no lines here, since it is not imported.
    """
    by_name: dict[str, Value] = {}
    for plugged in (False, True):
        for entry in entries("metrics").values():
            if bool(entry.plugin) == plugged:
                _add(by_name, entry.values)
        for plugin, face in _faces():
            if bool(plugin) == plugged:
                _add(by_name, load(face.lines["values"]) if "values" in face.lines else ())
                _add(by_name, (face.bits.value,) if face.bits else ())
        if not plugged:
            _add(by_name, load("bench.lines.values:VALUES"))
    return by_name


def _add(by_name: dict[str, Value], lines: Iterable[Value]) -> None:
    for value in lines:
        by_name.setdefault(value.name, value)


def givers(value: str) -> list[str]:
    """The names of the metrics whose lines have a value of that name."""
    return [name for name, entry in entries("metrics").items() if any(line.name == value for line in entry.values)]


def users(weights: str) -> list[str]:
    """The names of the values and tokenizers that need a weights file, in the order of their lines.

    Values that are not always given are left out.
    """
    needing = [entry for entry in entries("metrics").values() if weights in entry.weights]
    values = dict.fromkeys(value.name for entry in needing for value in entry.values if value.always)
    return [*values, *(entry.name for entry in entries("tokenizers").values() if weights in entry.weights)]


def _several(stated: str | tuple[str, ...]) -> tuple[str, ...]:
    """The names in a field that states none, one or several."""
    return stated if isinstance(stated, tuple) else (stated,) if stated else ()
