"""What the README shows is what happens."""

from __future__ import annotations

import fnmatch
import itertools
import re
import shlex

import pytest
import refresh
import yaml
from places import ROOT

from bench import registry
from bench.contracts.options import Options
from bench.contracts.protocol import differences
from bench.contracts.results import Run
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.datasets.spec import DatasetSpec, split_path
from bench.machine.weights import FILES, WeightStore
from bench.measuring import runner
from bench.throughput.settings import SweepSettings

README = (ROOT / "README.md").read_text(encoding="utf-8")
PUBLISHED = sorted(path.parent for path in (ROOT / "leaderboards").glob("*/results"))
MEASURED = [*PUBLISHED, *sorted(path.parent for path in (ROOT / "baselines").glob("*/results"))]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_first_command_measures_the_default_suite(bench, tmp_path):
    """All of it, as the README says, but for the installation, which is what these tests run in."""
    (command,) = (
        part
        for block in blocks("sh")
        for part in block.split("&&")
        if "pip install" not in part and "--system" not in part and "tox" not in part
    )
    done = bench(*shlex.split(command)[1:], "--offline")
    results = list(Run(tmp_path / "runs" / "image-recon").results())
    assert len(results) == 14
    assert {result.status for result in results} == {"ok"}
    missing = {
        name for result in results for name, estimate in result.metrics.items() if "bench fetch" in estimate.remedy
    }
    assert missing == {"rfid", "kid", "inception_score", "lpips_alex", "lpips_vgg"}
    for result in results:
        for name in ("psnr", "ssim", "ms_ssim", "fd_efficientnet_lite0", "encode_images_per_second"):
            estimate = result.metrics[name]
            assert estimate.value is not None, (result.system.name, name)
            low, high = estimate.interval
            assert low < estimate.value < high
    assert "klt-vq" in done.stdout
    assert "pending" not in done.stderr
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    synced = bench("sync", "runs/image-recon", MLFLOW_TRACKING_URI=store)
    assert "14" in synced.stdout


@pytest.mark.parametrize(
    ("suite", "limit", "rate", "quality"),
    [
        ("image-recon", 5, ("bits_per_pixel", 9 / 64), ("psnr",)),
        ("audio-recon", 2, ("bitrate", 32), ("pesq_wb", "stoi", "visqol", "speaker_similarity")),
    ],
)
def test_the_example_tokenizer_is_complete(bench, tmp_path, suite, limit, rate, quality):
    """Every metric that needs no download has a value, and the example is worse than what it is compared with."""
    (command,) = (line for block in blocks("sh") for line in block.splitlines() if suite in line and ".py:" in line)
    name, system = re.search(r"(\S+\.py):(\w+)", command).groups()
    (example,) = (block for block in blocks("python") if block.startswith(f"# {name}\n"))
    (tmp_path / name).write_text(example)
    bench(*shlex.split(command)[1:], "--limit", limit, "--offline", "--no-mlflow", "--workers", 0)
    results = {result.system.name: result for result in Run(tmp_path / "runs" / suite).results()}
    own = results.pop(f"{name}:{system}")
    assert own.metrics[rate[0]].value == pytest.approx(rate[1])
    assert own.system.tokens == "discrete"
    assert results
    for metric in quality:
        assert all(own.metrics[metric].value < other.metrics[metric].value for other in results.values())
    assert "wer" not in own.metrics or own.metrics["wer"].value is not None


SHOWN = {
    "french.yaml": "recogniser: whisper@large-v3",
    "masked.yaml": "paradigm: masked",
    "longer.yaml": "steps: 20000",
}


def test_the_protocol_shown_is_one(bench, tmp_path):
    for block in blocks("yaml"):
        name = re.match(r"# (\S+\.yaml)\n", block)[1]
        assert f"--protocol {name}" in README
        (tmp_path / name).write_text(block)
        (suite,) = set(re.findall(rf"--suite (\S+) .*--protocol {name}", README))
        shown = bench("run", "--suite", suite, "--protocol", name, "--dry-run", "--offline").stdout
        assert SHOWN[name] in shown


def test_the_example_bottleneck_is_trained(bench, tmp_path):
    """On images, few steps long."""
    (command,) = (block for block in blocks("sh") if "--suite collapse" in block)
    (example,) = (block for block in blocks("python") if block.startswith("# my_bottleneck.py\n"))
    (tmp_path / "my_bottleneck.py").write_text(example)
    study = {"schedule": {"steps": 4}, "batch": 2, "repeats": 2, "looks": 2, "looked_at": 2}
    (tmp_path / "short.yaml").write_text(yaml.safe_dump({"description": "short", "study": study}))
    short = ("--protocol", "short.yaml", "--limit", 2)
    bench(*shlex.split(command)[1:], *short, "--offline", "--no-mlflow")
    results = {result.system.name: result for result in Run(tmp_path / "runs" / "collapse").results()}
    assert results["my_bottleneck.py:Ternary"].codebooks[0].size == 3**6
    assert all(result.trainings and result.status == "ok" for result in results.values())


