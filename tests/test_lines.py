"""What a metric is stands in its line: classes read it, and tables and the gate go by it."""

from __future__ import annotations

import pytest

from bench import registry
from bench.contracts.options import Options
from bench.contracts.task import Request, open_task
from bench.errors import BenchError
from bench.gate.tolerances import OTHERS, default
from bench.leaderboard.names import heading, place
from bench.modalities.audio.lines.values import of_continuations
from bench.registry import Entry
from bench.values import Value

BUILT_IN = {name: entry for name, entry in registry.entries("metrics").items() if not entry.plugin}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_class_reads_its_own_line(name: str) -> None:
    entry = registry.get("metrics", name)
    kind = registry.load(entry.target)
    assert entry.values
    assert tuple(kind.outputs.values()) == entry.values
    assert kind.weights == entry.weights


def test_a_value_that_two_metrics_give_is_one_value() -> None:
    values = registry.values()
    for name, entry in BUILT_IN.items():
        assert all(values[value.name] == value for value in entry.values), name


def test_a_metric_serves_the_modalities_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    known = registry.entries("metrics")
    target = known["codebook"].target
    monkeypatch.setitem(known, "both", Entry("both", target, "", modality=("image", "audio")))
    monkeypatch.setitem(known, "others", Entry("others", target, "", modality=("video", "motion")))
    for task, dataset in (("image-recon", "skimage-photos"), ("audio-recon", "asterisk-prompts")):
        options = Options(limit=4)
        stated = open_task(task).protocol(Request(("own", {"metrics": {"both": {}}}), dataset, options))
        assert set(stated.metrics) == {"both"}
        with pytest.raises(BenchError, match=f"others is a metric of video, motion; {task} takes"):
            open_task(task).protocol(Request(("own", {"metrics": {"others": {}}}), dataset, options))


def test_a_value_without_a_line_stands_under_its_name_behind_those_with_one() -> None:
    assert heading("plugin_error").title == "plugin_error"
    assert default("plugin_error", "") == OTHERS
    assert place("swd") < place("plugin_error") < place("bits_per_pixel")


def test_values_of_continuations_follow_from_their_judges() -> None:
    judge = Value("loudness", "Loudness (peak)", "dB", True, (-90.0, 0.0), default=False)
    continuation, tokenized, lost = of_continuations(judge)
    assert (continuation.name, continuation.title) == ("loudness_continuation", "Loudness peak (continuation)")
    assert (tokenized.unit, tokenized.higher_is_better, tokenized.bounds) == ("dB", True, (-90.0, 0.0))
    assert (lost.title, lost.higher_is_better) == ("Loudness peak (model's loss)", None)
