"""The command line: it parses, calls the command and prints.

Exit codes: 0 all cells measured or quality held, 1 quality regressed, 2 wrong usage or bad input, 3 nothing (or not
all that the baseline has) was measured, 4 a cell failed.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from bench import __version__
from bench.commands import gate_group as cli_gate
from bench.commands.kinds import FORMATS, KINDS
from bench.commands.launch_options import launch_of, launching
from bench.commands.run_options import measuring, measuring_again
from bench.errors import BenchError, NoResults
from bench.exit_codes import NOTHING_MEASURED
from bench.machine import renamed
from bench.machine.texts import visible

MACHINE_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS)


class _Group(click.Group):
    """Turns BenchError into a message without a traceback and exit code 2, or 3 where there are no results."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NoResults as error:
            click.echo(str(error), err=True)
            sys.exit(NOTHING_MEASURED)
        except BenchError as error:
            raise click.UsageError(str(error)) from error
        except BrokenPipeError:
            # The reader (head, less) has seen enough.
            sys.stderr.close()
            return None
        except OSError as error:
            full = error.errno in MACHINE_IS_FULL
            if not full and not error.filename:
                raise
            where = f"{error.filename}: " if error.filename else ""
            remedy = "; free some, or choose another place" if full else ""
            raise click.UsageError(visible(f"{where}{error.strerror}{remedy}")) from error
        except (MemoryError, ImportError) as error:
            # A library that finds no memory fails with an ImportError as it is loaded.
            if isinstance(error, ImportError) and "failed to map segment" not in str(error):
                raise
            raise click.UsageError("out of memory; close other programs, or raise the limit (ulimit -v)") from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="bench")
def main() -> None:
    """Measure multimodal tokenizers under named protocols, with error bars, and rank only what compares.

    \b
    Start here:
      bench run --suite image-recon            measure image tokenizers on real photographs
      bench run --suite audio-recon            measure speech tokenizers on real recordings
      bench list tokenizers                    list what can be measured
      bench run --suite image-recon --system my_tokenizer.py:MyTokenizer
      bench run --suite image-recon --data originals --reconstructions mine=reconstructions
      bench run --suite image-gen --samples samples.npz --reference VIRTUAL_imagenet256_labeled.npz
      bench reproduce                          measure again what papers report
      bench status RUN                         see how far a run or its jobs are
      bench check RUN --baseline PATH          check whether quality has regressed
      bench publish runs/image-recon           make a site of the results: tables, plots, samples
      bench doctor                             see what is installed here and what is missing
    """
    renamed.show()


def _pairs(values: tuple[str, ...], option: str) -> dict[str, Path]:
    pairs = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or not name or not path:
            raise click.UsageError(f"{option} {value!r}: write {option} NAME=PATH")
        if name in pairs:
            raise click.UsageError(f"{option} {value!r}: {name} is given twice")
        pairs[name] = Path(path)
    return pairs


def _given() -> dict[str, Any]:
    """The options whose values the user gave to the running command, with paths as strings."""
    context = click.get_current_context()
    chosen = {
        option.opts[0].lstrip("-"): context.params[option.name]
        for option in context.command.params
        if option.name and context.get_parameter_source(option.name) == ParameterSource.COMMANDLINE
    }
    return {name: str(value) if isinstance(value, Path) else value for name, value in chosen.items()}


def _weights(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--offline", is_flag=True, help="Never touch the network; use what is in the cache.")(
        command
    )
    return click.option(
        "--weights",
        multiple=True,
        metavar="NAME=PATH",
        help="Use this file for the weights NAME; its hash enters the fingerprints of metrics that use it. Repeatable.",
    )(command)


@main.command()
@measuring
@_weights
@launching
def run(**given: Any) -> None:
    """Measure a suite and print its leaderboard.

    Results are written to the run directory as they come. Kill the command at any moment and start it
    again: finished cells are kept, unless the code, the data, the system or the protocol changed. Several
    commands may write into one run directory: none measures a cell that another is measuring.

    \b
    Exit codes: 0 all measured, 2 wrong usage, 3 nothing measured, 4 a cell failed, or a metric of one broke.
    """
    from bench.commands.run import run_suite

    chosen = _given()
    given["weights"] = _pairs(given["weights"], "--weights")
    given["reconstructions"] = _pairs(given["reconstructions"], "--reconstructions")
    launch = launch_of(given)
    for name in [name for name in given if name in ("launcher", "wait") or name.startswith("slurm_")]:
        del given[name]
    sys.exit(run_suite(given=chosen, launch=launch, **given))


