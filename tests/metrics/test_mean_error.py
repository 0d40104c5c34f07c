"""A metric that is one class and one line is measured, shown and judged by what its line says."""

from __future__ import annotations

import numpy as np
import pytest
from mean_error import ENTRY
from places import SYSTEMS

from bench import registry
from bench.contracts.options import Options
from bench.contracts.system import parse
from bench.contracts.task import Job, Request, open_task
from bench.datasets.spec import DatasetSpec
from bench.gate.tolerances import default
from bench.leaderboard.names import heading


def test_it_is_measured_by_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.entries("metrics"), "mae", ENTRY)
    monkeypatch.setattr(registry, "values", registry.values.__wrapped__)
    task, options = open_task("image-recon"), Options(limit=3, workers=0)
    request = Request(
        ("own", {"metrics": {"mae": {}}, "reconstruction": {"rounding": "none"}}), "skimage-photos", options
    )
    job = Job(parse(f"{SYSTEMS}/broken.py:Mean"), task.protocol(request), options)
    measurement = task.measure(job, lambda *_: None)

    dataset = DatasetSpec.parse("skimage-photos").build(job.protocol.settings["preprocessing"], None)
    images = [dataset.load(index).signal.numpy() / 255 for index in range(3)]
    # The system gives back the mean level, in 256 steps.
    expected = [np.abs(image - np.round(image.mean() * 255) / 255).mean() for image in images]
    assert measurement.samples["mae"] == pytest.approx(expected, abs=1e-6)
    assert heading("mae").title == "MAE"
    assert default("mae", "").absolute == 0.0005
