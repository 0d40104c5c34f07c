"""Whole runs on WAV files of recorded speech: this package's command and, if it is installed, codecscope.

The command is ``python benchmarks/audio_metrics.py files``.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import click
from image_metrics import Took, spread

SPEECH = "asterisk-prompts@split=all"
MIN_SECONDS = 2.0
PROTOCOL = """
description: The metrics that codecscope measures too
metrics:
  pesq_wb: {}
  stoi: {}
  si_sdr: {zero_mean: true}
  si_sdr_aligned: {zero_mean: true, longest: 128}
  delay: {longest: 128}
  codebook: {}
  tokens_per_second: {}
  bitrate: {}
"""
THEIR_NAMES = {
    "pesq_wb": "pesq",
    "stoi": "stoi",
    "si_sdr": "si_snr",
    "si_sdr_aligned": "si_snr_aligned",
    "delay": "delay_ms",
}
NO_PEER = (
    "not compared with codecscope: give --peer the Python of an environment in which it is installed "
    "(pip install 'codecscope[quality]==0.1.0')"
)
PR_SET_CHILD_SUBREAPER = 36


@click.command()
@click.option("--utterances", default=100, show_default=True, help="Number of files.")
@click.option("--rounds", default=5, show_default=True, help="How often each command runs.")
@click.option("--peer", type=click.Path(exists=True, dir_okay=False), help="Python that has codecscope.")
def files(utterances: int, rounds: int, peer: str | None) -> None:
    """Time a run of this package and codecscope on the same WAV files, with the same μ-law codec."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = write_clips(folder / "clips", utterances)
        protocol = folder / "same.yaml"
        protocol.write_text(PROTOCOL)
        arms: dict[str, list[Took]] = {"bench run": []}
        theirs: dict[str, list[float | None]] = {}
        for number in range(rounds):
            arms["bench run"].append(timed(*ours(protocol, clips, folder / f"run-{number}"))[0])
            if peer is None:
                continue
            took, printed = timed([peer, str(Path(__file__).with_name("codecscope_files.py")), str(clips)])
            arms.setdefault("codecscope", []).append(took)
            arms.setdefault("its command", []).append(by_command(peer, clips))
            theirs = json.loads(printed)
        click.echo(f"{utterances} files; seconds per file (minimum .. median .. maximum):")
        for arm, runs in arms.items():
            wall, cpu = spread([r.wall / utterances for r in runs]), spread([r.cpu / utterances for r in runs])
            click.echo(f"  {arm:12} wall {wall}   cpu {cpu}")
        if peer is None:
            click.echo(NO_PEER)
            return
        click.echo("ratios within a round, this package to codecscope:")
        for arm in ("codecscope", "its command"):
            pairs = list(zip(arms["bench run"], arms[arm], strict=True))
            wall, cpu = spread([a.wall / b.wall for a, b in pairs]), spread([a.cpu / b.cpu for a, b in pairs])
            click.echo(f"  {arm:12} wall {wall}   cpu {cpu}")
        compare_values(folder / "run-0", theirs)


def write_clips(folder: Path, count: int) -> Path:
    """Write ``count`` prompts as 16-bit WAV files into a new folder, and return it."""
    import soundfile

    folder.mkdir()
    for number, sample in enumerate(speech(count)):
        soundfile.write(folder / f"{number:04}.wav", sample.signal[0].numpy(), sample.rate, subtype="PCM_16")
    return folder


def ours(protocol: Path, clips: Path, out: Path) -> tuple[list[str], dict[str, str]]:
    """Return command line and environment of a run of this package with an empty cache."""
    command = [str(Path(sys.executable).with_name("bench")), "run", "--suite", "audio-recon", "--system", "mulaw"]
    command += ["--offline", "--no-mlflow", "--protocol", str(protocol), "--data", str(clips), "--out", str(out)]
    return command, {"BENCH_CACHE": f"{out}-cache"}


def by_command(peer: str, clips: Path) -> Took:
    """Time codecscope's own command, which takes one file and one of its codecs, summed over all files."""
    command = [peer, "-m", "codecscope.cli", "-c", "pcm:8", "--speech"]
    runs = [timed([*command, str(file)])[0] for file in sorted(clips.iterdir())]
    return Took(sum(run.wall for run in runs), sum(run.cpu for run in runs), {})


def timed(command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[Took, str]:
    """Run a process to its end, and return what it took and its standard output."""
    # Processes that outlive the command for a moment, such as a fork server, are adopted: their time counts too.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    variables = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **(environment or {})}
    before, start = processor_seconds(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    with suppress(ChildProcessError):
        while True:
            os.wait()
    if done.returncode:
        raise click.ClickException(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return Took(wall, processor_seconds(resource.RUSAGE_CHILDREN) - before, {}), done.stdout


def compare_values(out: Path, theirs: Mapping[str, Sequence[float | None]]) -> None:
    """Print how far the per-file values of both packages differ."""
    from bench.contracts.results import Run, read_samples

    run = Run(out)
    (file,), (result,) = run.files(), run.results()
    columns = read_samples(file, result)
    click.echo("values per file: files with both, mean here, mean there, largest difference:")
    for name, their_name in THEIR_NAMES.items():
        both = zip(columns[name], theirs[their_name], strict=True)
        # A missing value is NaN here and None there.
        pairs = [(a, b) for a, b in both if b is not None and math.isfinite(a) and math.isfinite(b)]
        means = "  ".join(f"{statistics.fmean(side):.9g}" for side in zip(*pairs, strict=True))
        click.echo(f"  {name:18} {len(pairs)}  {means}  {max((abs(a - b) for a, b in pairs), default=math.nan):.2g}")
    rates = [rate for rate in theirs["token_rate"] if rate is not None]
    click.echo(f"tokens per second: {result.metrics['tokens_per_second'].value:.9g} here, {spread(rates)} there")


def speech(count: int) -> list[Any]:
    """Return the first ``count`` prompts of at least ``MIN_SECONDS``, as samples at 16 kHz."""
    from bench.datasets.spec import DatasetSpec

    samples = list(islice(DatasetSpec.parse(SPEECH).build({"min_seconds": MIN_SECONDS}, None), count))
    if len(samples) < count:
        raise click.ClickException(f"{SPEECH} has only {len(samples)} prompts of {MIN_SECONDS:g} s; lower --utterances")
    return samples


def processor_seconds(*whose: int) -> float:
    """Return processor seconds of this process (``RUSAGE_SELF``) and its finished children (``RUSAGE_CHILDREN``)."""
    used = [resource.getrusage(who) for who in whose or (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
