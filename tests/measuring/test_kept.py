"""Kept samples: the same ones for every system, as they were scored, and without effect on any number."""

from __future__ import annotations

import wave
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.contracts.kept import Kept
from bench.contracts.options import Options
from bench.contracts.results import Run, read_result, read_samples
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.contracts.task import open_task
from bench.machine.weights import WeightStore
from bench.measuring import runner
from bench.measuring.cell_process import assemble
from bench.measuring.kept_samples import Keeper, chosen
from bench.modalities.image.signal import ImageSignal

METRICS = {"image": "{psnr: {}, throughput: {}}", "audio": "{stoi: {}}"}


def measured(modality: str, system: str, keep: int, folder: Path, limit: int = 5):
    """A cell measured in this process and written as its worker writes it: the cell, the result as read back."""
    preset = folder / "short.yaml"
    preset.write_text(f"description: short\nmetrics: {METRICS[modality]}\n")
    options = Options(protocol=str(preset), limit=limit, workers=0, keep=keep, batch_size=2)
    run = Run(folder)
    suite = load_suite(f"{modality}-recon")
    (cell,) = runner.plan(suite, [parse(system)], options, WeightStore({}, True), run).cells
    measurement = open_task(cell.job.protocol.task).measure(cell.job, lambda *_: None)
    result = assemble(cell, datetime.now(UTC), 1.0, measurement, [])
    run.write(cell.file, result, measurement.samples, measurement.kept)
    return cell, read_result(cell.file)


@pytest.mark.parametrize(
    ("n", "keep", "wanted"),
    [(29, 4, [3, 10, 18, 25]), (20, 1, [10]), (3, 5, [0, 1, 2]), (5, 0, []), (8, 4, [1, 3, 5, 7]), (0, 4, [])],
)
def test_the_chosen_are_spread_evenly(n, keep, wanted):
    assert sorted(chosen(n, keep)) == wanted


def test_a_cell_that_goes_on_keeps_what_the_last_command_asks_for():
    before, now = (Keeper(ImageSignal(), 5, keep) for keep in (5, 1))
    before.samples = [Kept(index, str(index), ".png", b"", b"") for index in range(4)]
    now.restore(before.state())
    assert [sample.index for sample in now.samples] == [2]


def test_nothing_that_counts_depends_on_them(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    cell, kept = measured("image", "jpeg@10", 3, tmp_path / "a")
    other, none = measured("image", "jpeg@10", 0, tmp_path / "b")
    assert (cell.key, cell.job.protocol) == (other.key, other.job.protocol)
    assert kept.metrics["psnr"] == none.metrics["psnr"]
    assert [record.index for record in kept.kept] == [0, 2, 4]
    assert none.kept == []
    assert not (tmp_path / "b" / "results" / "kept").exists()


def test_images_are_kept_as_they_were_scored_and_originals_once(tmp_path):
    _, one = measured("image", "jpeg@10", 2, tmp_path)
    _, two = measured("image", "webp@0", 2, tmp_path)
    assert [(r.id, r.original) for r in one.kept] == [(r.id, r.original) for r in two.kept]
    assert {r.reconstruction for r in one.kept}.isdisjoint(r.reconstruction for r in two.kept)
    folder = tmp_path / "results"
    file = next(file for file in folder.glob("jpeg*.json"))
    values = read_samples(file, one)
    for record in one.kept:
        pixels = [np.asarray(Image.open(folder / name), float) for name in (record.original, record.reconstruction)]
        psnr = 10 * np.log10(255**2 / ((pixels[0] - pixels[1]) ** 2).mean())
        assert psnr == pytest.approx(values["psnr"][values["id"].index(record.id)], abs=1e-4)


def test_another_number_of_them_leaves_no_old_ones(tmp_path):
    measured("image", "jpeg@10", 5, tmp_path)
    _, result = measured("image", "jpeg@10", 2, tmp_path)
    files = {path.relative_to(tmp_path / "results").as_posix() for path in tmp_path.glob("results/kept/jpeg*/*")}
    assert files == {record.reconstruction for record in result.kept}


def test_sound_is_kept_at_its_true_length(tmp_path):
    """Sixteen-bit samples, so that the files are the recordings to the last bit; batches of two are padded."""
    _, result = measured("audio", "pcm", 3, tmp_path, limit=4)
    lengths = set()
    for record in result.kept:
        sides = []
        for name in (record.original, record.reconstruction):
            with wave.open(str(tmp_path / "results" / name)) as file:
                assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (16000, 2, 1)
                sides.append(file.readframes(file.getnframes()))
        assert sides[0] == sides[1]
        lengths.add(len(sides[0]))
    assert len(lengths) > 1


def test_one_that_cannot_be_stored_costs_nothing_else(tmp_path, monkeypatch):
    stored = ImageSignal.encoded

    def failing(self: ImageSignal, signal: torch.Tensor, position: int) -> bytes:
        if position:
            raise OSError("no encoder")
        return stored(self, signal, position)

    monkeypatch.setattr(ImageSignal, "encoded", failing)
    _, result = measured("image", "jpeg@10", 5, tmp_path)
    assert result.metrics["psnr"].n == 5
    assert [record.index for record in result.kept] == [0, 2, 4]
    assert sum("is not kept: OSError: no encoder" in warning for warning in result.warnings) == 2
