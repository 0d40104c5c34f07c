"""Where pretrained checkpoints come from: a folder, the hub's cache, or the hub, once."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from bench import registry
from bench.errors import BenchError, Unavailable
from bench.tokenizers.checkpoint_files import CONFIG, NAMED, SUFFIXES, Checkpoint, require, weights_among

TIMEOUT = 3.0
"""Seconds within which the hub must answer; its client asks twice before it gives up."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_unreachable: dict[str, str] = {}


def locate(
    path: str | None,
    repo: str | None,
    subfolder: str | None = None,
    revision: str | None = None,
    offline: bool = False,
    command: str | None = None,
) -> Checkpoint:
    """The checkpoint of a local folder, or of a hub repository: from the cache, or fetched into it.

    Args:
        path: a folder that ``save_pretrained`` wrote, or one that has it as ``subfolder``.
        repo: ``OWNER/NAME`` on the hub, used where there is no path.
        revision: branch, tag or commit; the hub's default branch if None.
        offline: never use the network; ``HF_HUB_OFFLINE=1`` does the same for every checkpoint.
        command: the command that fetches it, for messages; by default that of ``fetch_command``.

    Raises:
        BenchError: the folder is not a checkpoint, or neither path nor repo is given.
        Unavailable: it is not on this machine and cannot be fetched.
    """
    if path is not None:
        return _local(Path(path), subfolder)
    if repo is None:
        raise BenchError(
            "no checkpoint given; write NAME=PATH with the folder that save_pretrained wrote, or NAME@repo=OWNER/NAME"
        )
    command = command or fetch_command(repo, subfolder, revision)
    cached = _cached(repo, subfolder, revision, command)
    if cached is None:
        name = hub_name(repo, subfolder)
        if offline or hub_offline():
            raise Unavailable(f"checkpoint {name} is missing (not in the cache, and offline)", f"run: {command}")
        if reason := _unreachable.get(_endpoint()):
            raise Unavailable(
                f"checkpoint {name} is missing (not in the cache, and the hub is unreachable: {reason})",
                f"run: {command}",
            )
        fetch_checkpoint(repo, subfolder, revision, command)
        cached = _cached(repo, subfolder, revision, command)
    if cached is None:
        raise Unavailable(f"checkpoint {hub_name(repo, subfolder)} was fetched, but is not in the cache")
    return cached


def fetch_checkpoint(
    repo: str, subfolder: str | None = None, revision: str | None = None, command: str | None = None
) -> Path:
    """Fetch a checkpoint's configuration and weights into the hub's cache, and nothing else of the repository.

    ``command`` is the command that fetches it, for messages, as in ``locate``.

    Returns:
        The folder with the files.

    Raises:
        Unavailable: the hub is unreachable, or has no such checkpoint for this user.
    """
    hub = require("huggingface_hub")
    if hub_offline():
        raise Unavailable(
            f"checkpoint {hub_name(repo, subfolder)} cannot be fetched while HF_HUB_OFFLINE is set", "unset it"
        )
    inside = _inside(subfolder)
    try:
        # The question comes first and by itself, because this one takes a timeout.
        info = hub.HfApi().repo_info(repo, revision=revision, timeout=TIMEOUT)
        here = [
            file.rfilename.removeprefix(inside) for file in info.siblings or [] if file.rfilename.startswith(inside)
        ]
        weights = weights_among(here)
        if CONFIG not in here or not weights:
            raise BenchError(
                f"{hub_name(repo, subfolder)}: the repository has no {inside}{CONFIG} with weights beside it"
            )
        root = Path(
            hub.snapshot_download(
                repo, revision=revision, allow_patterns=[inside + name for name in (CONFIG, *weights)]
            )
        )
    except BenchError:
        raise
    except Exception as error:  # the hub's client lets through what its HTTP library raises, and changes that library
        raise _explained(
            error, hub_name(repo, subfolder), command or fetch_command(repo, subfolder, revision)
        ) from error
    _unreachable.pop(_endpoint(), None)
    return root / inside


def checkpoint_present(repo: str, subfolder: str | None = None, revision: str | None = None) -> bool:
    """Whether the checkpoint is complete in the hub's cache; never uses the network."""
    return _cached(repo, subfolder, revision) is not None


def cached_revision(repo: str, subfolder: str | None = None, revision: str | None = None) -> str | None:
    """Commit of the checkpoint in the hub's cache, None if it is not there; never uses the network."""
    checkpoint = _cached(repo, subfolder, revision)
    return checkpoint.revision if checkpoint else None


def hub_name(repo: str, subfolder: str | None = None) -> str:
    """How registry entries name a checkpoint on the hub: ``hf:OWNER/NAME[/SUBFOLDER]``."""
    return f"hf:{repo}/{subfolder}" if subfolder else f"hf:{repo}"


def fetch_command(repo: str, subfolder: str | None = None, revision: str | None = None) -> str:
    """The command that fetches a checkpoint: ``bench fetch`` of a registry entry, or the hub's own."""
    for entry in registry.entries("tokenizers").values():
        if hub_name(repo, subfolder) in entry.weights and entry.args.get("revision") == revision:
            return f"bench fetch {entry.name}"
    inside = _inside(subfolder)
    which = f"{repo} --revision {revision}" if revision else repo
    accepted = " ".join(
        f"--include '{inside}{pattern}'" for pattern in ("*.json", *(f"*{s}" for s in SUFFIXES), *NAMED)
    )
    return f"hf download {which} {accepted}"


def hub_offline() -> bool:
    """Whether ``HF_HUB_OFFLINE`` keeps everything off the network."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}


def _local(path: Path, subfolder: str | None) -> Checkpoint:
    if subfolder and (path / subfolder / CONFIG).is_file():
        path = path / subfolder
    if not (path / CONFIG).is_file():
        what = f"no {CONFIG} in it" if path.is_dir() else "not a folder"
        raise BenchError(f"{path}: {what}; give the folder that save_pretrained wrote")
    return Checkpoint(path, path)


def _cached(repo: str, subfolder: str | None, revision: str | None, command: str | None = None) -> Checkpoint | None:
    hub = require("huggingface_hub")
    inside = _inside(subfolder)
    try:
        root = Path(
            hub.snapshot_download(repo, revision=revision, local_files_only=True, allow_patterns=inside + CONFIG)
        )
    except (OSError, ValueError):
        return None
    commit = root.name if _COMMIT.fullmatch(root.name) else ""
    command = command or fetch_command(repo, subfolder, revision)
    checkpoint = Checkpoint(root / inside, root, commit, f"delete {root} and run: {command}")
    return checkpoint if checkpoint.complete else None


def _inside(subfolder: str | None) -> str:
    return f"{subfolder.strip('/')}/" if subfolder else ""


def _endpoint() -> str:
    return str(require("huggingface_hub").constants.ENDPOINT)


def _explained(error: Exception, name: str, command: str) -> Unavailable:
    """The error to raise where a checkpoint could not be fetched."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    reason = next((line.strip() for line in str(cause).splitlines() if line.strip()), "")
    reason = f"{type(cause).__name__}: {reason}" if reason else type(cause).__name__
    remedy = f"run: {command}"
    response: Any = getattr(error, "response", None)
    if response is None:
        # One machine without a network must not wait for every checkpoint in turn.
        _unreachable[_endpoint()] = reason
    elif response.status_code in {401, 403, 404}:
        remedy = f"if it is gated or private, accept its terms on the hub, run: hf auth login, then {remedy}"
    return Unavailable(f"checkpoint {name} is missing (not in the cache, and cannot be fetched: {reason})", remedy)
