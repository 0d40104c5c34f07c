"""A data set that is chosen for a suite decides which of its tasks are left."""

from __future__ import annotations

import pytest

from bench.commands.run import of_the_data
from bench.contracts.suite import load_suite


@pytest.mark.parametrize(
    ("suite", "dataset", "tasks"),
    [
        ("collapse", "skimage-photos", ["image-bottleneck-study"]),
        ("collapse", "audio-folder", ["audio-bottleneck-study"]),
        ("collapse", None, ["image-bottleneck-study", "audio-bottleneck-study"]),
        # Two lines that differ in their data alone are one.
        ("graph-tokens", "graph-folder", ["graph-link-prediction"]),
        # What a task cannot take stays, so that it says what is wrong; a file of --reference is no data set's name.
        ("graph-tokens", "skimage-photos", ["graph-link-prediction", "graph-link-prediction"]),
        ("image-gen", "real.npz", [line.task for line in load_suite("image-gen").tasks]),
    ],
)
def test_tasks_of_its_modality_are_left_once(suite: str, dataset: str | None, tasks: list[str]) -> None:
    assert [line.task for line in of_the_data(load_suite(suite), dataset).tasks] == tasks
