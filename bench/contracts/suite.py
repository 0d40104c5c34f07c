"""Suites: YAML files of tasks and systems, validated."""

from __future__ import annotations

import importlib.util
import warnings
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from bench import registry
from bench.contracts.settings import check_sections, validated
from bench.errors import BenchError, UnknownName
from bench.machine.documents import parse_yaml, problem
from bench.machine.files import read_stored


class SuiteTask(BaseModel):
    """A task of a suite, with its protocol and its data set."""

    model_config = ConfigDict(extra="forbid")

    task: str
    protocol: str = "default"
    dataset: str = ""


class Suite(BaseModel):
    """A suite: every task is measured on every system."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str
    tasks: list[SuiteTask] = Field(min_length=1)
    systems: list[str] = Field(default_factory=list, description="system specs, as for --system")


def shipped(kind: str) -> dict[str, Path]:
    """The YAML files of a kind (``suites``, ``protocols`` or ``golden``) by name: the bench's, then those of plug-ins.

    A package offers ``suites/NAME.yaml``, or ``protocols/NAME.yaml``, by the entry point ``NAME = "PACKAGE"`` of the
    group ``bench.suites``, or ``bench.protocols``; the package is not imported. One that takes a name already in
    use is left out with a warning.
    """
    folder = Path(str(resources.files("bench.tasks"))) / kind
    files = {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    for point in registry.points(kind):
        package = point.dist.name if point.dist else "a package"
        spec = importlib.util.find_spec(point.value)
        places = [
            Path(place) / kind / f"{point.name}.yaml" for place in (spec and spec.submodule_search_locations) or ()
        ]
        file = next((place for place in places if place.is_file()), None)
        if point.name in files or file is None:
            why = "is taken" if point.name in files else f"is not in {point.value}/{kind}"
            warnings.warn(f"{package}: {kind} {point.name!r} {why}; ignored", stacklevel=2)
        else:
            files[point.name] = file
    return files


def load_suite(name: str) -> Suite:
    """A shipped suite by name, or the user's own by the path of its YAML file.

    Raises:
        UnknownName: no suite has that name.
        BenchError: the file does not exist or is not a suite.
    """
    file = _file("suite", "suites", name)
    return validated(Suite, read_yaml(file), str(file))


def load_preset(name: str) -> tuple[str, dict[str, Any]]:
    """The name and the settings of a protocol preset, given by name or by the path of a YAML file.

    Raises:
        UnknownName: no preset has that name.
        BenchError: the file does not exist or is not a protocol.
    """
    file = _file("protocol", "protocols", name)
    content = read_yaml(file)
    content.pop("description", None)
    check_sections(content, str(file))
    return file.stem, content


def undescribed(name: str) -> BenchError | None:
    """The error of a preset without a description, returned so that it can be reported with all others; else None."""
    file = _file("protocol", "protocols", name)
    if read_yaml(file).get("description") is None:
        return BenchError(f"{file}: description: is missing; say in one line what the protocol is for")
    return None


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        BenchError: it cannot be read, is not YAML or is not a mapping; the message names the file and the place.
    """
    try:
        content = parse_yaml(read_stored(file).decode("utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BenchError(f"{file}{where}: not YAML: {problem(error)}") from error
    except UnicodeDecodeError as error:
        raise BenchError(f"{file}: not UTF-8 text; save it as UTF-8") from error
    except (OSError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BenchError(f"{file}: {reason}") from error
    if not isinstance(content, dict):
        raise BenchError(f"{file}: not a mapping of names to values")
    return content


def is_file(name: str) -> bool:
    """Whether a suite or a protocol is given by the path of its YAML file."""
    return name.endswith((".yaml", ".yml"))


def _file(what: str, kind: str, name: str) -> Path:
    if is_file(name):
        if not Path(name).is_file():
            raise BenchError(f"no such {what} file: {name}")
        return Path(name)
    files = shipped(kind)
    if name not in files:
        beside = next((file for ending in ("", ".yaml", ".yml") if (file := Path(name + ending)).is_file()), None)
        remark = f"to use the file {beside}, give its path, which must end in .yaml" if beside else ""
        raise UnknownName(what, name, files, remark)
    return files[name]
