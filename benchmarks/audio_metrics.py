"""Time of the audio metrics: in the pool compared with one process, and whole runs compared with codecscope.

    python benchmarks/audio_metrics.py pool --utterances 100 --rounds 3
    python benchmarks/audio_metrics.py files --utterances 100 --rounds 5 --peer PYTHON

Both use recorded speech: the first of Asterisk's prompts that last at least two seconds. ``pool`` scores
reconstructions made beforehand, so that only the metrics are timed; ``files`` times whole commands on the same WAV
files, from their start to the last value. The compared commands take turns.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
from audio_files import files, processor_seconds, speech
from image_metrics import spread

METRICS = ("pesq_wb", "stoi", "word_errors")
BATCH = 8


@click.group()
def main() -> None:
    """Time the audio metrics."""


@dataclass(frozen=True)
class Scored:
    """The time that scoring took, in seconds, and the values of the metrics.

    Attributes:
        start, end: wall time to start and to end the pool; 0 without one.
        work: wall time from the first clip to the last estimate.
        cpu: processor time from the pool's start to its end, including its processes.
        values: value of each metric by name; None if it has none.
    """

    start: float
    work: float
    end: float
    cpu: float
    values: dict[str, float | None]


@main.command()
@click.option("--utterances", default=100, show_default=True, help="Number of prompts.")
@click.option("--rounds", default=3, show_default=True, help="How often each way is measured.")
@click.option("--codec", default="opus@12", show_default=True, help="Codec that makes the reconstructions, once.")
@click.option(
    "--processes", default=None, type=click.IntRange(1), help="Processes of the pool; by default one per core."
)
def pool(utterances: int, rounds: int, codec: str, processes: int | None) -> None:
    """Compare PESQ, STOI and word errors in a pool of n processes with the time of one process divided by n."""
    n = processes or len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        clips = Path(name) / "clips.pt"
        seconds = reconstruct(clips, utterances, codec)
        click.echo(f"{utterances} utterances, {seconds:.0f} s of audio, {codec}, {', '.join(METRICS)}; n = {n}")
        arms = {"serial": (0, 1), "pool": (n, 1), "apart": (0, n)}
        took: dict[str, list[list[Scored]]] = {arm: [] for arm in arms}
        for number in range(rounds):
            for arm in list(arms) if number % 2 == 0 else reversed(arms):
                took[arm].append(scored(clips, *arms[arm]))
    serial, pooled = ([parts[0] for parts in took[arm]] for arm in ("serial", "pool"))
    if any(run.values != serial[0].values for run in (*serial, *pooled)):
        raise click.ClickException("the values of the pool differ from those of the serial computation")
    click.echo("values, equal in all: " + ", ".join(f"{name} {value:.6g}" for name, value in serial[0].values.items()))
    click.echo("seconds (minimum .. median .. maximum):")
    click.echo(f"  serial          wall {spread([s.work for s in serial])}   cpu {spread([s.cpu for s in serial])}")
    click.echo(f"  pool            wall {spread([p.work for p in pooled])}   cpu {spread([p.cpu for p in pooled])}")
    click.echo(f"  pool's start    wall {spread([p.start for p in pooled])}")
    click.echo(f"  pool's end      wall {spread([p.end for p in pooled])}")
    apart = [max(part.work for part in parts) for parts in took["apart"]]
    cpu = [sum(part.cpu for part in parts) for parts in took["apart"]]
    click.echo(f"  n on their own  wall {spread(apart)}   cpu {spread(cpu)}")
    click.echo(f"ratios within a round, to the ideal of serial time / {n}:")
    ideals = [run.work / n for run in serial]
    whole = [run.start + run.work + run.end for run in pooled]
    for label, walls in (
        ("pool", [run.work for run in pooled]),
        ("pool, started and ended", whole),
        # The machine's own limit: each process has its share from the start, and nothing is passed on.
        ("n on their own, no pool", apart),
    ):
        click.echo(f"  {label:24} {spread([wall / ideal for wall, ideal in zip(walls, ideals, strict=True)])}")
    click.echo(f"  cpu, pool to serial      {spread([p.cpu / s.cpu for p, s in zip(pooled, serial, strict=True)])}")


def reconstruct(file: Path, count: int, codec: str) -> float:
    """Write prompts and their reconstructions by a codec, and return the seconds of audio."""
    import torch

    from bench.contracts.system import parse
    from bench.modalities.audio.batch import Audio
    from bench.modalities.audio.signal import AudioFinish

    tokenizer, samples, finish = parse(codec).build(), speech(count), AudioFinish()
    clips = []
    for sample in samples:
        audio = Audio.of([sample.signal], sample.rate)
        back = finish(tokenizer.decode(tokenizer.encode(audio))).samples[0]
        clips.append({**vars(sample), "reconstruction": back})
    torch.save(clips, file)
    return float(sum(sample.signal.shape[1] / sample.rate for sample in samples))


def scored(clips: Path, processes: int, parts: int) -> list[Scored]:
    """Score clips as a cell of a run does: in a process forked with everything imported.

    Args:
        clips: the file that ``reconstruct`` wrote.
        processes: processes of the pool; 0 for no pool.
        parts: number of cells at once, which share the clips equally and have separate pools.

    Returns:
        What each cell took.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.measuring.cell_process", *modules()])
    barrier = context.Barrier(parts)
    cells = []
    for part in range(parts):
        ours, theirs = context.Pipe(duplex=False)
        cell = context.Process(target=score_part, args=(clips, processes, part, parts, barrier, theirs))
        cell.start()
        theirs.close()
        cells.append((cell, ours))
    scores = []
    for cell, channel in cells:
        with suppress(EOFError):
            scores.append(channel.recv())
        cell.join()
    if len(scores) < parts:
        raise click.ClickException("a process that scores clips died")
    return scores


