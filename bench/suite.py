"""Suites: YAML files of tasks and systems, validated."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import BenchError, UnknownName


class SuiteTask(BaseModel):
    """A task of a suite with the protocol and the data it runs under."""

    model_config = ConfigDict(extra="forbid")

    task: str
    protocol: str = "default"
    dataset: str = ""


class Suite(BaseModel):
    """Tasks times systems."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str
    tasks: list[SuiteTask] = Field(min_length=1)
    systems: list[str] = Field(default_factory=list, description="system specs, as for --system")


def shipped(kind: str) -> dict[str, Path]:
    """The YAML files that come with the package, by name: ``suites``, ``protocols`` or ``golden``."""
    folder = Path(str(resources.files("bench.tasks"))) / kind
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_suite(name: str) -> Suite:
    """A shipped suite by name, or one's own by the path of its YAML file."""
    file = _file("suite", "suites", name)
    try:
        return Suite.model_validate(read_yaml(file))
    except ValidationError as error:
        raise BenchError(f"{file}: {explain(error)}") from error


def load_preset(name: str) -> tuple[str, dict[str, Any]]:
    """A protocol preset's name and settings: a shipped one, or the path of a YAML file."""
    file = _file("protocol", "protocols", name)
    content = read_yaml(file)
    if content.pop("description", None) is None:
        raise BenchError(f"{file}: a protocol needs a description")
    return file.stem, content


def read_yaml(file: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping; BenchError names the file and the place otherwise."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BenchError(f"{file}: {error}") from error
    if not isinstance(content, dict):
        raise BenchError(f"{file}: not a mapping of names to values")
    return content


def explain(error: ValidationError) -> str:
    """The first thing a validation found wrong, in one line: place and reason."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _file(what: str, kind: str, name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise BenchError(f"no such {what} file: {name}")
        return Path(name)
    known = shipped(kind)
    if name not in known:
        raise UnknownName(what, name, known)
    return known[name]