@main.command(short_help="Measure again what papers report.")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Only the rows that report this metric, such as rfid. Repeatable.",
)
@click.option(
    "--preset",
    metavar="NAME|FILE",
    help="Only this protocol preset (`bench list protocols`): the rows whose source it follows, and of NAMES also "
    "the others, whose numbers are then shown beside yours without a verdict.",
)
@click.option(
    "--catalog",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="A folder of your own files of reported numbers, written like those in bench/reported.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the run directories, one for each preset.  [default: runs/reproduce]",
)
@measuring_again
@_weights
@click.option("--format", "style", type=click.Choice(["terminal", "json"]), default="terminal", show_default=True)
def reproduce(
    names: tuple[str, ...],
    metrics: tuple[str, ...],
    preset: str | None,
    catalog: Path | None,
    out: Path | None,
    style: str,
    **options: Any,
) -> None:
    """Measure again what papers report, and say of each number whether it agrees.

    Without --data the numbers that can be measured are listed, by the protocol of their source, with the command for
    each. With --data they are measured as `bench run` does it, under the preset that follows the source: a command
    that is killed goes on where it was, and the results are ordinary ones (bench leaderboard runs/reproduce/*).

    
    bench reproduce                                              list what can be measured again
    bench reproduce llamagen-vq-ds16                             list its numbers
    bench reproduce llamagen-vq-ds16 --data imagenet/val         measure them
    bench reproduce llamagen-vq-ds16=vq_ds16_c2i.pt --data ...   ... with a checkpoint that is already here
    bench reproduce --preset titok --metric rfid --data ...      all rFIDs of TiTok's table
    bench reproduce encodec-24khz --data LibriSpeech/test-clean  at every rate that is reported

    NAME is a registry name, with or without arguments, or what a paper calls the system. A number is measured on
    all samples of the data set that its source names, which you provide.

    
    agrees                     yours rounds to the reported one, or its 95% interval reaches it
    differs                    it does not, under a protocol that the source states in full
    protocol not fully stated  it does not, and the source leaves open what may explain it
    not comparable             on other samples (--limit), by another preset, or by one that does otherwise
    not measured               with the reason

    
    Exit codes: 0 no number differs, 1 one does, 2 wrong usage, 3 nothing measured, 4 a cell failed.
    """
    from bench.commands.reproduce import reproduce as command

    chosen = {name: value for name, value in _given().items() if name not in ("metric", "preset", "catalog", "format")}
    options["weights"] = _pairs(options["weights"], "--weights")
    sys.exit(command(names, metrics, preset, catalog, out, style, options, chosen))


