"""`bench run` as a user runs it: failures, kills, resumption, invariance, exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from command import BENCH, command_environment, run_bench
from places import SYSTEMS
from synthetic import random_inception

from bench.contracts.results import Run, read_samples

BROKEN = SYSTEMS / "broken.py"
TIMED = {"encode_images_per_second", "decode_images_per_second", "peak_memory"}
QUICK = ("run", "--suite", "image-recon", "--limit", 6, "--offline", "--no-mlflow", "--format", "json")


def numbers(folder: Path) -> dict[str, dict[str, Any]]:
    """System -> metric -> estimate of a run, leaving out what is timed."""
    return {
        result.system.name: {k: v.model_dump() for k, v in result.metrics.items() if k not in TIMED}
        for result in Run(folder).results()
    }


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> tuple[Run, subprocess.CompletedProcess[str]]:
    """A run without weights, in a folder whose files have the names of modules."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "bench").mkdir()
    for name in ("bench/__init__.py", "random.py"):
        (folder / name).write_text("raise RuntimeError('the wrong one')\n")
    done = run_bench(BENCH, folder)(*QUICK, "--system=jpeg@10", "--out", "out", "--keep-samples", 2)
    return Run(folder / "out"), done


def test_a_failing_cell_is_recorded_and_the_others_go_on(bench, tmp_path):
    causes = {
        "NotANumber": "NaN or infinity in the reconstruction of",
        "WrongShape": "was decoded to",
        "Remembers": "it depends on state that encode keeps",
        "Levels": "decode gave torch.uint8",
        "OutsideCodebook": "outside the codebook 0..1",
        "Raises": "CUDA out of memory, say",
        "Killed": "killed by SIGKILL; it may have run out of memory",
    }
    systems = [f"--system={BROKEN}:{name}" for name in ["Talks", *causes, "Mean"]]
    done = bench(*QUICK, *systems, "--out", "out", code=4)
    results = {result.system.name.rpartition(":")[2]: result for result in Run(tmp_path / "out").results()}
    for name, cause in causes.items():
        assert results[name].status == "failed"
        assert cause in results[name].errors[0].message
        assert f"FAILED: {results[name].errors[0].type}" in done.stderr
    assert "broken.py" in results["Raises"].errors[0].traceback
    assert results["Mean"].status == results["Talks"].status == "ok"
    json.loads(done.stdout)  # what a system prints does not get between
    assert "hello" in done.stderr
    assert results["Mean"].metrics["bits_per_pixel"].value == pytest.approx(8 / 256**2)
    # A failed cell is tried again, a finished one is not.
    again = bench(*QUICK, *systems[-2:], "--out", "out", code=4)
    assert again.stderr.count("kept") == 1
    # What the last command did not ask for is said to be there.
    assert "beside them, 7 results are from earlier commands" in again.stderr
    last = json.loads((tmp_path / "out" / "last.json").read_text())
    assert last["options"]["system"] == [system.partition("=")[2] for system in systems[-2:]]
    assert set(last["cells"]) == {
        file.name
        for file, result in zip(Run(tmp_path / "out").files(), Run(tmp_path / "out").results(), strict=True)
        if result.system.name.endswith(("Killed", "Mean"))
    }


def test_what_a_system_does_to_its_input_or_to_chance_changes_no_number(bench, tmp_path):
    systems = [f"--system={BROKEN}:{name}" for name in ("InPlace", "Mean", "Noisy")]
    for out in ("one", "two"):
        bench(*QUICK, *systems, "--out", out)
    one, two = numbers(tmp_path / "one"), numbers(tmp_path / "two")
    assert_alike(one, two)
    in_place, mean = (one[f"{BROKEN}:{name}"] for name in ("InPlace", "Mean"))
    assert in_place["psnr"]["value"] == pytest.approx(mean["psnr"]["value"], rel=1e-4)


def test_killed_and_run_again_gives_the_results_of_an_uninterrupted_run(bench, tmp_path):
    systems = ("--system=klt-fsq", f"--system={BROKEN}:Slow@seconds={{}}", "--system=jpeg@10")
    slow, quick = ([s.format(seconds) for s in systems] for seconds in (60, 0.1))
    command: list[Any] = [BENCH, *map(str, QUICK), *slow, "--out", "cut"]
    process = subprocess.Popen(command, cwd=tmp_path, env=command_environment(tmp_path), stderr=subprocess.DEVNULL)
    first = wait_for(tmp_path / "cut" / "results", "klt-fsq*.json")
    time.sleep(1)  # the slow cell has begun
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = first.stat().st_mtime_ns
    bench(*QUICK, *quick, "--out", "cut")
    assert first.stat().st_mtime_ns == finished
    bench(*QUICK, *quick, "--out", "whole")
    assert_alike(numbers(tmp_path / "cut"), numbers(tmp_path / "whole"))
    assert not [p for p in (tmp_path / "cut").rglob("*") if p.suffix == ".tmp"]


def wait_for(folder: Path, pattern: str) -> Path:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if found := list(folder.glob(pattern)):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no {pattern} in {folder}")


