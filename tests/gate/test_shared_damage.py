"""A change in code that all systems share is seen although each of them has a comparison to be counted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from gate_parts import FACTS, write
from places import SYSTEMS
from skimage.metrics import peak_signal_noise_ratio

from bench.cli import main
from bench.contracts.stats import clustered_mean
from bench.gate.multiplicity import holm
from bench.gate.pairing import match, read
from bench.gate.verdicts import compare
from bench.modalities.image.datasets.skimage_photos import SkimagePhotos
from bench.modalities.image.tokenizers.klt import KLT

KLTS = [("fsq", 6), ("fsq", 12), ("lfq", 6), ("lfq", 12), ("bsq", 6), ("bsq", 12), ("fsq", 9), (None, 12)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs ``before`` and ``after`` of eight systems on the default photographs: then, all decoders round down."""
    sys.path.insert(0, str(SYSTEMS))
    from damaged import RoundsDown

    folder = tmp_path_factory.mktemp("shared")
    samples = list(SkimagePhotos({}, "eval"))
    fitting: Any = list(SkimagePhotos({}, "fit"))  # decoded once
    images, groups = torch.stack([each.signal.float() / 255 for each in samples]), [each.group for each in samples]
    for quantizer, bits in KLTS:
        sound, damaged = KLT(quantizer, bits=bits), RoundsDown(quantizer, bits=bits)
        sound.fit(fitting, 0)
        damaged.__dict__.update(sound.__dict__)
        tokens = sound.encode(images)
        for side, system in (("before", sound), ("after", damaged)):
            shown = (system.decode(tokens).clamp(0, 1) * 255).round() / 255
            pairs = zip(images.double().numpy(), shown.double().numpy(), strict=True)
            psnr = [float(peak_signal_noise_ratio(a, b, data_range=1)) for a, b in pairs]
            metrics = {"psnr": clustered_mean(psnr, groups).model_copy(update=FACTS["psnr"])}
            write(folder / side, f"klt-{quantizer}@{bits}", metrics, {"psnr": psnr, "group": groups})
    return folder


def test_a_rounding_step_that_all_systems_share_is_caught(runs: Path) -> None:
    sides = [str(runs / "after"), "--baseline", str(runs / "before")]
    done = CliRunner().invoke(main, ["check", *sides, "--format", "markdown"])
    assert done.exit_code == 1, done.output
    assert "worse in 8 of 8" in done.output


def test_it_is_the_joint_flips_that_see_it(runs: Path) -> None:
    rows = compare(match(read(runs / "before"), read(runs / "after"))).comparisons
    assert min(holm([row.p for row in rows if row.p is not None])) > 0.05


def test_unchanged_it_passes_twenty_times_out_of_twenty(runs: Path, tmp_path: Path) -> None:
    """Every photograph of every system as another machine computes it."""
    codes = []
    for seed in range(20):
        again = tmp_path / str(seed)
        rng = np.random.default_rng(seed)
        for one in read(runs / "before"):
            groups = np.array(one.samples["group"])
            moved = np.array(one.samples["psnr"]) + 0.005 * rng.normal(size=groups.max() + 1)[groups]
            metrics = {"psnr": clustered_mean(moved, groups).model_copy(update=FACTS["psnr"])}
            write(again, one.name, metrics, {"psnr": moved, "group": groups.tolist()})
        done = CliRunner().invoke(main, ["check", str(again), "--baseline", str(runs / "before"), "--format", "json"])
        codes.append(done.exit_code)
        assert json.loads(done.stdout)["tested"] == len(KLTS)
    assert codes == [0] * 20
