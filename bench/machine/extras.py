"""The project's requirements and optional extras, and the command that installs what is missing."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.errors import Unavailable

PROJECT = "ntp-bench"
ALL = "all"
DISTRIBUTIONS = {
    "PIL": "pillow",
    "ai_edge_litert": "visqol-python",
    "faiss": "faiss-cpu",
    "pynvml": "nvidia-ml-py",
    "skimage": "scikit-image",
    "visqol": "visqol-python",
    "yaml": "pyyaml",
}
"""Distributions of modules whose names differ by more than hyphens."""


@cache
def requirements() -> dict[str, tuple[Requirement, ...]]:
    """The requirements of each extra, the smallest extra first; the empty name has those without extras."""
    declared = [Requirement(text) for text in metadata.requires(PROJECT) or ()]
    names = {extra for line in declared for extra in re.findall(r"""extra == ["']([\w-]+)["']""", str(line.marker))}
    extras = {name: _of_extra(name, declared) for name in names - {ALL}}
    always = tuple(line for line in declared if line.marker is None or line.marker.evaluate({"extra": ""}))
    return {"": always} | dict(sorted(extras.items(), key=lambda item: len(item[1])))


def _of_extra(extra: str, declared: list[Requirement]) -> tuple[Requirement, ...]:
    """The requirements that an extra adds, including those of the extras that it names."""
    added: list[Requirement] = []
    for line in declared:
        if line.marker is None or line.marker.evaluate({"extra": ""}) or not line.marker.evaluate({"extra": extra}):
            continue
        if canonicalize_name(line.name) == PROJECT:
            added += [requirement for named in sorted(line.extras) for requirement in _of_extra(named, declared)]
        else:
            added.append(line)
    return tuple(added)


def extra_of(module: str) -> str | None:
    """The smallest extra that installs a module; empty if it needs no extra, None if no requirement installs it."""
    top = module.partition(".")[0]
    distribution = canonicalize_name(DISTRIBUTIONS.get(top, top))
    for extra, lines in requirements().items():
        if any(canonicalize_name(line.name) == distribution for line in lines):
            return extra
    return None


def lacking(extra: str) -> list[Requirement]:
    """The requirements of an extra that are not installed here, or not in a version that they allow."""
    return [line for line in requirements()[extra] if not _met(line)]


def _met(line: Requirement) -> bool:
    try:
        return line.specifier.contains(metadata.version(line.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def remedy(*modules: str) -> str:
    """The remedy of a message where a module is missing: what to run; empty if no requirement installs it.

    Of several modules the first that a requirement installs counts.
    """
    extra = next((extra for module in modules if (extra := extra_of(module)) is not None), None)
    return "" if extra is None else f"run: {install(extra)}"


def require_packages(factory: Any, what: str) -> None:
    """Check the packages that a class imports only when it is built, which it names as ``packages``.

    Args:
        factory: the class.
        what: what the message begins with.

    Raises:
        Unavailable: one is not installed; the message has the command that installs it.
    """
    for package in getattr(factory, "packages", ()):
        if importlib.util.find_spec(package) is None:
            raise Unavailable(f"{what} needs {package}", remedy(package))


def install(extra: str) -> str:
    """The command that installs an extra, or for an empty name the project's requirements, in this environment.

    The project is not on an index. If the folder that it was installed from still exists, the command installs that
    again with the extra, under its constraints; otherwise it installs the extra's requirements by their names.
    """
    command = "pip install" if _is_own(shutil.which("pip")) else f"{shlex.quote(sys.executable)} -m pip install"
    folder, editable = _folder()
    if folder is None:
        lines = lacking(extra) or requirements()[extra]
        return " ".join([command, *(shlex.quote(_plain(line)) for line in lines)])
    root = "." if folder == Path.cwd() else str(folder)
    constraints = folder / "constraints.txt"
    parts = [command]
    if constraints.is_file():
        parts += ["-c", shlex.quote(constraints.name if root == "." else str(constraints))]
    return " ".join([*parts, *(["-e"] if editable else []), shlex.quote(f"{root}[{extra}]" if extra else root)])


def _is_own(pip: str | None) -> bool:
    """Whether a ``pip`` belongs to this environment."""
    return pip is not None and Path(pip).parent == Path(sys.executable).parent


def _plain(line: Requirement) -> str:
    """A requirement as pip takes it, without the marker for its extra."""
    extras = f"[{','.join(sorted(line.extras))}]" if line.extras else ""
    return f"{line.name}{extras}{line.specifier}"


@cache
def _folder() -> tuple[Path | None, bool]:
    """The folder that the project was installed from, None if it is gone, and whether its code is run from there."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout, True
    origin = json.loads(metadata.distribution(PROJECT).read_text("direct_url.json") or "{}")
    if "dir_info" not in origin:
        return None, False
    folder = Path(unquote(urlparse(origin["url"]).path))
    return (folder if (folder / "pyproject.toml").is_file() else None), False