def test_other_arguments_or_data_are_measured_anew(bench, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(BROKEN.read_text())
    bench(*QUICK, f"--system={own}:Mean", "--out", "out")
    assert "kept" in bench(*QUICK, f"--system={own}:Mean", "--out", "out").stderr
    (tmp_path / "neighbour.py").write_text("# it may be imported by the other")
    assert "kept" not in bench(*QUICK, f"--system={own}:Mean", "--out", "out").stderr
    assert "kept" not in bench(*QUICK, f"--system={own}:Mean", "--out", "out", "--seed", 1).stderr
    assert len(Run(tmp_path / "out").files()) == 2  # one a protocol: the seed is part of it


def test_neither_batch_size_nor_workers_change_a_number(bench, tmp_path):
    systems = [f"--system={name}" for name in ("klt-vq@8", "klt-continuous", "jpeg@10")]
    bench(*QUICK, *systems, "--out", "one", "--batch-size", 1, "--workers", 0, OMP_NUM_THREADS="2")
    bench(*QUICK, *systems, "--out", "four", "--batch-size", 4, "--workers", 3)
    one, four = numbers(tmp_path / "one"), numbers(tmp_path / "four")
    assert_alike(one, four)


def assert_alike(one: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]]) -> None:
    """Equal but for the rounding of convolutions, which differs with the number of images at once."""
    assert one.keys() == other.keys()
    for system, metrics in one.items():
        assert metrics.keys() == other[system].keys()
        for name, estimate in metrics.items():
            for field in ("value", "stderr", "n", "unavailable"):
                expected = estimate[field]
                close = expected if isinstance(expected, str | None) else pytest.approx(expected, rel=1e-5, abs=1e-6)
                assert other[system][name][field] == close, (system, name, field)


def test_samples_are_kept_beside_the_result(measured):
    run, _ = measured
    (file,) = run.files()
    (result,) = run.results()
    assert [record.index for record in result.kept] == [1, 4]
    assert all(
        (run.folder / name).is_file() for record in result.kept for name in (record.original, record.reconstruction)
    )
    samples = read_samples(file, result)
    assert len(samples["id"]) == len(samples["psnr"]) == result.metrics["psnr"].n == 6
    assert sum(samples["psnr"]) / 6 == pytest.approx(result.metrics["psnr"].value)


def test_a_weights_file_at_hand_measures_and_makes_columns_of_its_own(bench, tmp_path, measured):
    own = random_inception(tmp_path / "own.pth")
    bench(*QUICK, "--system=jpeg@10", "--out", "with", "--weights", f"inception-2015-12-05={own}")
    (without,), (with_weights,) = measured[0].results(), Run(tmp_path / "with").results()
    assert with_weights.fingerprint == without.fingerprint
    assert with_weights.fingerprint_of("psnr") == without.fingerprint_of("psnr")
    for name in ("rfid", "kid"):
        assert with_weights.fingerprint_of(name) != without.fingerprint_of(name)
        assert without.metrics[name].value is None
        assert with_weights.metrics[name].value is not None
    # The reference's features are kept for the next system, and give it the same numbers.
    (tmp_path / "with" / "results").rename(tmp_path / "first")
    assert list((tmp_path / "cache" / "references").glob("*.rows"))
    bench(*QUICK, "--system=jpeg@10", "--out", "with", "--weights", f"inception-2015-12-05={own}")
    (again,) = Run(tmp_path / "with").results()
    assert again.metrics["rfid"].value == pytest.approx(with_weights.metrics["rfid"].value, rel=1e-6)


def test_missing_weights_are_reasons_not_numbers(measured):
    run, done = measured
    (result,) = run.results()
    for name, file in {"rfid": "inception-2015-12-05", "lpips_alex": "alexnet", "lpips_vgg": "vgg16"}.items():
        assert result.metrics[name].value is None
        assert f"bench fetch {file}" in result.metrics[name].remedy
    assert result.metrics["fd_efficientnet_lite0"].value is not None
    assert "bench fetch alexnet" in done.stderr
    json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--suite", "image-recon", "--system", "jpeg=x"), "cannot load a local checkpoint"),
        (("run", "--suite", "image-recon", "--system", "own.py"), "write own.py:CLASS"),
        (("run", "--suite", "image-recon", "--weights", "alexnett=x"), "did you mean alexnet"),
        (("leaderboard", "nowhere"), "does not exist"),
        (("show", "klt_vq"), "did you mean klt-vq"),
    ],
)
def test_wrong_input_names_the_thing_and_the_remedy(bench, arguments, message):
    done = bench(*arguments, code=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_folder_is_no_leaderboard(bench, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no results" in bench("leaderboard", "empty", code=3).stderr


def test_a_dry_run_measures_nothing(bench, tmp_path):
    done = bench("run", "--suite", "image-recon", "--offline", "--dry-run", "--out", "out")
    assert "klt-vq" in done.stdout
    assert "to measure" in done.stdout
    assert "missing: weights alexnet" in done.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [("--help",), ("list",), ("list", "metrics")])
def test_the_command_starts_without_torch(arguments):
    done = subprocess.run(
        [Path(BENCH).with_name("python"), "-X", "importtime", BENCH, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "mlflow", "torchvision", "torchmetrics", "transformers", "scipy"}
