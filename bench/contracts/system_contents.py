"""What lies behind a system's arguments and its class: hashes of files, folders and code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from bench import registry
from bench.errors import BenchError
from bench.machine.canonical import digest, sha256_file
from bench.machine.file_hashes import file_sha256


def hash_tree(path: Path) -> str:
    """sha256, in hex, of a file, or over the names and contents of all files of a folder.

    Raises:
        BenchError: there is no such file or folder.
    """
    if path.is_file():
        return file_sha256(path)
    if not path.is_dir():
        raise BenchError(f"no such file or folder: {path}")
    files = sorted(f for f in path.rglob("*") if f.is_file())
    return digest({f.relative_to(path).as_posix(): file_sha256(f) for f in files})


def names_existing(value: Any) -> bool:
    """Whether an argument is the path of something that exists."""
    return isinstance(value, str | Path) and bool(str(value)) and Path(value).exists()


def source_of(target: str) -> dict[str, str]:
    """Hash of the code of a system that is not the bench's, including its neighbors, which it may import."""
    module = target.rpartition(":")[0]
    if registry.is_file_target(target):
        folder = Path(module).resolve().parent
        return {"source": digest({file.name: sha256_file(file) for file in sorted(folder.glob("*.py"))})}
    top = module.partition(".")[0]
    spec = importlib.util.find_spec(top)
    if top == "bench" or spec is None or spec.origin is None:
        return {}
    if not spec.submodule_search_locations:
        return {"source": sha256_file(Path(spec.origin))}
    root = Path(next(iter(spec.submodule_search_locations)))
    return {"source": digest({str(file.relative_to(root)): sha256_file(file) for file in sorted(root.rglob("*.py"))})}
