"""What is seen of a run while it runs, and how soon a wrong name is answered."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest
from places import SYSTEMS
from rich.console import Console

from bench.commands.sources import files_in
from bench.contracts.results import Run
from bench.errors import BenchError
from bench.machine import progress
from bench.machine.durations import duration, seconds_of
from bench.machine.progress import CellProgress, waiting

NO_TORCH = "import sys; sys.modules['torch'] = None\n"


@pytest.fixture
def without_torch(tmp_path: Path) -> dict[str, str]:
    """Environment of a process in which nobody may import torch."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_TORCH)
    return {"PYTHONPATH": str(tmp_path / "site")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--suite", "image-recom"), "did you mean image-recon"),
        (("--system", "klt-vk"), "did you mean klt-vq"),
        (("--system", "jpeg@q=5"), "jpeg@q=5: got an unexpected keyword argument 'q'; jpeg takes: format, quality"),
        (("--system", "opus@24"), "opus@24 is of audio; suite image-recon is of image"),
        (("--system", "nowhere.py:Mean"), "no such file: nowhere.py"),
        (("--system", f"{SYSTEMS / 'broken.py'}:Meam"), "broken.py has no 'Meam'"),
        (("--protocol", "defalt"), "did you mean default"),
        (("--dataset", "skimage"), "did you mean skimage-photos"),
        (("--dataset", "image-folder:nowhere"), "--dataset nowhere: no such file or folder"),
        (("--data", "nowhere"), "--data nowhere: no such file or folder"),
        (("--device", "tpu7"), "--device tpu7: give one of auto, cpu"),
        (("--timeout", "soon"), "'soon' is not a time: write seconds (90), minutes (30m) or hours (2h)"),
        (("--weights", "alexnet=nowhere"), "no such file"),
        (("--out", "/proc/x"), "choose another run directory with --out DIR"),
    ],
)
def test_a_wrong_name_is_answered_without_torch(bench, tmp_path, without_torch, arguments, message):
    chosen = arguments if "--suite" in arguments else ("--suite", "image-recon", *arguments)
    done = bench("run", *chosen, code=2, **without_torch)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_start_that_fails_leaves_no_folder(bench, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine").mkdir()
    done = bench("run", "--suite", "image-recon", "--data", "empty", "--out", "mine/new/run", "--offline", code=2)
    assert "no image files" in done.stderr
    assert list((tmp_path / "mine").iterdir()) == []


def test_the_plan_comes_before_what_is_missing_and_the_protocol(bench):
    shown = bench("run", "--suite", "image-recon", "--system", "jpeg@5", "--offline", "--dry-run").stdout
    cells, missing, protocol = (shown.index(text) for text in ("cells\n  jpeg@5 ", "\nmissing: ", "\nimage-recon v"))
    assert cells == 0
    assert cells < missing < protocol


def lines_of(monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setattr(progress, "QUIET", 0.5)
    monkeypatch.setattr(progress, "BEAT", 0.05)
    monkeypatch.setattr(progress, "LEAST_TIMED", 0.2)
    return Console(file=io.StringIO(), width=200)


def test_without_a_terminal_every_phase_has_a_line_and_silence_has_some(monkeypatch):
    console = lines_of(monkeypatch)
    with CellProgress(3, console) as shown:
        shown.start(2, "a[b]")
        time.sleep(0.8)  # as the fork server takes while it imports
        shown.update("measuring", 8, 80)  # at once: no rate yet
        shown.update("measuring", 16, 80)
        time.sleep(0.4)
        shown.update("measuring", 40, 80)
        time.sleep(1.0)
        shown.update("computing", 80, 80)
        shown.finish("80 samples")
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(line.startswith("[2/3] a[b] · ") for line in lines)
    phases = [line.split(" · ")[1] for line in lines]
    assert list(dict.fromkeys(phases)) == ["starting", "measuring", "computing", "80 samples"]
    assert phases.count("measuring") >= 2
    assert re.search(r" · starting · [0-9.]+ s$", lines[0])
    first = lines[phases.index("measuring")]
    assert re.search(r" · 8 of 80 · [0-9.]+ s$", first)
    assert any(re.search(r" · 40 of 80 · no progress for [0-9.]+ s · ", line) for line in lines)
    rates = [float(rate) for line in lines for rate in re.findall(r"([0-9.]+)/s", line)]
    assert rates
    assert max(rates) < (40 - 8) / 0.4


def test_what_is_waited_for_is_named_again_and_again(monkeypatch):
    console = lines_of(monkeypatch)
    with waiting("reading the data", console):
        time.sleep(0.8)
    first, second, *_ = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert first == "reading the data ..."
    assert re.fullmatch(r"reading the data · [0-9.]+ s", second)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1.5s", 1.5), ("30m", 1800), ("2h", 7200), ("1 d", 86400)])
def test_times_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1e3", "nan", "inf", "5 weeks", "0.0s"])
def test_what_is_no_time_is_rejected(text):
    with pytest.raises(BenchError, match="is not a time"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (9e-5, "0 s"),
        (0.25, "0.2 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (7205, "2 h"),
    ],
)
def test_times_are_written(seconds, text):
    assert duration(seconds) == text


def test_a_folder_without_results_is_named_beside_one_with_some(tmp_path, capsys):
    run = Run(tmp_path / "run")
    run.folder.mkdir(parents=True)
    (run.folder / "a.json").touch()
    (tmp_path / "empty").mkdir()
    assert files_in([run.path, tmp_path / "empty"]) == [run.folder / "a.json"]
    assert capsys.readouterr().err == f"warning: no results in {tmp_path / 'empty'}\n"
