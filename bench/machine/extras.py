"""The project's requirements, its optional extras among them, and the command that installs what is missing here."""

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
    "skimage": "scikit-image",
    "visqol": "visqol-python",
    "yaml": "pyyaml",
}
"""Distributions of the modules whose names differ from theirs by more than hyphens."""


@cache
def requirements() -> dict[str, tuple[Requirement, ...]]:
    """What each extra requires, the smallest first; under the empty name what the project requires without extras."""
    declared = [Requirement(text) for text in metadata.requires(PROJECT) or ()]
    names = {extra for line in declared for extra in re.findall(r"""extra == ["']([\w-]+)["']""", str(line.marker))}
    extras = {name: _of_extra(name, declared) for name in names - {ALL}}
    always = tuple(line for line in declared if line.marker is None or line.marker.evaluate({"extra": ""}))
    return {"": always} | dict(sorted(extras.items(), key=lambda item: len(item[1])))


def _of_extra(extra: str, declared: list[Requirement]) -> tuple[Requirement, ...]:
    """The requirements that an extra adds, those of the extras that it names included."""
    found: list[Requirement] = []
    for line in declared:
        if line.marker is None or line.marker.evaluate({"extra": ""}) or not line.marker.evaluate({"extra": extra}):
            continue
        if canonicalize_name(line.name) == PROJECT:
            found += [each for named in sorted(line.extras) for each in _of_extra(named, declared)]
        else:
            found.append(line)
    return tuple(found)


def extra_of(module: str) -> str | None:
    """The smallest extra that brings a module; empty if no extra is needed for it, None if it is of no requirement."""
    top = module.partition(".")[0]
    distribution = canonicalize_name(DISTRIBUTIONS.get(top, top))
    for extra, lines in requirements().items():
        if any(canonicalize_name(line.name) == distribution for line in lines):
            return extra
    return None


def lacking(extra: str) -> list[Requirement]:
    """The requirements of an extra that are not installed here, or not in a version that they admit."""
    return [line for line in requirements()[extra] if not _met(line)]


def _met(line: Requirement) -> bool:
    try:
        return line.specifier.contains(metadata.version(line.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def remedy(*modules: str) -> str:
    """What to run where a module is missing, as the remedy of a message; empty if no requirement brings it.

    Of several modules the first counts that a requirement brings.
    """
    extra = next((extra for module in modules if (extra := extra_of(module)) is not None), None)
    return "" if extra is None else f"run: {install(extra)}"


def require_packages(factory: Any, what: str) -> None:
    """Check the packages that a class imports only when it is built, as its ``packages`` names them.

    Args:
        what: what the message begins with.

    Raises:
        Unavailable: one is not installed; the message has the command that installs it.
    """
    for package in getattr(factory, "packages", ()):
        if importlib.util.find_spec(package) is None:
            raise Unavailable(f"{what} needs {package}", remedy(package))


def install(extra: str) -> str:
    """The command that installs an extra, or without one the project's other requirements, in this environment.

    The project is on no index. Where it was installed from a folder that is still there, that is installed again with
    the extra, under its constraints; otherwise the extra's requirements are installed by their names.
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
    """Whether a ``pip`` is that of this environment."""
    return pip is not None and Path(pip).parent == Path(sys.executable).parent


def _plain(line: Requirement) -> str:
    """A requirement as pip takes it, without the marker that says which extra it is of."""
    extras = f"[{','.join(sorted(line.extras))}]" if line.extras else ""
    return f"{line.name}{extras}{line.specifier}"


@cache
def _folder() -> tuple[Path | None, bool]:
    """The folder that the project was installed from, None if it is gone, and whether its code is run there."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout, True
    origin = json.loads(metadata.distribution(PROJECT).read_text("direct_url.json") or "{}")
    if "dir_info" not in origin:
        return None, False
    folder = Path(unquote(urlparse(origin["url"]).path))
    return (folder if (folder / "pyproject.toml").is_file() else None), False
