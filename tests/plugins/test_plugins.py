"""A package with a plug-in of each kind, installed by pip: all are usable, and none changes what others measure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from plugin_parts import as_installed, fingerprints, install

from bench import registry
from bench.backbones.base import Size, Structure
from bench.backbones.build import build
from bench.cli import main
from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.suite import load_preset, load_suite
from bench.contracts.system import parse
from bench.datasets.spec import DatasetSpec
from bench.errors import BenchError
from bench.machine.weights import WeightStore
from bench.measuring import runner
from bench.modalities.audio.metrics.word_errors import WordErrors

PLUGINS: dict[registry.Kind, set[str]] = {
    "tokenizers": {"plugin-blocks"},
    "datasets": {"plugin-noise"},
    "metrics": {"plugin-error", "plugin-aimless"},
    "recognizers": {"plugin-deaf"},
    "backbones": {"plugin-raster"},
    "tasks": {"plugin-recon"},
    "quantizers": {"plugin-signs"},
}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package."""
    return install("package", tmp_path_factory.mktemp("plugins"))


@pytest.fixture
def plugins(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process as if it had been started with the package installed."""
    with as_installed(installed, monkeypatch):
        yield


def test_an_installed_package_changes_no_protocol(installed, monkeypatch):
    before = fingerprints()
    assert all(before.values())
    with as_installed(installed, monkeypatch):
        assert "plugin-error" in registry.entries("metrics")
        assert fingerprints() == before


def test_listing_imports_no_plugin(installed):
    code = (
        "import json, sys; from click.testing import CliRunner; from bench.cli import main;"
        "listed = CliRunner().invoke(main, ['list', '--format', 'json']).stdout;"
        "assert CliRunner().invoke(main, ['list']).exit_code == 0;"
        "sys.stdout.write(json.dumps([json.loads(listed), [m for m in ('bench_plugin', 'torch') if m in sys.modules]]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    listed, imported = json.loads(subprocess.check_output([sys.executable, "-c", code], env=environment, text=True))
    for kind, names in PLUGINS.items():
        assert names <= listed[kind].keys()
    assert imported == []


def test_a_plugin_of_each_kind_is_measured(bench, installed, tmp_path):
    (tmp_path / "own.yaml").write_text(
        "description: Own metrics\nmetrics: {psnr: {}, plugin-error: {}, codebook: {}}\n", encoding="utf-8"
    )
    (tmp_path / "suite.yaml").write_text(
        "name: own\ndescription: Own task and data\n"
        "tasks: [{task: plugin-recon, protocol: own.yaml, dataset: plugin-noise}]\nsystems: [plugin-blocks]\n"
    )
    bench("run", "--suite", "suite.yaml", "--offline", "--no-mlflow", "--workers", 0, PYTHONPATH=str(installed))
    (result,) = Run(tmp_path / "runs" / "own").results()
    assert result.protocol.task == "plugin-recon"
    assert result.protocol.dataset.name == "plugin-noise"
    assert set(result.protocol.metrics) == {"psnr", "plugin-error", "codebook"}
    assert 0.2 < result.metrics["plugin_error"].value < 0.3  # of uniform noise to its mean: a quarter
    table = bench("leaderboard", "runs/own", "--format", "csv")  # without the package
    assert "plugin_error" in table.stdout


@pytest.mark.usefixtures("plugins")
def test_a_quantizer_codes_what_a_tokenizer_transforms():
    tokenizer = parse("klt-vq@quantizer=plugin-signs,bits=3").build()
    assert [book.size for book in tokenizer.codebooks] == [8]


@pytest.mark.usefixtures("plugins")
def test_a_preset_and_a_suite_are_found():
    name, chosen = load_preset("plugin-psnr")
    assert (name, chosen) == ("plugin-psnr", {"metrics": {"psnr": {}}})
    assert load_suite("plugin-noise-recon").systems == ["plugin-blocks"]


@pytest.mark.usefixtures("plugins")
def test_recognizers_and_backbones_are_found():
    settled = WordErrors.settle(WordErrors.Settings(recogniser="plugin-deaf"))
    assert "deaf" in str(settled)
    backbone = build("plugin-raster", Structure((5,), ((3, 4),), (3, 24, 32)), Size(width=16, depth=1, heads=1))
    assert type(backbone).__name__ == "PluginRaster"


def planned(suite: str, metric: str, folder: Path, dataset: str | None = None) -> None:
    (folder / "own.yaml").write_text(f"description: Own\nmetrics: {{{metric}: {{}}}}\n")
    loaded = load_suite(suite)
    options = Options(protocol=str(folder / "own.yaml"), dataset=dataset)
    runner.plan(loaded, [parse(loaded.systems[0])], options, WeightStore({}, True), Run(folder))


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("suite", "metric", "dataset", "message"),
    [
        ("audio-recon", "plugin-error", None, "plugin-error is a metric of image; audio-recon takes audio"),
        ("image-recon", "plugin-aimless", None, r"metric plugin-aimless of bench-plugin.* does not state its modality"),
        ("audio-recon", "bitrate", "plugin-noise", "plugin-noise is a data set of image; audio-recon takes audio"),
    ],
)
def test_what_does_not_fit_is_rejected_by_name(tmp_path, suite, metric, dataset, message):
    with pytest.raises(BenchError, match=message):
        planned(suite, metric, tmp_path, dataset)


@pytest.mark.usefixtures("plugins")
def test_a_data_set_fits_where_its_class_says(tmp_path):
    assert DatasetSpec.parse("plugin-noise").entry.modality == "image"
    planned("image-recon", "plugin-error", tmp_path, "plugin-noise")


@pytest.mark.usefixtures("plugins")
def test_showing_a_plugin_says_what_its_class_states():
    shown = CliRunner().invoke(main, ["show", "plugin-error"]).stdout
    assert "image" in shown.split("modality")[1].splitlines()[0]
    assert "does not state its modality" in CliRunner().invoke(main, ["show", "plugin-aimless"]).stdout