def modules() -> list[str]:
    """Return the modules that a run imports before it starts a cell with these metrics."""
    from bench import registry

    # As a run does: joblib would register a semaphore that a fork server cannot take back.
    os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")
    # One thread, whether in the pool or not.
    os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"})
    kinds = [registry.load(registry.get("metrics", name).target) for name in METRICS]
    return list(dict.fromkeys(module for kind in kinds for module in (kind.__module__, *kind.preload)))


def score_part(clips: Path, processes: int, part: int, parts: int, barrier: Any, channel: Connection) -> None:
    """Score every ``parts``-th clip from ``part`` on, with an empty cache, and send what it took."""
    import torch

    from bench import registry
    from bench.machine.pool import Pool
    from bench.machine.processes import die_with_parent, lead_group

    lead_group()
    die_with_parent()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        # Transcripts of originals are cached from run to run; here every run transcribes them again.
        os.environ["BENCH_CACHE"] = cache
        batches = list(batched(torch.load(clips, weights_only=False)[part::parts]))
        metrics = [registry.load(registry.get("metrics", name).target)() for name in METRICS]
        barrier.wait()
        cpu, begin = processor_seconds(), time.perf_counter()
        pool = Pool(processes) if processes else None
        started = time.perf_counter()
        for metric in metrics:
            metric.pool = pool
        for batch in batches:
            for metric in metrics:
                metric.update(batch)
        values = {name: estimate.value for metric in metrics for name, estimate in metric.compute().items()}
        worked = time.perf_counter()
        if pool:
            pool.close()
        ended = time.perf_counter()
    channel.send(Scored(started - begin, worked - started, ended - worked, processor_seconds() - cpu, values))


def batched(clips: Sequence[Mapping[str, Any]]) -> Any:
    """Yield the clips in batches, as the streaming loop hands them to metrics."""
    import torch

    from bench.contracts.tokens import Tokens
    from bench.metrics.base import Batch
    from bench.modalities.audio.batch import Audio

    for start in range(0, len(clips), BATCH):
        members = clips[start : start + BATCH]
        rate = members[0]["rate"]
        yield Batch(
            index=torch.arange(start, start + len(members)),
            group=torch.tensor([clip["group"] for clip in members]),
            reference=Audio.of([clip["signal"] for clip in members], rate),
            reconstruction=Audio.of([clip["reconstruction"] for clip in members], rate),
            tokens=Tokens(payload=(b"",) * len(members)),
            ids=tuple(clip["id"] for clip in members),
            transcripts=tuple(clip["transcript"] for clip in members),
            languages=tuple(clip["language"] for clip in members),
        )


main.add_command(files)


if __name__ == "__main__":
    main()
