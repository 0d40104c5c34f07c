"""What a weights file holds, by its content rather than its ending."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.machine.files import open_stored
from bench.tokenizers.pickles import checked, load_pickle
from bench.tokenizers.torchscript import archive_tensors, is_torchscript

_OTHERS = {
    b"\x89HDF": "an HDF5 file",
    b"GGUF": "a GGUF file",
    b"\x93NUM": "an array of NumPy",
    b"\x1f\x8b": "compressed by gzip",
    b"<": "a web page or XML",
    b"version https://git-lfs": "a pointer of Git LFS, whose file was not fetched",
}
"""What people take for weights, by its first bytes."""


def file_contents(file: Path, remedy: str) -> Any:
    """What a safetensors file, a TorchScript archive or a file of ``torch.save`` holds: mappings with tensors.

    Tensors are mapped into memory where the format allows, so that nothing is held twice.

    Args:
        file: the file.
        remedy: what to do about a broken file.

    Raises:
        BenchError: it is truncated, of another format, or more than tensors.
    """
    start = checked(file, _start, remedy)
    if start[:4] == b"PK\x03\x04":
        scripted = checked(file, is_torchscript, remedy)
        return archive_tensors(file, remedy) if scripted else load_pickle(file, remedy)
    if start[8:9] == b"{" or file.suffix == ".safetensors":  # the length before it may start as a pickle does
        return _safetensors(file, remedy)
    if start[:1] == b"\x80":
        return load_pickle(file, remedy)
    what = next((name for head, name in _OTHERS.items() if start.startswith(head)), "of a format that is not known")
    if start[4:8] == b"TFL3":
        what = "a TensorFlow Lite file"
    raise BenchError(f"{file}: {what}, not weights", "give a file of safetensors, torch.save or torch.jit.save")


def _start(file: Path) -> bytes:
    with open_stored(file) as stream:
        return stream.read(64)


def _safetensors(file: Path, remedy: str) -> dict[str, Any]:
    import safetensors

    try:
        with safetensors.safe_open(file, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is not a mapping
    except (OSError, safetensors.SafetensorError) as error:
        raise BenchError(f"{file}: truncated, or not a safetensors file ({error}); {remedy}") from error
