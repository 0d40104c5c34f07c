"""Numbers that mean nothing fail their cell, and those that mean less than they seem to have a warning."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import soundfile
import torch
from PIL import Image
from places import SYSTEMS

from bench.contracts.options import Options
from bench.contracts.results import Result, Run, read_result
from bench.contracts.stats import Estimate
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.contracts.task import open_task
from bench.contracts.tokens import Tokens
from bench.leaderboard.page import compose
from bench.leaderboard.render import render
from bench.leaderboard.table import build
from bench.machine.weights import WeightStore
from bench.measuring import runner
from bench.measuring.cell_process import assemble
from bench.measuring.copies import owned, show
from bench.measuring.features import Guard
from bench.metrics.base import Batch, Metric
from bench.metrics.guarded import Guarded, MetricSet
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.datasets.audio_folder import AudioFolder
from bench.modalities.image.generation.judging import Judge
from bench.modalities.image.generation.references import Reference
from bench.modalities.image.generation.samples import sample_specs
from bench.modalities.image.generation.sources import ArraySource
from bench.modalities.signal import SystemFailure

SMALL = "preprocessing: {crop: none, resize: none, size: 1, smaller: skip}"
PROTOCOLS = {
    "image-recon": f"metrics: {{psnr: {{}}}}\n{SMALL}",
    "audio-recon": "metrics: {si_sdr: {}}",
    "token-modelling": f"metrics: {{codebook: {{}}}}\n{SMALL}",
}


def measured(suite: str, system: str, folder: Path, **options: Any) -> Result:
    """A cell measured in this process, as its result is read back from disk."""
    preset = folder / "short.yaml"
    preset.write_text(f"description: short\n{PROTOCOLS[suite]}\n")
    images = {"dataset": "image-folder", "data": str(_photographs(folder / "photographs"))}
    options = {"batch_size": 4, "limit": 5} | (images if suite != "audio-recon" else {}) | options
    chosen = Options(protocol=str(preset), workers=0, **options)  # type: ignore[arg-type]
    run = Run(folder / "run")
    name = f"{SYSTEMS / 'doubtful.py'}:{system}" if system[0].isupper() else system
    (cell,) = runner.plan(load_suite(suite), [parse(name)], chosen, WeightStore({}, True), run).cells
    measurement = open_task(cell.job.protocol.task).measure(cell.job, lambda *_: None)
    run.write(cell.file, assemble(cell, datetime.now(UTC), 1.0, measurement, []), measurement.samples)
    return read_result(cell.file)


def _photographs(folder: Path) -> Path:
    """Five crops of a photograph."""
    folder.mkdir(exist_ok=True)
    for number in range(5):
        crop = skimage.data.astronaut()[100 * number : 100 * number + 64, 150:214]
        Image.fromarray(crop).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    ("suite", "system", "message"),
    [
        ("image-recon", "Signed", r"values from -1.00 to 0.98, \d\d% of them outside \[0, 1\].* map \(x \+ 1\) / 2 in"),
        ("image-recon", "Bytes", r"outside \[0, 1\]; images are in \[0, 1\]: map x / 255 in decode"),
        ("image-recon", "Normalized", r"undo the normalization by ImageNet's mean and deviation in decode"),
        ("audio-recon", "SixteenBit", r"audio is in \[-1, 1\]: divide by .* 32768 for 16-bit numbers"),
        (
            "image-recon",
            "TrainingNorm",
            r"depends on its batch: .* norm \(BatchNorm2d\) in training mode: call .eval\(\)",
        ),
        ("audio-recon", "Loudest", r"depends on its batch: .*; padding changes it: mask the padding, or set equal_l"),
        ("image-recon", "ByPosition", r"differs from itself among others in 100.0% of its codes, so"),
    ],
)
def test_numbers_that_mean_nothing_fail(suite, system, message, tmp_path):
    with pytest.raises(SystemFailure, match=message):
        measured(suite, system, tmp_path)


def test_a_batch_of_one_hides_no_batch_norm(tmp_path):
    with pytest.raises(SystemFailure, match="depends on its batch"):
        measured("image-recon", "TrainingNorm", tmp_path, batch_size=1)


def test_tokens_that_depend_on_their_batch_are_not_modelled(tmp_path):
    with pytest.raises(SystemFailure, match=r"among others in 100\.0% of its codes"):
        measured("token-modelling", "ByPosition", tmp_path)


@pytest.mark.parametrize(
    ("system", "doubt"),
    [
        ("TrainingDropout", "encode or decode is random: .* call .eval() on the model"),
        ("Wild", "outside [0, 1]; images are in [0, 1], and the rest is clamped"),
        ("OneByOne", "fails alone (ValueError: expected more than one value per channel)"),
        ("Overshoots", ""),
        ("TrainingNorm@train=false", ""),
        ("klt-vq@8", ""),
        ("jpeg@10", ""),
    ],
)
def test_doubts_are_warnings(system, doubt, tmp_path):
    result = measured("image-recon", system, tmp_path)
    parts = doubt.split(".* ")
    assert len(result.warnings) == bool(doubt), result.warnings
    assert all(part in result.warnings[0] for part in parts if doubt)
    assert result.warnings == measured("image-recon", system, tmp_path).warnings


def test_what_a_system_writes_later_changes_nothing(tmp_path):
    reuses, perfect = (measured("image-recon", system, tmp_path) for system in ("Reuses", "Perfect"))
    assert reuses.metrics == perfect.metrics
    assert not reuses.warnings


class Spoils:
    """A metric that leaves nothing of its batch as it was, through numpy too."""

    def update(self, batch: Batch) -> None:
        for side in (batch.reference, batch.reconstruction):
            getattr(side, "samples", side).numpy()[:] = 0
        batch.reference.lengths.zero_()
        batch.index.fill_(0)
        batch.group.fill_(0)
        batch.tokens.codes[0].fill_(0)


class Sums:
    """What a metric after it sees."""

    def update(self, batch: Batch) -> None:
        numbers = [batch.reference.samples, batch.reference.lengths, batch.reconstruction.samples]
        self.seen = [float(n.sum()) for n in (*numbers, batch.index, batch.group, *batch.tokens.codes)]


def test_a_metric_spoils_nothing_for_the_next():
    lengths = torch.tensor([5, 3])
    sides = [Audio(torch.rand(2, 1, 5), 8000, lengths) for _ in range(2)]
    batch = Batch(torch.tensor([1, 2]), torch.tensor([3, 4]), *sides, Tokens(codes=(torch.ones(2, 5).long(),)))  # type: ignore[arg-type, call-arg]
    alone, after = Sums(), Sums()
    show([alone], batch)
    show([Spoils(), after], batch)
    assert after.seen == alone.seen


def test_features_that_all_metrics_share_are_mended():
    rows = torch.rand(4, 3)
    wanted = rows.clone()
    guard = Guard()
    guard.watch([{"pool": rows[:, :2], "spatial": rows[:, 2:]}])
    rows.numpy()[1] = 7
    guard.restore()
    assert torch.equal(rows, wanted)


def test_what_a_decoder_is_given_is_what_is_counted():
    class Smuggling(Tokens):
        image = torch.zeros(1)

    smuggled = Smuggling(codes=(torch.ones(1, 2).long(),))
    assert type(owned(smuggled)) is Tokens
    assert not hasattr(owned(smuggled), "image")


@pytest.fixture
def repeated(tmp_path: Path) -> Path:
    """Three images, one of them under three names."""
    folder = tmp_path / "images"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    for name, number in (("a", 0), ("b", 1), ("c", 0), ("d", 2), ("e", 0)):
        Image.fromarray(noise[number]).save(folder / f"{name}.png")
    return folder


def test_repeated_samples_are_one_group(tmp_path, repeated):
    result = measured("image-recon", "jpeg@10", tmp_path, data=str(repeated), dataset="image-folder")
    assert result.warnings == [
        "2 of 5 samples repeat others exactly, and count as one group with them: c.png = a.png, e.png = a.png"
    ]
    assert result.dataset is not None
    assert (result.dataset.n, result.dataset.groups) == (5, 3)


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        ([2, 0, 3, 1], "the samples are the reference itself in another order"),
        ([0, 1, 2, 3], "the samples are the reference itself, or its first images"),
        ([9, 3, 8, 0, 7], "2 of 5 samples are images of the reference, pixel by pixel"),
        ([5, 6, 7], ""),
    ],
)
def test_samples_that_are_the_reference_in_any_order_are_told(samples, told, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "reference.npz", noise[:4])
    np.savez(tmp_path / "samples.npz", noise[samples])
    (tmp_path / "swd.yaml").write_text("description: one metric\nmetrics: {sliced_wasserstein: {}}\n")
    chosen = Options(
        protocol=str(tmp_path / "swd.yaml"), dataset="reference.npz", data=str(tmp_path / "reference.npz"), workers=0
    )
    specs = sample_specs((str(tmp_path / "samples.npz"),))
    (cell,) = runner.plan(load_suite("image-gen"), specs, chosen, WeightStore({}, True), Run(tmp_path)).cells  # type: ignore[arg-type]
    measurement = open_task("image-generation").measure(cell.job, lambda *_: None)
    assert [text.partition(":")[0].partition(" of those")[0] for text in measurement.warnings] == [told] * bool(told)
    assert (told in measurement.metrics["swd"].note) or not told


def test_equal_samples_of_a_generator_are_one_group(tmp_path):
    noise = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8)
    np.save(tmp_path / "same.npy", noise[[0, 1, 0, 2, 0]].permute(0, 2, 3, 1).numpy())
    groups: list[int] = []

    class Groups(Metric):
        def update(self, batch: Batch) -> None:
            groups.extend(batch.group.tolist())

        def compute(self) -> dict[str, Estimate]:
            return {}

    reference = Reference("none", "", "", None)
    judge = Judge(reference, None, {}, {}, torch.device("cpu"), 2, 0, lambda *_: None)
    seen = judge.judge(ArraySource(tmp_path / "same.npy"), MetricSet([Guarded("groups", Groups, Groups)]))
    assert groups == [0, 1, 0, 3, 0]
    assert seen.repeats.warning(5).startswith("2 of 5 samples repeat others exactly")


def test_silence_and_opposite_channels_are_told(tmp_path):
    folder = tmp_path / "sounds"
    folder.mkdir()
    tone = 0.2 * np.sin(np.arange(8000) / 5)
    for name, channels in {
        "faint": [1e-4 * tone],
        "opposite": [tone, -0.9 * tone],
        "panned": [tone, 0 * tone],
    }.items():
        soundfile.write(folder / f"{name}.wav", np.stack(channels, 1), 8000, subtype="FLOAT")
    soundfile.write(folder / "silent.wav", np.zeros(8000), 8000)
    notes = {sample.id: sample.conversions for sample in AudioFolder(data=str(folder))}
    assert "cancelled by mixing" in notes["opposite.wav"]
    assert "cancelled by mixing" not in notes["panned.wav"]
    result = measured("audio-recon", "pcm", tmp_path, data=str(folder), dataset="audio-folder")
    assert [warning.partition(" clips ")[0] for warning in result.warnings] == ["1 of 4"] * len(result.warnings)
    for name in ("faint", "silent", "opposite"):
        assert any(warning.endswith(f": {name}.wav") for warning in result.warnings), name
    assert not any("panned" in warning for warning in result.warnings)


def test_warnings_are_shown_wherever_results_are(bench, tmp_path, repeated):
    system = f"--system={SYSTEMS / 'doubtful.py'}:TrainingDropout"
    run = ("run", "--suite", "image-recon", "--offline", "--no-mlflow", "--data", repeated, "--out", "out", system)
    (tmp_path / "psnr.yaml").write_text("description: one metric\nmetrics: {psnr: {}}\n" + SMALL)
    done = bench(*run, "--protocol", "psnr.yaml")
    (result,) = Run(tmp_path / "out").results()
    assert done.stderr.count("warning: ") == len(result.warnings) > 1
    (table,) = build([result])
    notes = compose(table).footnotes
    for text in ("encode or decode is random", "2 of 5 samples repeat others exactly"):
        assert text in done.stderr
        assert text in " ".join(done.stdout.split())
        assert any(text in note for note in notes)
        assert all(text in render([table], style) for style in ("markdown", "latex", "json"))
    (file,) = Run(tmp_path / "out").files()
    assert "warning: encode or decode is random" in bench("show", file).stdout
    bench("publish", "out", "--out", "site")
    (page,) = (tmp_path / "site" / "systems").glob("*.html")
    assert "Warning:" in page.read_text()


def test_results_without_warnings_are_read(tmp_path):
    file = next(Path("leaderboards/image-recon/results").glob("*.json"))
    tree = json.loads(file.read_text())
    tree.pop("warnings", None)
    (tmp_path / "old.json").write_text(json.dumps(tree))
    assert read_result(tmp_path / "old.json").warnings == []
