"""Where pretrained checkpoints come from: a folder, the hub's cache, or the hub, once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import registry
from bench.errors import BenchError, Unavailable
from bench.tokenizers.checkpoint_files import NAMED, SUFFIXES, Checkpoint, require, weights_among
from bench.tokenizers.configurations import CONFIG, beside, configuration_of
from bench.tokenizers.containers import CHOICES

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
    file: str | None = None,
    config: Mapping[str, Any] | str | None = None,
    weights: str | None = None,
) -> Checkpoint:
    """The checkpoint of a local folder or file, or of a hub repository: from the cache, or fetched into it.

    Args:
        path: a folder that ``save_pretrained`` wrote, one that has it as ``subfolder``, or a file of weights.
        repo: ``OWNER/NAME`` on the hub, used where there is no path.
        revision: branch, tag or commit; the hub's default branch if None.
        offline: never use the network; ``HF_HUB_OFFLINE=1`` does the same for every checkpoint.
        command: the command that fetches it, for messages; by default that of ``fetch_command``.
        file: the repository's file of weights, where it has a name of its own; in the subfolder, if there is one.
            ``{A,B}.pt`` are several, each with a module of the model; a folder given as ``path`` has them, too.
        config: the configuration of a single file; see ``bench.tokenizers.configurations.configuration_of``.
        weights: ``ema`` or ``raw`` where a file holds both; ``ema-if-any`` uses raw weights where there are no others.

    Raises:
        BenchError: the folder or file is not a checkpoint, or neither path nor repo is given.
        Unavailable: it is not on this machine and cannot be fetched.
    """
    if weights is not None and weights not in CHOICES:
        raise BenchError(f"weights={weights}: choose {' or '.join(CHOICES)}")
    choice = weights or ""
    if path is not None:
        return _local(Path(path), subfolder, file, config, choice)
    if repo is None:
        raise BenchError(
            "no checkpoint given; write NAME=PATH with the folder that save_pretrained wrote or a file of weights, or "
            "NAME@repo=OWNER/NAME"
        )
    command = command or fetch_command(repo, subfolder, revision, file)
    cached = _cached(repo, subfolder, revision, command, file, config, choice)
    if cached is None:
        name = hub_name(repo, subfolder, file)
        if offline or hub_offline():
            raise Unavailable(f"checkpoint {name} is missing (not in the cache, and offline)", f"run: {command}")
        if reason := _unreachable.get(_endpoint()):
            raise Unavailable(
                f"checkpoint {name} is missing (not in the cache, and the hub is unreachable: {reason})",
                f"run: {command}",
            )
        fetch_checkpoint(repo, subfolder, revision, command, file, config)
        cached = _cached(repo, subfolder, revision, command, file, config, choice)
    if cached is None:
        raise Unavailable(f"checkpoint {hub_name(repo, subfolder, file)} was fetched, but is not in the cache")
    return cached


def fetch_checkpoint(
    repo: str,
    subfolder: str | None = None,
    revision: str | None = None,
    command: str | None = None,
    file: str | None = None,
    config: Mapping[str, Any] | str | None = None,
) -> Path:
    """Fetch a checkpoint's configuration and weights into the hub's cache, and nothing else of the repository.

    Args:
        command: the command that fetches it, for messages, as in ``locate``.
        file, config: as in ``locate``; where ``config`` is given, the file alone is fetched.

    Returns:
        The folder with the files.

    Raises:
        Unavailable: the hub is unreachable, or has no such checkpoint for this user.
    """
    hub = require("huggingface_hub")
    if hub_offline():
        raise Unavailable(
            f"checkpoint {hub_name(repo, subfolder, file)} cannot be fetched while HF_HUB_OFFLINE is set", "unset it"
        )
    inside = _inside(subfolder)
    try:
        # The question comes first and by itself, because this one takes a timeout.
        info = hub.HfApi().repo_info(repo, revision=revision, timeout=TIMEOUT)
        here = [
            sibling.rfilename.removeprefix(inside)
            for sibling in info.siblings or []
            if sibling.rfilename.startswith(inside)
        ]
        wanted = _wanted(hub_name(repo, subfolder), inside, here, file, config)
        root = Path(hub.snapshot_download(repo, revision=revision, allow_patterns=[inside + name for name in wanted]))
    except BenchError:
        raise
    except Exception as error:  # the hub's client lets through what its HTTP library raises, and changes that library
        raise _explained(
            error, hub_name(repo, subfolder, file), command or fetch_command(repo, subfolder, revision, file)
        ) from error
    _unreachable.pop(_endpoint(), None)
    return root / inside


def parts_of(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where each part of a system's checkpoint is in its repository, as arguments of ``locate``.

    Args:
        arguments: those of the system. ``beside`` names further parts of it, each by its ``subfolder`` or its ``file``,
            where they are not all in one folder or file; a further file has the configuration of the first.
    """
    first = {key: arguments.get(key) for key in ("subfolder", "revision", "file", "config")}
    more = [
        {
            **dict.fromkeys(first),
            "revision": first["revision"],
            **({"config": first["config"]} if "file" in part else {}),
            **part,
        }
        for part in arguments.get("beside") or ()
    ]
    return [first, *more]


def checkpoint_present(
    repo: str,
    subfolder: str | None = None,
    revision: str | None = None,
    file: str | None = None,
    config: Mapping[str, Any] | str | None = None,
) -> bool:
    """Whether the checkpoint is complete in the hub's cache; never uses the network."""
    return _cached(repo, subfolder, revision, None, file, config) is not None