class _Kind(click.Choice[str]):
    """A kind of names; a former name of a kind works, with a note."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from bench.registry import FORMER  # what help does not need

        if value in FORMER:
            click.echo(f"note: {value} is now called {FORMER[value]}", err=True)
        return super().convert(FORMER.get(value, value), param, ctx)


@main.command("list", short_help="List what there is, by kind.")
@click.argument(
    "kind",
    required=False,
    type=_Kind(KINDS),
)
@click.option(
    "--state",
    type=click.Choice(["runnable", "reported", "explained"]),
    help="Of systems: only those that run here, that the catalogue has numbers of, or that a reason stands for.",
)
@click.option("--section", metavar="TEXT", help="Of systems: only sections of the surveys whose title has this text.")
@click.option("--modality", metavar="NAME", help="Of systems: only sections about this modality.")
@click.option("--format", "style", type=click.Choice(["terminal", "json"]), default="terminal", show_default=True)
def list_(kind: str | None, state: Any, section: str | None, modality: str | None, style: str) -> None:
    """List what there is.

    KIND is one of modalities, tokenizers, quantizers, backbones, tasks, suites, protocols, datasets, metrics,
    recognizers and weights; without it all these are listed. The kind systems is what two surveys name, with what the
    bench has of each: a way to run it, numbers that papers report, or the reason why there is neither.
    """
    if kind == "systems":
        from bench.commands.surveyed import print_systems

        print_systems(style, state, section, modality)
        return
    if state or section or modality:
        raise click.UsageError("--state, --section and --modality choose among systems: bench list systems")
    from bench.commands.listing import print_list

    print_list(kind, style)


@main.command(short_help="Show all about a name, or a result file.")
@click.argument("name")
def show(name: str) -> None:
    """Show what NAME is: source, license, codebooks and rate, settings, what it needs. Touches no network.

    NAME is that of a tokenizer (with arguments, as for --system), backbone, task, suite, protocol, data set,
    metric, recognizer or weights file, the path of a result file, or what surveys or papers call a system.
    """
    from bench.commands.listing import print_entry

    print_entry(name)


@main.command(short_help="See what is here and what is missing.")
@click.option(
    "--golden",
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="Measure reported numbers again instead: DIR holds the files of guided-diffusion's self-test "
    "(admnet_guided_upsampled_imagenet256.npz, VIRTUAL_imagenet256_labeled.npz); FILE is a YAML file with a check of "
    "your own, like those in bench/tasks/golden.",
)
@click.option(
    "--device", default="auto", show_default=True, metavar="DEVICE", help="For --golden: cpu, cuda, cuda:1, or auto."
)
@click.option(
    "--files",
    is_flag=True,
    help="Hash again every file whose hash is remembered, instead; BENCH_REHASH=1 does so in a run.",
)
@_weights
def doctor(golden: Path | None, device: str, files: bool, weights: tuple[str, ...], offline: bool) -> None:
    """See which devices, packages, recorded speech, weights and recognizers are here and which are missing.

    Touches no network. With --golden, each reported number is printed beside the one measured here; the run
    directory is runs/golden, which a second start resumes.

    \b
    Exit codes of --golden: 0 all agree to the digits reported, 2 wrong usage, 3 files or weights are missing,
    4 a number differs. Of --files: 0 all agree, 4 a file differs although its size, times and inode do not.
    """
    if files:
        from bench.commands.doctor import check_files

        sys.exit(check_files())
    pairs = _pairs(weights, "--weights")
    if golden is not None:
        from bench.commands.golden import check_golden

        sys.exit(check_golden(golden, pairs, device))
    from bench.commands.doctor import print_report

    print_report(pairs)


@main.command(short_help="Fill the cache with weights and checkpoints.")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All weights files (bench list weights).")
def fetch(names: tuple[str, ...], everything: bool) -> None:
    """Fill the cache, so that `bench run --offline` finds what it needs.

    \b
    NAMES are weights files                  inception-2015-12-05  (bench list weights)
              checkpoints of tokenizers      encodec-24khz, taef2  (bench list tokenizers)
              checkpoints of backbones       musicgen-small        (bench list backbones)
              recognizers                    whisper@large-v3      (bench list recognizers)
    """
    from bench.commands.fetch import fetch_names

    if not names and not everything:
        raise click.UsageError(
            "name what to fetch (`bench list weights`, or tokenizers, backbones, recognizers), or use --all"
        )
    sys.exit(fetch_names(names, everything))


@main.command(short_help="Rank the results of runs.")
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="RUN...")
@cli_gate.chosen_systems
@click.option("--format", "style", type=click.Choice(FORMATS), default="terminal", show_default=True)
@click.option(
    "--relative-to",
    metavar="SYSTEM",
    help="Show how each row differs from this one over the samples that they share, with a paired 95% interval.",
)
def leaderboard(
    runs: tuple[Path, ...], systems: tuple[str, ...], without: tuple[str, ...], style: str, relative_to: str | None
) -> None:
    """Rank the results of run directories (or single result files): one table per set of conditions.

    The best of a column is marked, together with all that a paired test cannot distinguish from it. Results that
    the last `bench run` of a directory did not ask for are ranked too, and named on stderr.

    \b
    Exit codes: 0, 2 wrong usage, 3 there are no results, 4 a result cannot be shown; the others are.
    """
    from bench.commands.leaderboard import print_leaderboard

    sys.exit(print_leaderboard(runs, systems, without, style, relative_to))


for _command in (cli_gate.check, cli_gate.compare, cli_gate.baseline, cli_gate.remove):
    main.add_command(_command)


@main.command(short_help="See how far a run is.")
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="RUN")
@click.option("--format", "style", type=click.Choice(["terminal", "json"]), default="terminal", show_default=True)
def status(run: Path, style: str) -> None:
    """Show every cell that the last `bench run` of a directory asked for: queued, running, done, failed,
    cancelled, or missing, which nobody is to measure any more. It does so for jobs and for what runs here.

    \b
    Exit codes: 0 all done, 2 wrong usage, 3 some are not measured yet, 4 a cell failed or was cancelled.
    """
    from bench.commands.status import print_status

    sys.exit(print_status(run, style))


@main.command(short_help="Make a static site of runs.")
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="RUN...")
@cli_gate.chosen_systems
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("site"),
    show_default=True,
    metavar="DIR",
    help="Where the site is written; an earlier site there is replaced.",
)
def publish(runs: tuple[Path, ...], systems: tuple[str, ...], without: tuple[str, ...], out: Path) -> None:
    """Make a static site of run directories (or single result files), to look at or to put on a server.

    Tables, plots of rate and quality and of quality and speed with their frontiers, a page per system, the samples
    that `bench run` kept, and numbers reported by papers. It needs no server and loads nothing from elsewhere:
    open DIR/index.html.

    \b
    Exit codes: 0, 2 wrong usage, 3 there are no results, 4 a result cannot be shown; the others are.
    """
    from bench.commands import publish as command

    sys.exit(command.publish(runs, out, systems, without))


@main.command(short_help="Log runs to MLflow, and read back.")
@click.argument(
    "runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="RUN..."
)
@click.option(
    "--timeout",
    metavar="TIME",
    help="The longest that each run directory may take: seconds (90), minutes (30m) or hours (2h).  "
    "[default: as long as MLflow answers]",
)
def sync(runs: tuple[Path, ...], timeout: str | None) -> None:
    """Log run directories to MLflow ($MLFLOW_TRACKING_URI, or a local SQLite store), and read back.

    It replays what `bench run` could not log; replaying twice changes nothing.

    \b
    Exit codes: 0 all logged and read back, 4 something is still pending.
    """
    from bench.commands.sync import sync_runs

    sys.exit(sync_runs(runs, timeout))
