"""Frontiers by hand, axes, labels, spectrograms."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pytest
from collapse_parts import trained
from hand_made import result
from PIL import Image, ImageColor

from bench.leaderboard.table import build
from bench.modalities.audio import spectrogram
from bench.site import figures
from bench.site.curves import charts
from bench.site.drawing import System, draw
from bench.site.labels import MARK, labels
from bench.site.layout import NARROW, PAPER, WIDE, text_width
from bench.site.plots import families


def plot(*rows, title="Rate and distortion", y="psnr"):
    (table,) = build(rows)
    family = next(family for family in families(table) if family.title == title)
    return next(plot for plot in family.plots if plot.name.startswith(f"{y}-"))


def point(name, rate, psnr, **more):
    return result(name, bits_per_pixel=rate, psnr=psnr, **more)


def test_the_frontier_by_hand():
    """b is beaten by a at the same rate, d by c at the same quality, e by a and c; a tie in both stays."""
    found = plot(
        point("a", 1.0, 30.0),
        point("b", 1.0, 29.0),
        point("c", 2.0, 33.0),
        point("d", 2.5, 33.0),
        point("e", 3.0, 31.0),
        point("twin", 2.0, 33.0),
    )
    assert {p.label for p in found.points if p.on_frontier} == {"a", "c", "twin"}
    assert found.frontier == ((1.0, 30.0), (2.0, 30.0), (2.0, 33.0))


def test_quality_that_is_better_when_low_and_speed_that_is_better_when_high():
    rows = [
        result(name, rfid=rfid, encode_images_per_second=speed)
        for name, rfid, speed in (("slow", 1.0, 10.0), ("fast", 5.0, 90.0), ("bad", 6.0, 50.0))
    ]
    found = plot(*rows, title="Quality and encode speed", y="rfid")
    assert {p.label for p in found.points if p.on_frontier} == {"slow", "fast"}
    assert found.frontier == ((10.0, 1.0), (10.0, 5.0), (90.0, 5.0))
    assert found.x.logarithmic


def test_what_is_generated_against_what_is_reconstructed():
    """The best reconstruction makes the worst images here, so neither is beaten; c is, in both."""
    rows = [
        result(name, rfid=r, psnr=20.0, swd=s) for name, r, s in (("a", 1.0, 9.0), ("b", 5.0, 4.0), ("c", 6.0, 9.5))
    ]
    found = plot(*rows, title="Reconstruction and generation", y="swd")
    assert found.x.title == "rFID"
    assert {p.label for p in found.points if p.on_frontier} == {"a", "b"}


def test_speeds_of_two_devices_have_no_plot():
    rows = [result(name, psnr=1.0, encode_images_per_second=2.0, device=name) for name in ("cpu", "gpu")]
    (table,) = build(rows)
    assert families(table) == []


@pytest.mark.parametrize(
    "values", [(0.1, 0.2, 0.3), (0.001, 1.0, 900.0), (5.0, 5.0, 5.0), (-3.0, 0.0, 3.0), (1e6, 2e6, 3e6)]
)
def test_axes_show_every_value_and_a_few_ticks(values):
    found = plot(*(point(str(i), 1.0 + i, (value, abs(value) / 2)) for i, value in enumerate(values)))
    assert 2 <= len(found.y.ticks) <= 9
    for p in found.points:
        assert found.y.low < p.y.value < found.y.high
    ticks = [found.y.at(value) for value, _ in found.y.ticks]
    assert ticks == sorted(ticks)
    assert all(float(text) == pytest.approx(value) for value, text in found.y.ticks)


def test_an_interval_below_zero_on_a_logarithmic_axis_ends_with_it():
    found = plot(point("a", (0.1, 0.5), 30.0), point("b", (10.0, 1.0), 31.0))
    drawn = draw(found, {f"key-{name}-discrete": System(name, "x") for name in "ab"})
    for sheet in drawn.sheets:
        (mark,) = (mark for mark in sheet.marks if mark.words.startswith("a:"))
        assert sheet.frame.left == mark.left < mark.x < mark.right


def meet(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("frame", [WIDE, PAPER, NARROW])
@pytest.mark.parametrize(("spread", "least"), [(1.0, 24), (0.05, 12)])
def test_labels_cover_neither_marks_nor_each_other(frame, spread, least):
    """Among systems all over the plot, and in a heap of which one is far away."""
    near = np.random.default_rng(0).normal(10, spread, (24, 2)).tolist()
    found = plot(*(point(f"system-{i}", rate, psnr) for i, (rate, psnr) in enumerate([*near, [14.0, 14.0]])))
    placed = [label for label in labels(found, frame) if label]
    assert len(placed) >= least
    assert not any(meet(one.box, other.box) for one, other in combinations(placed, 2))
    for p in found.points:
        x, y = frame.position(found, p.x.value, p.y.value)
        assert not any(meet(label.box, (x - MARK, y - MARK, x + MARK, y + MARK)) for label in placed)
    for label in placed:
        assert frame.left <= label.box[0] and label.box[2] <= frame.width
        assert label.box[2] - label.box[0] >= text_width(label.text, frame.text) - 0.1
        (own,) = (p for p in found.points if p.label == label.text)
        x, y = frame.position(found, own.x.value, own.y.value)
        assert label.led or max(abs(label.x - x), abs(label.y - y)) < 13


@pytest.mark.parametrize("count", [100, 2000])
def test_of_very_many_the_best_are_labelled_and_all_are_there(count):
    """In a time that hardly depends on how many there are: few labels stand among many marks."""
    values = np.random.default_rng(0).normal((10, 30), (1, 2), (count, 2)).tolist()
    found = plot(*(point(f"system-{i}", rate, psnr) for i, (rate, psnr) in enumerate(values)))
    best = {p.label for p in found.points if p.on_frontier}
    assert 3 < len(best) < 30
    placed = {label.text for label in labels(found, WIDE) if label}
    assert len(placed) <= 32
    assert len(placed & best) > len(best) / 2
    drawn = draw(found, {p.row.result.key: System(p.label, "x") for p in found.points})
    assert [sheet.kind for sheet in drawn.sheets] == (["whole"] if count > 200 else ["wide", "narrow"])
    assert all(len(sheet.marks) == count for sheet in drawn.sheets)


def test_the_frontier_is_what_no_other_beats():
    for seed in range(200):
        values = np.random.default_rng(seed).integers(0, 6, (10, 2)).astype(float).tolist()
        found = plot(*(point(str(i), 1 + rate, psnr) for i, (rate, psnr) in enumerate(values)))
        for p in found.points:
            x, y = p.x.value, p.y.value
            beaten = any(q.x.value <= x and q.y.value >= y and (q.x.value, q.y.value) != (x, y) for q in found.points)
            assert p.on_frontier == (not beaten)


@pytest.mark.parametrize("colour", [figures.ACCENT, figures.INK, figures.DIM, figures.FAINT])
def test_what_files_for_papers_show_is_seen_on_white(colour):
    """3:1 for what is no text (WCAG 1.4.11)."""
    levels = [level / 255 for level in ImageColor.getrgb(colour)]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    assert 1.05 / (np.dot([0.2126, 0.7152, 0.0722], linear) + 0.05) >= 3


@pytest.mark.parametrize("hertz", [500, 3000, 7000])
def test_a_tone_is_a_line_at_its_frequency(hertz):
    time = np.arange(16000) / 16000
    sound = spectrogram.Sound(0.01 * np.sin(2 * np.pi * hertz * time), 16000)
    levels = np.asarray(Image.open(io.BytesIO(spectrogram.png(sound))))
    assert levels.shape == (spectrogram.HEIGHT, spectrogram.WIDTH)
    row = levels[:, spectrogram.WIDTH // 2].argmax()
    assert (spectrogram.HEIGHT - 1 - row) / spectrogram.HEIGHT * 8000 == pytest.approx(hertz, abs=20)
    assert levels[:, 100].max() == pytest.approx(255 * 0.75, abs=6)  # -40 dB, from -100 to -20
    assert np.asarray(Image.open(io.BytesIO(spectrogram.png(spectrogram.Sound(np.zeros(10), 16000))))).max() == 0


def test_a_mean_without_the_hard_samples_is_on_no_frontier():
    values = {"whole": [4.5, 4.4, 1.6], "silent": [4.5, 4.4, np.nan]}
    made = [result(name, bits_per_pixel=1.0, psnr=(float(np.nanmean(own)), 0.5)) for name, own in values.items()]
    (table,) = build(
        made, lambda found: {"id": list("abc"), "group": np.arange(3), "psnr": np.array(values[found.system.name])}
    )
    ((found,),) = (family.plots for family in families(table) if family.title == "Rate and distortion")
    assert [p.label for p in found.points if p.on_frontier] == ["whole"]


def test_trainings_without_a_step_have_curves_too():
    """A look at step 0 alone, as of a study of no steps."""
    made = trained("trained-vq", (0.1, 0.2))
    assert made.trainings is not None
    first = {name: [row[:1] for row in rows] for name, rows in made.trainings.curves.items()}
    made = made.model_copy(update={"trainings": made.trainings.model_copy(update={"steps": [0], "curves": first})})
    (table,) = build([made])
    shown = charts(table, {made.key: System("a", "systems/a.html")})
    assert all(panel.mean for chart in shown for panel in chart.panels) and shown