def cached_revision(
    repo: str, subfolder: str | None = None, revision: str | None = None, file: str | None = None
) -> str | None:
    """Commit of the checkpoint in the hub's cache, None if it is not there; never uses the network."""
    checkpoint = _cached(repo, subfolder, revision, None, file, {})
    return checkpoint.revision if checkpoint else None


def hub_name(repo: str, subfolder: str | None = None, file: str | None = None) -> str:
    """How registry entries name a checkpoint on the hub: ``hf:OWNER/NAME[/SUBFOLDER][/FILE]``."""
    return "/".join(part for part in (f"hf:{repo}", subfolder, file) if part)


def fetch_command(repo: str, subfolder: str | None = None, revision: str | None = None, file: str | None = None) -> str:
    """The command that fetches a checkpoint: ``bench fetch`` of a registry entry, or the hub's own."""
    for entry in registry.entries("tokenizers").values():
        if hub_name(repo, subfolder, file) in entry.weights and entry.args.get("revision") == revision:
            return f"bench fetch {entry.name}"
    inside = _inside(subfolder)
    which = f"{repo} --revision {revision}" if revision else repo
    patterns = ("*.json", *(f"*{s}" for s in SUFFIXES), *NAMED) if file is None else (file, "*.json", "*.yaml")
    accepted = " ".join(f"--include '{inside}{pattern}'" for pattern in patterns)
    return f"hf download {which} {accepted}"


def hub_offline() -> bool:
    """Whether ``HF_HUB_OFFLINE`` keeps everything off the network."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}


def _expanded(file: str) -> tuple[str, ...]:
    """The files that ``{A,B}.pt`` stands for; a name without braces stands for itself."""
    braces = re.fullmatch(r"(.*)\{([^{}]+)\}(.*)", file)
    return tuple(f"{braces[1]}{inside}{braces[3]}" for inside in braces[2].split(",")) if braces else (file,)


def _local(
    path: Path, subfolder: str | None, file: str | None, config: Mapping[str, Any] | str | None, choice: str
) -> Checkpoint:
    if file and len(modules := tuple(path / name for name in _expanded(file))) > 1:
        if absent := [module.name for module in modules if not module.is_file()]:
            what = f"no {', '.join(absent)} in it" if path.is_dir() else "not a folder"
            raise BenchError(f"{path}: {what}; give the folder with {', '.join(module.name for module in modules)}")
        return _single(modules[0], path, config, choice, modules=modules)
    if path.is_file():
        return _single(path, path.parent, config, choice)
    if subfolder and (path / subfolder / CONFIG).is_file():
        path = path / subfolder
    if not (path / CONFIG).is_file():
        what = f"no {CONFIG} in it" if path.is_dir() else "not a folder or a file"
        raise BenchError(f"{path}: {what}; give the folder that save_pretrained wrote, or a file of weights")
    return Checkpoint(path, path, choice=choice)


def _single(
    file: Path,
    root: Path,
    config: Mapping[str, Any] | str | None,
    choice: str,
    revision: str = "",
    remedy: str = "save or copy it again",
    modules: tuple[Path, ...] = (),
) -> Checkpoint:
    """The checkpoint of one file of weights, or of several with a module each, the first of which is ``file``.

    That of its folder, if the libraries take it from there as it is.
    """
    if not modules and not isinstance(config, str) and not choice and (file.parent / CONFIG).is_file():
        names = weights_among(path.name for path in file.parent.iterdir())
        if names and names[0] == file.name:
            return Checkpoint(file.parent, root, revision, remedy)
    return Checkpoint(file.parent, root, revision, remedy, file, configuration_of(file, config), choice, modules)


def _wanted(
    name: str, inside: str, here: Sequence[str], file: str | None, config: Mapping[str, Any] | str | None
) -> list[str]:
    """The files to fetch of those of a repository; BenchError if it lacks some."""
    if file is None:
        weights = weights_among(here)
        if CONFIG not in here or not weights:
            raise BenchError(f"{name}: the repository has no {inside}{CONFIG} with weights beside it")
        return [CONFIG, *weights]
    files = _expanded(file)
    if absent := [inside + name for name in files if name not in here]:
        raise BenchError(f"{name}: the repository has no {', '.join(absent)}")
    if config is not None:
        return [*files]
    described = next((other for other in beside(files[0]) if other in here), None)
    if described is None:
        raise BenchError(f"{name}: the repository has no configuration beside {inside}{file}", "give it as config=FILE")
    return [*files, described]


def _cached(
    repo: str,
    subfolder: str | None,
    revision: str | None,
    command: str | None = None,
    file: str | None = None,
    config: Mapping[str, Any] | str | None = None,
    choice: str = "",
) -> Checkpoint | None:
    hub = require("huggingface_hub")
    inside = _inside(subfolder)
    sought = [inside + name for name in _expanded(file or CONFIG)]
    try:
        root = Path(hub.snapshot_download(repo, revision=revision, local_files_only=True, allow_patterns=sought))
    except (OSError, ValueError):
        return None
    commit = root.name if _COMMIT.fullmatch(root.name) else ""
    command = command or fetch_command(repo, subfolder, revision, file)
    remedy = f"delete {root} and run: {command}"
    if file is None:
        checkpoint = Checkpoint(root / inside, root, commit, remedy, choice=choice)
        return checkpoint if checkpoint.complete else None
    files = tuple(root / name for name in sought)
    if not all(path.is_file() for path in files):
        return None
    modules = files if len(files) > 1 else ()
    try:
        return _single(files[0], root, config, choice, commit, remedy, modules)
    except BenchError:  # without a configuration
        return None


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
