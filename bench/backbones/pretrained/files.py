"""The files of a pretrained backbone: folders of weights, and small files for text and generation beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import registry
from bench.errors import BenchError, Unavailable
from bench.tokenizers.checkpoint import TIMEOUT, fetch_checkpoint, hub_name, hub_offline, locate
from bench.tokenizers.checkpoint_files import Checkpoint, require


@dataclass(frozen=True)
class Files:
    """The files that a checkpoint is made of.

    Attributes:
        parts: folders that hold a ``config.json`` with weights; "" is the checkpoint's own.
        beside: patterns of the small files that are fetched with them.
        needed: groups of small files, one of each of which must be there.
        remedy: how to write the small files.
    """

    parts: tuple[str, ...] = ("",)
    beside: tuple[str, ...] = ("*.json", "*.txt", "*.model", "*.jinja")
    needed: tuple[tuple[str, ...], ...] = ()
    remedy: str = "save the processor there too (processor.save_pretrained)"

    def located(
        self, path: str | None, repo: str | None, revision: str | None = None, offline: bool = False
    ) -> tuple[Path, dict[str, Checkpoint]]:
        """The folder of a whole checkpoint, and its parts; fetched where it is missing.

        Args:
            path, repo, revision, offline: see ``bench.tokenizers.checkpoint.locate``.

        Raises:
            BenchError: the folder lacks a file.
            Unavailable: it is not on this machine and cannot be fetched.
        """
        command = fetch_command(repo, revision) if repo else None
        parts = {part: locate(path, repo, part or None, revision, offline, command) for part in self.parts}
        first = parts[self.parts[0]]
        root = Path(path) if path is not None else first.root
        if path is None and self.lacking(root) and not (offline or hub_offline()):
            assert repo is not None
            self.fetch_beside(repo, first.revision or revision)
        for names in self.lacking(root):
            lack = f"{root}: no {' or '.join(names)}"
            if path is None:
                raise Unavailable(lack, f"run: {command}")
            raise BenchError(lack, self.remedy)
        return root, parts

    def present(self, repo: str, revision: str | None = None) -> bool:
        """Whether a checkpoint is complete in the hub's cache; never uses the network."""
        try:
            self.located(None, repo, revision, offline=True)
        except Unavailable:
            return False
        return True

    def lacking(self, root: Path) -> list[tuple[str, ...]]:
        """The groups of needed files of which a folder has no file."""
        return [names for names in self.needed if not any((root / name).is_file() for name in names)]

    def fetch(self, repo: str, revision: str | None = None) -> Path:
        """Fetch a whole checkpoint into the hub's cache; returns its folder. Unavailable if it cannot be fetched."""
        command = fetch_command(repo, revision)
        for part in self.parts:
            fetch_checkpoint(repo, part or None, revision, command)
        self.fetch_beside(repo, revision)
        return self.located(None, repo, revision, offline=True)[0]

    def fetch_beside(self, repo: str, revision: str | None) -> None:
        """Fetch the small files; Unavailable if they cannot be fetched."""
        hub = require("huggingface_hub")
        try:
            # As in bench.tokenizers.checkpoint: the question that takes a timeout comes first.
            hub.HfApi().repo_info(repo, revision=revision, timeout=TIMEOUT)
            hub.snapshot_download(repo, revision=revision, allow_patterns=list(self.beside))
        except Exception as error:  # the hub's client lets through what its HTTP library raises
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise Unavailable(
                f"checkpoint {hub_name(repo)} is in the cache without the files beside its weights ({reason})",
                f"run: {fetch_command(repo, revision)}",
            ) from error


def fetch_command(repo: str, revision: str | None = None) -> str:
    """The command that fetches a backbone: ``bench fetch`` of its registry entry, or the hub's own."""
    for entry in registry.entries("backbones").values():
        if entry.args.get("repo") == repo and entry.args.get("revision") == revision:
            return f"bench fetch {entry.name}"
    return f"hf download {repo}" + (f" --revision {revision}" if revision else "")


def files_of(entry: registry.Entry) -> Files:
    """The files of a registry line's checkpoint (imports its class); BenchError if the class does not state them."""
    files = getattr(registry.load(entry.target), "files", None)
    if not isinstance(files, Files):
        raise BenchError(f"{entry.name}: not a pretrained backbone; its class states no files")
    return files


def whole(parts: Mapping[str, Checkpoint]) -> dict[str, str]:
    """sha256 of the weights files of all parts, named with their folder."""
    hashes = {}
    for part, checkpoint in parts.items():
        for name, digest in checkpoint.hashes(checkpoint.files).items():
            hashes[name if not part or name.startswith(f"{part}/") else f"{part}/{name}"] = digest
    return hashes


def text_part(library: str, name: str, folder: Path, remedy: str) -> Any:
    """A tokenizer, processor or scheduler of a library, read from a folder; BenchError if it is broken."""
    from bench.tokenizers.pretrained import model_class

    try:
        return model_class(library, name).from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise BenchError(f"{folder}: its {name} cannot be loaded ({reason}); {remedy}") from error