def test_the_throughput_command_sweeps(bench, tmp_path):
    """Its sweep made short; the settings that are shown beside it are read."""
    (command,) = (block for block in blocks("sh") if "--suite throughput" in block)
    (shown,) = re.findall(r"`sweep: (\{[^`]*\})`", README)
    sweep = SweepSettings(**yaml.safe_load(shown)).model_dump(mode="json", exclude_unset=True)
    short = {"batch_sizes": [1], "dtypes": ["float32"], "sizes": [32], "samples": 1}
    assert sweep.keys() < short.keys()
    pace = {"iterations": 3, "seconds": 0, "most_seconds": 0.01, "warm_up_seconds": 0}
    (tmp_path / "short.yaml").write_text(yaml.safe_dump({"description": "short", "sweep": {**short, "pace": pace}}))
    bench(*shlex.split(command)[1:], "--protocol", "short.yaml", "--offline", "--no-mlflow")
    (result,) = Run(tmp_path / "runs" / "throughput").results()
    assert [(row.part, row.outcome) for row in result.sweep.rows] == [("encode", "measured"), ("decode", "measured")]


def test_what_is_reproduced_is_listed(bench):
    """The README's commands without their data, which list what they would measure."""
    commands = [shlex.split(line, comments=True)[1:] for line in re.findall(r"^    (bench reproduce.*)$", README, re.M)]
    assert commands
    for words in commands:
        names = list(itertools.takewhile(lambda word: not word.startswith("--"), words[1:]))
        listed = bench("reproduce", *names).stdout
        assert "rFID" in listed
        assert all(name in listed for name in names)


def test_every_published_tokenizer_is_named_and_no_other():
    rows = re.findall(r"^\| (?:images|speech).*$", README, re.MULTILINE)
    patterns = [pattern for row in rows for pattern in re.findall(r"`(\S+)`", row)]
    entries = registry.entries("tokenizers")
    assert not [pattern for pattern in patterns if not fnmatch.filter(entries, pattern)]
    fetched = {name for name, entry in entries.items() if entry.weights and not entry.plugin}
    assert fetched == {name for pattern in patterns for name in fnmatch.filter(fetched, pattern)}


def test_commands_that_are_not_run_name_what_there_is():
    """Those that need a network, or data of one's own."""
    fetched, measured = set(FILES), set()
    for line in re.findall(r"^    bench (?:run|fetch) .*$", README, re.MULTILINE):
        _, command, *words = shlex.split(line, comments=True)
        options = list(itertools.pairwise(words))
        if command == "fetch":
            fetched |= set(words)
        load_suite(dict(options).get("--suite", "image-recon"))
        measured |= {value for option, value in options if option == "--system" and "path/" not in value}
        for dataset in (value for option, value in options if option == "--dataset"):
            DatasetSpec.parse(split_path(dataset)[0])
    assert {parse(system).entry.name for system in measured} >= {"encodec-24khz", "mimi"}
    kinds: tuple[registry.Kind, ...] = ("tokenizers", "backbones", "recognizers")
    assert fetched <= {*FILES, *(name for kind in kinds for name in registry.entries(kind))}


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_a_published_leaderboard_renders_again_to_the_same_file(folder):
    assert (folder / "README.md").read_text(encoding="utf-8") == refresh.rendered(folder)


RELEASES = re.compile(r"\.revision(\.|$)")
"""Fields of a protocol that name the release of a package, which may be newer here than where a table was made."""


@pytest.mark.parametrize("folder", MEASURED, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_what_is_committed_was_measured_as_the_default_suite_measures_now(folder, tmp_path):
    """A metric, a setting or a system that changes makes published tables and baselines old."""
    suite = load_suite(folder.name)
    plan = runner.plan(suite, [parse(name) for name in suite.systems], Options(), WeightStore({}, True), Run(tmp_path))
    committed = {(result.protocol.task, result.system.name): result.protocol for result in Run(folder).results()}
    assert committed.keys() == {(cell.job.protocol.task, cell.job.system.text) for cell in plan.cells}
    for cell in plan.cells:
        found = differences(committed[cell.job.protocol.task, cell.job.system.text], cell.job.protocol)
        assert not [field for field in found if not RELEASES.search(field)]


def test_the_readme_shows_the_published_leaderboard_and_the_differences_in_it():
    """What differs is rendered again by ``python leaderboards/refresh.py``."""
    calls = [block["call"] for block in refresh.BLOCK.finditer(README)]
    assert calls == ["leaderboards/image-recon", "leaderboards/image-recon --relative-to klt-vq"]
    assert refresh.refreshed(README) == README
    assert len([line for line in README.splitlines() if line.startswith("| klt-")]) == 16


def test_every_file_a_link_names_is_there():
    for file in ("README.md", "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / file).read_text(encoding="utf-8")):
            assert (ROOT / link).exists(), link
