"""An environment with only the base installation, made from the packages installed here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "ntp-bench"


def closure(requirements: Iterable[str]) -> set[str]:
    """Return the canonical names of the installed distributions that requirements need, directly or indirectly."""
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                needed = map(Requirement, metadata.requires(name) or ())
            except metadata.PackageNotFoundError:
                continue
            waiting += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


def make(folder: Path) -> Path:
    """Make a virtual environment with only the project without extras and its requirements; return its Python.

    Its packages are links to those of this environment, so that it takes a second and no space, and neither imports
    nor metadata see any other package.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    (packages,) = (folder / "lib").glob("python*/site-packages")
    for name in closure([PROJECT]):
        _link(name, packages)
    command = python.with_name("bench")
    command.write_text(f"#!{python}\nfrom bench.cli import main\n\nif __name__ == '__main__':\n    main()\n")
    command.chmod(0o755)
    return python


def _link(name: str, packages: Path) -> None:
    """Put the packages and modules of a distribution, and its metadata, into a folder."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return  # of another platform
    tops = {file.parts[0] for file in distribution.files or ()}
    for top in tops - {os.pardir, "__pycache__"}:
        target = packages / top
        if not target.exists():
            target.symlink_to(Path(str(distribution.locate_file(top))).resolve())
