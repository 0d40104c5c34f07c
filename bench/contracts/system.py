"""System specs: what users write to name a system, and how a system is built and identified."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from bench import registry
from bench.contracts import spec_text
from bench.contracts.arguments import mistyped, usage
from bench.contracts.signatures import check_file
from bench.contracts.system_contents import hash_tree, names_existing, source_of
from bench.errors import BenchError, Unavailable, UnknownName
from bench.machine.documents import problem
from bench.machine.extras import require_packages
from bench.machine.watch import watched
from bench.machine.weights import FILES, WeightStore
from bench.tokenizers.configurations import CONFIG, configuration_file, files_with

if TYPE_CHECKING:
    from bench.backbones.pretrained.base import PretrainedBackbone
    from bench.contracts.results import SystemRecord
    from bench.quantizers.trained.base import Bottleneck
    from bench.tokenizers.base import Tokenizer

ON_HUB = "file"
"""The argument that names a file of a hub's repository, whatever file of that name is on this machine."""
GRAMMAR = "NAME, NAME@VALUE, NAME@key=value,key=value, NAME=PATH or my_file.py:Class[@key=value]"


@dataclass(frozen=True)
class SystemSpec:
    """A system to measure.

    Attributes:
        text: as the user wrote it; its name in results and tables.
        entry: its registry line; made up on the spot for a class given as ``file.py:Class``.
        args: constructor arguments that the user gave.
    """

    kind: ClassVar[str] = "tokenizer"
    """What the spec names; a task states the kinds that it measures."""
    given_later: ClassVar[Mapping[str, Any]] = {}
    """Arguments that its class takes from the task, each with some value."""
    measured_by: ClassVar[str] = ""
    """What measures such systems, for messages of tasks that do not; empty where many do."""

    text: str
    entry: registry.Entry
    args: dict[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        """The entry's arguments overridden by the user's."""
        return {**self.entry.args, **self.args}

    def resolved(self) -> dict[str, Any]:
        """All constructor arguments with the class's defaults written out; imports the class."""
        defaults = {p.name: p.default for p in self.parameters.values() if p.default is not p.empty}
        return {**defaults, **self.arguments}

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The parameters of its class's constructor; imports the class."""
        return inspect.signature(registry.load(self.entry.target)).parameters

    @property
    def inner(self) -> SystemSpec | None:
        """The tokenizer that its argument ``of`` names, whose tokens it makes others of; None without one."""
        of = self.arguments.get("of")
        return parse(str(of), "tokenizers") if of and self.kind == "tokenizer" and not self.is_own else None

    def serves(self, modality: str) -> bool:
        """Whether it may be of a modality, as its line or else its class states; imports the class."""
        system = self.inner or self
        stated = system.entry.modalities or (getattr(registry.load(system.entry.target), "modality", ""),)
        return modality in stated or not any(stated)

    @property
    def is_own(self) -> bool:
        """Whether its class is the user's or a package's rather than the bench's."""
        return not self.entry.target.startswith("bench.")

    def paths(self) -> list[Path]:
        """The existing files and folders that its arguments name."""
        return [Path(value) for key, value in self.arguments.items() if key != ON_HUB and names_existing(value)]

    def identity(self) -> dict[str, Any]:
        """What decides the system's numbers, as far as known before it is built: code, arguments, file hashes."""
        named = {key: Path(value) for key, value in self.arguments.items() if key != ON_HUB and names_existing(value)}
        files = {key: hash_tree(path) for key, path in named.items()}
        if "path" in named and named["path"].is_file():
            files |= {f"beside: {path.name}": hash_tree(path) for path in files_with(named["path"])}
        files |= source_of(self.entry.target)
        if repo := self.arguments.get("repo"):
            from bench.tokenizers.checkpoint import cached_revision

            place = (self.arguments.get(key) for key in ("subfolder", "revision", "file"))
            files["commit"] = cached_revision(repo, *place) or "not in the cache"
        of = {"of": self.inner.identity()} if self.inner else {}
        return {"target": self.entry.target, "arguments": self.arguments, "files": files, **of}

    def record(self, **built: Any) -> SystemRecord:
        """The record of the system for a result; imports the class.

        Args:
            built: the fields that only the built system knows.
        """
        from bench.contracts.results import SystemRecord  # numpy, which naming a system does not need

        return SystemRecord(
            name=self.text,
            entry=self.entry.name,
            target=self.entry.target,
            arguments=self.resolved() | self._other_configuration(),
            source=self.entry.source,
            license=self.entry.license,
            **built,
        )

    def _other_configuration(self) -> dict[str, Any]:
        """The argument ``config`` where the checkpoint's own file counts instead of the configuration of the line."""
        if "config" not in self.entry.args or "config" in self.args:
            return {}
        path, file = self.arguments.get("path"), self.arguments.get(ON_HUB)
        if path is None or not Path(path).is_file():
            return {} if path is None and file else {"config": CONFIG}
        beside = configuration_file(Path(path))
        return {"config": beside.name} if beside else {}

    def check(self) -> None:
        """Check that the class takes the arguments and finds its packages; imports the class.

        Raises:
            BenchError: it is not a class, or does not take the arguments.
            Unavailable: a package that it needs is not installed.
        """
        factory = registry.load(self.entry.target)
        if not callable(factory):
            what = "a module" if inspect.ismodule(factory) else f"of the type {type(factory).__name__}"
            raise BenchError(f"{self.text}: {self.entry.target} is {what}, not a class of a {self.kind}")
        require_packages(factory, self.text)
        self._require_own_arguments(factory, self.given_later)
        try:
            inspect.signature(factory).bind(**self.given_later, **self.arguments)
        except (TypeError, ValueError) as error:  # ValueError: a built-in class that does not state its arguments
            hint = usage(self.entry, factory, self.given_later)
            if self.is_own and str(error) == "missing a required argument: 'width'":
                hint += "; a bottleneck is a subclass of bench.quantizers.trained.base.Bottleneck"
            raise BenchError(f"{self.text}: {error}; {hint}") from error

    def _require_own_arguments(self, factory: Any, stated: Mapping[str, Any]) -> None:
        """Check that the text gives no argument that the bench states itself."""
        if taken := next((name for name in self.arguments if name in stated), None):
            raise BenchError(f"{self.text}: {taken} is set by the bench; {usage(self.entry, factory, stated)}")

    def uncastable(self, dtype: str) -> str:
        """Why its class gives no result in a dtype; empty if it may give one. Imports the class."""
        if self.kind != "tokenizer" or dtype == "float32":
            return ""
        import torch

        from bench.tokenizers.base import require_castable

        try:
            require_castable(registry.load(self.entry.target), getattr(torch, dtype))
        except BenchError as reason:
            return str(reason)
        return ""

    @property
    def named_weights(self) -> tuple[str, ...]:
        """The files of ``bench/machine/weights.py`` that it reads; none of them where its argument names a folder."""
        return () if self.arguments.get("path") else tuple(name for name in self.entry.weights if name in FILES)

    def lacking(self) -> str:
        """Which checkpoint or files are not in the cache, and the command that fetches them; empty if none is missing.

        Never touches the network.
        """
        if self.inner:
            return self.inner.lacking()
        if absent := [name for name in self.named_weights if WeightStore(offline=True).present(name) is None]:
            command = FILES[absent[0]].fetch_command
            return f"{self.text}: its weights {', '.join(absent)} are not in the cache; run: {command}"
        repo, revision = self.arguments.get("repo"), self.arguments.get("revision")
        if not repo or self.arguments.get("path") or not self.entry.target.startswith("bench."):
            return ""
        try:
            command = self._fetch_command(repo, revision)
        except Unavailable as reason:  # without the library that knows the cache
            return f"{self.text}: {reason}"
        return f"{self.text}: its checkpoint {repo} is not in the cache; run: {command}" if command else ""

    def _fetch_command(self, repo: str, revision: str | None) -> str:
        """The command that fetches the checkpoint; empty if all of it is in the cache."""
        from bench.tokenizers.checkpoint import checkpoint_present, fetch_command, parts_of

        for part in parts_of(self.arguments):
            if not checkpoint_present(repo, **part):
                return fetch_command(repo, part["subfolder"], revision, part["file"])
        return ""

    def build(self, **stated: Any) -> Tokenizer:
        """The tokenizer, built.

        Args:
            stated: arguments that the protocol decides.

        Raises:
            BenchError: the arguments do not fit, or what is built is not a Tokenizer.
        """
        from bench.tokenizers.base import Tokenizer  # imports torch

        system = self._built(stated)
        if not isinstance(system, Tokenizer):
            raise BenchError(f"{self.text}: {type(system).__name__} is not a bench.tokenizers.base.Tokenizer")
        return system

    def _built(self, stated: dict[str, Any]) -> Any:
        with watched():
            self.check()
            return self._made(registry.load(self.entry.target), stated)

    def _made(self, factory: Any, stated: Mapping[str, Any]) -> Any:
        arguments = {**self.arguments, **stated}
        try:
            return factory(**arguments)
        except BenchError as error:
            if self.text in str(error) or isinstance(error, Unavailable):
                raise
            raise BenchError(f"{self.text}: {error}") from error
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            # Not for classes of users, whose errors need the place in their code.
            if not self.is_own and (wrong := mistyped(factory, arguments)):
                hint = usage(self.entry, factory, {**self.given_later, **stated})
                raise BenchError(f"{self.text}: {wrong}; {hint}") from error
            raise


@dataclass(frozen=True)
class BackboneSpec(SystemSpec):
    """A pretrained backbone to measure."""

    kind: ClassVar[str] = "backbone"

    def check(self) -> None:
        """As :meth:`SystemSpec.check`, and BenchError if the backbone is a paradigm, which does not come pretrained."""
        if not self.entry.local:
            raise BenchError(
                f"{self.text} is a paradigm, in which probes are trained; measure a tokenizer with it: "
                f"probe: {{paradigm: {self.entry.name}}} in a --protocol file of token-modelling or ntp-probe"
            )
        super().check()

    def _fetch_command(self, repo: str, revision: str | None) -> str:
        from bench.backbones.pretrained.files import fetch_command, files_of

        return "" if files_of(self.entry).present(repo, revision) else fetch_command(repo, revision)

    def pretrained(self, task: str, modality: str) -> type[PretrainedBackbone]:
        """Its class, which states the conditions it takes; loads no weights.

        Args:
            task: name of the task, for the message.
            modality: the task's modality.

        Raises:
            BenchError: it is not a pretrained backbone, or of another modality.
        """
        from bench.backbones.pretrained.base import PretrainedBackbone  # imports torch

        backbone = registry.load(self.entry.target)
        if not (isinstance(backbone, type) and issubclass(backbone, PretrainedBackbone)):
            name = getattr(backbone, "__name__", self.entry.target)
            raise BenchError(f"{self.text}: {name} is not a bench.backbones.pretrained.base.PretrainedBackbone")
        if backbone.modality != modality:
            raise BenchError(f"{self.text} generates {backbone.modality}; {task} takes {modality}")
        return backbone

    def backbone(self, **stated: Any) -> PretrainedBackbone:
        """The backbone, built, with its tokenizer; ``stated`` are arguments that the protocol decides."""
        from bench.backbones.pretrained.base import PretrainedBackbone  # imports torch

        system = self._built(stated)
        if not isinstance(system, PretrainedBackbone):
            kind = "bench.backbones.pretrained.base.PretrainedBackbone"
            raise BenchError(f"{self.text}: {type(system).__name__} is not a {kind}")
        return system


@dataclass(frozen=True)
class BottleneckSpec(SystemSpec):
    """A bottleneck to train."""

    kind: ClassVar[str] = "bottleneck"
    given_later: ClassVar[Mapping[str, Any]] = {"width": 1}
    measured_by: ClassVar[str] = "bench run --suite collapse trains it"

    def identity(self) -> dict[str, Any]:
        """As :meth:`SystemSpec.identity`, with the code of an estimator or a remedy that is the user's."""
        whole = super().identity()
        own = {name: source_of(name) for name in self.own_parts}
        return {**whole, "parts": own} if own else whole

    @property
    def own_parts(self) -> list[str]:
        """The estimators and remedies of its arguments that are classes in files of the user."""
        names = (spec_text.name_and_rest(value)[0] for value in self.arguments.values() if isinstance(value, str))
        return [name for name in names if registry.is_file_target(name)]

    def bottleneck(self, width: int) -> Bottleneck:
        """The bottleneck for latents of ``width`` dimensions, untrained; its weights depend on torch's seed.

        Raises:
            BenchError: the arguments do not fit, or what is built is not a Bottleneck.
        """
        from bench.quantizers.trained.base import Bottleneck  # imports torch

        system = self._built({"width": width})
        if not isinstance(system, Bottleneck):
            kind = "bench.quantizers.trained.base.Bottleneck"
            raise BenchError(f"{self.text}: {type(system).__name__} is not a {kind}")
        return system


def part(kind: registry.Kind, text: str, **stated: Any) -> Any:
    """What a text such as ``gumbel@start=2`` names of a kind that is part of a system, built.

    Args:
        stated: arguments that do not come from the text.

    Raises:
        UnknownName: nothing of that kind has the name.
        BenchError: it does not take the arguments, or the text is empty.
    """
    if not text:
        raise BenchError(f"no {registry.singular(kind)} is named", f"all names: bench list {kind}")
    spec = parse(str(text), kind)
    factory = registry.load(spec.entry.target)
    spec._require_own_arguments(factory, stated)
    try:
        inspect.signature(factory).bind(**stated, **spec.arguments)
    except (TypeError, ValueError) as error:
        raise BenchError(f"{spec.text}: {error}; {usage(spec.entry, factory, stated)}") from error
    return spec._made(factory, stated)


_SPECS: Mapping[registry.Kind, type[SystemSpec]] = {"backbones": BackboneSpec, "bottlenecks": BottleneckSpec}


def parse(text: str, kind: registry.Kind | None = None) -> SystemSpec:
    """The tokenizer, the pretrained backbone or the bottleneck that the user wrote.

    The name ends at the first ``@`` or ``=``, that of a class of a file at the first after the file's path: what
    follows ``@`` are arguments, what follows ``=`` the path of a local checkpoint. Values are read as YAML scalars:
    ``4``, ``0.5``, ``true``, ``name``.

    Args:
        kind: the registry kind of the name; found out if not given.

    Raises:
        UnknownName: nothing has the name; the message offers similar ones.
        BenchError: the text is not of this form, or names a file that does not exist; the message shows the grammar.
    """
    name, mark, rest = spec_text.name_and_rest(text)
    file = spec_text.class_file(text)
    if file and ":" not in name and not registry.elsewhere(name):
        raise BenchError(f"{text}: no such file: {file}")
    if not name or (mark and not rest):
        raise BenchError(f"{text!r} does not name a system; write {GRAMMAR}")
    if name.endswith(".py"):
        raise BenchError(f"{text!r} names a file; write {name}:CLASS")
    kind = kind or _kind(name)
    entry = _custom(name) if ":" in name else registry.get(kind, name)
    spec = _SPECS.get(kind, SystemSpec)
    if mark == "=":
        if not entry.local:
            raise BenchError(f"{text}: {name} cannot load a local checkpoint; write {name}@key=value")
        if not Path(rest).exists():
            raise BenchError(f"{text}: no such file or folder: {rest}")
        return spec(text, entry, {"path": rest})
    return spec(text, entry, _arguments(text, entry, rest) if mark else {})


def _kind(name: str) -> registry.Kind:
    """The registry kind of a name; a class given by its code is recognized by methods that only its kind has."""
    if ":" not in name:
        kinds: tuple[registry.Kind, ...] = ("tokenizers", "backbones", "bottlenecks")
        known = {kind: registry.entries(kind) for kind in kinds}
        if found := next((kind for kind in kinds if name in known[kind]), None):
            return found
        named: dict[str, Iterable[str]] = {registry.singular(kind): known[kind] for kind in kinds}
        named["backbone"] = [other for other, entry in known["backbones"].items() if entry.local]
        raise UnknownName.among(name, named, registry.elsewhere(name))
    if registry.is_file_target(name) and name.rpartition(":")[2].isidentifier():
        check_file(name)  # faster than importing it
    try:
        found = registry.load(name)
    except BenchError:  # the check of the system will report it
        return "tokenizers"
    return "backbones" if hasattr(found, "generate") else "bottlenecks" if hasattr(found, "upkeep") else "tokenizers"


def _custom(name: str) -> registry.Entry:
    module, _, attribute = name.rpartition(":")
    if not attribute.isidentifier():
        raise BenchError(f"{name!r} does not name a class; write my_file.py:Class or package.module:Class")
    return registry.Entry(name, name, "given by its code", source=module, local=True)


def _arguments(text: str, entry: registry.Entry, rest: str) -> dict[str, Any]:
    args: dict[str, Any] = {}
    for key, value in spec_text.arguments(rest):
        if not key:
            if entry.positional is None:
                raise BenchError(f"{text}: {entry.name} takes key=value arguments; write {GRAMMAR}")
            key = entry.positional
        if key in args:
            raise BenchError(f"{text}: argument {key} is given twice")
        try:
            args[key] = spec_text.value(value)
        except yaml.YAMLError as error:
            raise BenchError(f"{text}: {key}={value} is not a value ({problem(error)}); put text in quotes") from error
    return args
