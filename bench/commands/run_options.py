"""The options of ``bench run`` that say what is measured and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from bench.commands.kinds import FORMATS

_Option = Callable[[Any], Any]
DATA = (
    click.option(
        "--dataset",
        metavar="NAME[@ARG][:PATH]",
        help="Data set instead of the suite's (`bench list datasets`), with its argument or path where it takes one.",
    ),
    click.option(
        "--data",
        metavar="PATH",
        help="Where the data set is; alone, a folder of images (image-folder) or audio (audio-folder) to measure on.",
    ),
)
CONDITIONS = (
    click.option("--limit", type=click.IntRange(min=1), help="Only the first so many samples; part of the protocol."),
    click.option(
        "--seed", type=int, default=0, show_default=True, help="Seed of everything random; part of the protocol."
    ),
    click.option(
        "--dtype",
        type=click.Choice(["float32", "bfloat16", "float16", "float64"]),
        default="float32",
        show_default=True,
        help="The systems' arithmetic; part of the protocol. Metrics stay in float32.",
    ),
    click.option("--tf32", is_flag=True, help="Allow TF32 on CUDA; part of the protocol."),
    click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="cpu, cuda, cuda:1, or auto."),
    click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        default=8,
        show_default=True,
        help="Samples at a time; changes speeds, never a quality metric.",
    ),
    click.option(
        "--keep-samples",
        "keep",
        type=click.IntRange(min=0, max=100),
        default=4,
        show_default=True,
        help="Samples per cell to keep, original and reconstruction, for `bench publish`; the same ones for "
        "every system. "
        "Finished cells keep what they have.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=0),
        help="Loader threads.  [default: one per core, at most 4, with a GPU 16]",
    ),
)
"""How samples are measured; most of it is part of the protocol."""
COURSE = (
    click.option("--fresh", is_flag=True, help="Measure again what is already finished."),
    click.option(
        "--checkpoint-every",
        type=click.FloatRange(min=0),
        default=60,
        show_default=True,
        metavar="SECONDS",
        help="Least seconds between two saves of where a cell is; the same command goes on there after a kill, "
        "with the "
        "same numbers. 0 turns it off.",
    ),
    click.option(
        "--ranks",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="Processes that measure each cell together, each a share of the samples, on N GPUs or shares of "
        "the cores of "
        "this machine; changes speeds, never a quality metric. On several machines: torchrun ... -m bench run ...",
    ),
    click.option(
        "--timeout",
        metavar="TIME",
        help="The longest that a cell may take, in seconds (90), minutes (30m) or hours (2h); after that it "
        "fails, and the "
        "next one begins.  [default: no limit]",
    ),
    click.option("--dry-run", is_flag=True, help="Print the plan, what is missing and the protocol; measure nothing."),
    click.option("--no-mlflow", is_flag=True, help="Do not log to MLflow; `bench sync` can do it later."),
)
"""How a run proceeds, which changes no quality metric."""
OPTIONS = (
    click.option(
        "--suite", required=True, metavar="NAME|FILE", help="A shipped suite (`bench list suites`) or a YAML file."
    ),
    click.option(
        "--system",
        "systems",
        multiple=True,
        metavar="SPEC",
        help="Measure this system instead of the suite's. Repeatable. SPEC is NAME, NAME@VALUE, NAME@key=value,..., "
        "NAME=PATH for a local checkpoint, or my_file.py:Class[@key=value,...].",
    ),
    click.option(
        "--add",
        "added",
        multiple=True,
        metavar="SPEC",
        help="Measure this system in addition to the suite's. Repeatable.",
    ),
    *DATA,
    click.option(
        "--samples",
        multiple=True,
        metavar="PATH",
        help="Measure generated images made elsewhere (suite image-gen). Repeatable; each is a system, named by its "
        "file. PATH is an .npz with arr_0 or an .npy (uint8, N x height x width x 3), or a folder of images.",
    ),
    click.option(
        "--reconstructions",
        multiple=True,
        metavar="NAME=PATH",
        help="Measure reconstructions made elsewhere of the samples of --data, as the system NAME. PATH is a "
        "folder whose "
        "files have the originals' relative paths, whatever their endings, or a manifest of two columns (TSV, "
        "wav.scp): "
        "the original, and its reconstruction. Codes in an .npy or .npz beside a file are measured too. Repeatable.",
    ),
    click.option(
        "--codebook",
        "codebooks",
        multiple=True,
        metavar="[NAME=]SIZE,...",
        help="Codebook size of each level of the codes beside --reconstructions. Repeatable.",
    ),
    click.option(
        "--rate",
        "rates",
        multiple=True,
        metavar="[NAME=]RATE",
        help="Nominal rate of --reconstructions without codes: bits per pixel of images, kilobits per second of audio. "
        "Repeatable.",
    ),
    click.option(
        "--reference",
        metavar="PATH|NAME[@ARG][:PATH]",
        help="Real images that generated ones are compared with: guided-diffusion's reference .npz (mu, sigma, mu_s, "
        "sigma_s and arr_0), an .npz of images, a folder, or a data set.",
    ),
    click.option(
        "--prompts",
        metavar="FILE",
        help="Texts for pretrained backbones, one per line: what they generate images from, in turn, until "
        "there are as "
        "many images as wanted; for token-modelling, the text of each sample of the data set.",
    ),
    click.option(
        "--protocol", metavar="NAME|FILE", help="Protocol preset instead of the suite's (`bench list protocols`)."
    ),
    *CONDITIONS,
    click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Run directory; finished cells found there are kept.  [default: runs/SUITE]",
    ),
    *COURSE,
    click.option(
        "--format",
        "style",
        type=click.Choice(FORMATS),
        default="terminal",
        show_default=True,
        help="How the leaderboard is printed on stdout.",
    ),
)


def measuring(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command."""
    return _added(command, OPTIONS)


def measuring_again(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that are left where suite, systems and protocol follow from reported numbers."""
    return _added(command, (*DATA, *CONDITIONS, *COURSE))


def _added(command: Callable[..., None], options: Sequence[_Option]) -> Callable[..., None]:
    for option in reversed(options):
        command = option(command)
    return command
