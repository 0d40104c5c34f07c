"""The commands that compare results with each other, or remove some: they parse and call."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bench.errors import BenchError

GATE_FORMATS = ("terminal", "markdown", "json", "junit")
CRASHED = 70
"""The exit code of a fault of bench itself: EX_SOFTWARE of sysexits.h."""


def _gate_format(choices: tuple[str, ...]) -> Callable[..., Any]:
    return click.option("--format", "style", type=click.Choice(choices), default="terminal", show_default=True)


@contextmanager
def _documented_codes() -> Iterator[None]:
    """Exit with the codes that the commands document, never with Python's 1, which means "regressed"."""
    try:
        yield
    except (BenchError, BrokenPipeError, click.ClickException):
        raise
    except Exception:
        traceback.print_exc()
        sys.exit(CRASHED)


_RESULTS = click.Path(exists=True, path_type=Path)


def chosen_systems(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add to a command the options ``--system`` and ``--without``: which systems to take, and which to leave out."""
    command = click.option(
        "--without", multiple=True, metavar="NAME", help="Leave this system out, such as one that failed. Repeatable."
    )(command)
    return click.option("--system", "systems", multiple=True, metavar="NAME", help="Only this system. Repeatable.")(
        command
    )


@click.command(short_help="Check quality against a baseline.")
@click.argument("runs", nargs=-1, required=True, type=_RESULTS, metavar="RUN...")
@click.option(
    "--baseline", required=True, type=_RESULTS, metavar="PATH", help="A baseline, a run, or a folder of results."
)
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    metavar="METRIC=AMOUNT",
    help="How much worse a metric may get: psnr=0.05dB in its unit, wer=0.5pp in percentage points where tables "
    "show %, rfid=2% always of the value before, kid=inf to never judge it. Repeatable; there are defaults.",
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Chance of a false alarm, over all comparisons together.",
)
@chosen_systems
@click.option(
    "--pair",
    "renamed",
    nargs=2,
    multiple=True,
    metavar="BEFORE AFTER",
    help="Compare the run's system AFTER with the baseline's BEFORE. Repeatable.",
)
@click.option(
    "--cost/--no-cost",
    default=False,
    show_default=True,
    help="Whether speed and memory can regress: on one device, beyond the noise between repeated runs. Otherwise they "
    "are only shown.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with 1 also on a loss beyond the tolerance that may be chance, or whose chance cannot be computed.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the report to a file: Markdown to FILE.md, JSON to FILE.json, JUnit to FILE.xml; folders are "
    "created as needed. Repeatable.",
)
@_gate_format(GATE_FORMATS)
def check(**given: Any) -> None:
    """Check RUN against a baseline, both read from disk; nothing is measured.

    A metric has regressed if it is worse than before by more than its tolerance, and if that is beyond chance over all
    comparisons together: tested on the same samples, pair by pair, by whole groups (photographs, speakers). Means
    are compared with their error (p by Holm); signs of the groups are flipped in all comparisons at once (p by
    Westfall-Young). A loss beyond the tolerance that may be chance is shown as such, with how many groups would
    decide it; --strict fails on it.

    Numbers compare under the same conditions (task, data, preprocessing, seed, dtype), metric by metric, whatever else
    was measured. Results under other conditions are rejected, and the fields that differ are named; a
    metric with other settings, of another version or with other weights counts as missing, with the reason.

    Several RUNs are taken together. Of those that measured the same system under one protocol the last counts; the
    others, if of the same code on the same device, show by how much speed and memory differ from run to run, the noise
    that --cost allows for. `bench baseline update RUN RUN2 ...` keeps the same in a baseline.

    All results of a RUN are judged, whichever command measured them; those that its last `bench run` did not ask for
    are named. A cell that failed in an earlier command is only named, and its system is missing if the baseline has it.

    \b
    Exit codes: 0 held
                1 something regressed; with --strict, also if it is worse than the tolerance
                2 wrong usage, another protocol, or a result that contradicts its samples
                3 nothing comparable was measured, or a system of the baseline is missing (see --without), or the
                  value of a quality metric that the baseline has (see --tolerance)
                4 a cell of the run's last command failed, and nothing regressed
               70 a fault of bench itself, whose traceback is shown
    """
    with _documented_codes():
        from bench.commands.check import check_runs

        sys.exit(check_runs(**given))


@click.command(short_help="Show what differs between two runs, or two systems.")
@click.argument("before", type=_RESULTS, metavar="BEFORE")
@click.argument("after", type=_RESULTS, metavar="[AFTER]", required=False)
@click.option(
    "--systems",
    "pairs",
    nargs=2,
    multiple=True,
    metavar="X Y",
    help="Compare system X of BEFORE with system Y of AFTER, or of BEFORE too if there is no AFTER. Repeatable.",
)
@chosen_systems
@_gate_format(GATE_FORMATS[:3])
def compare(**given: Any) -> None:
    """Show what differs between two runs, with the error of the difference and without a verdict.

    For each metric by itself it says whether AFTER is better than BEFORE, worse, or not distinguishable on the samples
    that both have, by the test that marks the best of a leaderboard.

    \b
      bench compare runs/old runs/new                            the systems that both have
      bench compare runs/new --systems klt-vq klt-fsq            two systems of one run
      bench compare runs/old runs/new --systems klt-vq mine.py:VQ

    \b
    Exit codes: 0, 2 wrong usage, or another protocol, 3 there are no results, or none in common.
    """
    with _documented_codes():
        from bench.commands.check import compare_runs

        sys.exit(compare_runs(**given))


@click.group(short_help="Manage what later runs are checked against.")
def baseline() -> None:
    """Manage reviewed results that `bench check` checks runs against: small files that diff well, to be committed."""


@baseline.command(short_help="Take a run as the baseline.")
@click.argument("runs", nargs=-1, required=True, type=_RESULTS, metavar="RUN...")
@click.option(
    "--baseline",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the baseline; created if it does not exist.",
)
@chosen_systems
@click.option("--partial", is_flag=True, help="Take what was measured although cells failed.")
@click.option("--all", "everything", is_flag=True, help="Rewrite even results in which nothing changed.")
@click.option("--dry-run", is_flag=True, help="Print what would change; write nothing.")
def update(**given: Any) -> None:
    """Print what RUN changes in a baseline, then write it. Review the diff before you commit it.

    Results in which no quality metric changed stay as they are, byte for byte; --all renews their speeds too. A
    result under other conditions, or with other metrics, replaces that of its system and task; systems that RUN lacks
    stay.

    With several RUNs of the same systems and code on one device, the baseline keeps their speeds and memory, which show
    the noise from run to run that `bench check --cost` needs; all else is from the last.

    Everything that succeeded in RUN is taken, whichever command measured it. A cell that failed in the last command
    stops the update; one that failed in an earlier command is only named.

    \b
    Exit codes: 0, 2 wrong usage, 3 nothing was measured, 4 a cell of the last command failed and nothing was written
                (see --partial and --without).
    """
    with _documented_codes():
        from bench.commands.baseline import update_baseline

        sys.exit(update_baseline(**given))


@click.command(short_help="Remove results from a run directory.")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="RUN")
@click.option("--system", "systems", multiple=True, metavar="NAME", help="Remove this system's results. Repeatable.")
@click.option("--failed", is_flag=True, help="Only cells that failed; without --system, those of all systems.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def remove(**given: Any) -> None:
    """Remove results from a run directory, with their per-sample values and the samples that were kept.

    \b
      bench remove runs/image-recon --failed                   all cells that failed
      bench remove runs/image-recon --system my_file.py:Class  all results of one system

    What is to be removed is shown first, for you to confirm. Nothing else is touched: files that bench did not write
    stay, and MLflow keeps its records; the next `bench sync` tags them bench.superseded_by=removed.

    \b
    Exit codes: 0 removed, 2 wrong usage, 3 there is nothing to remove, or the answer was no.
    """
    from bench.commands.remove import remove_results

    sys.exit(remove_results(**given))
