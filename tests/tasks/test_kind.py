"""A kind of task that is one file and one line is a task of every modality."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import registry
from bench.contracts.options import Options
from bench.contracts.system import parse
from bench.contracts.task import Job, Request, open_task
from bench.lines import tasks
from bench.lines.tasks import TaskKind

LINE = TaskKind("stability", "stability:Stability", "How stable the tokens of {signals} are")


@pytest.fixture(autouse=True)
def _with_the_kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tasks, "KINDS", (*tasks.KINDS, LINE))
    registry.forget()
    yield
    monkeypatch.undo()
    registry.forget()


@pytest.mark.parametrize(
    ("name", "system", "dataset"),
    [("image-stability", "klt-fsq@8", "skimage-photos"), ("audio-stability", "mulaw", "asterisk-prompts")],
)
def test_it_is_measured_on_every_modality(name: str, system: str, dataset: str) -> None:
    task, options = open_task(name), Options(limit=4, workers=0)
    protocol = task.protocol(Request(("own", {}), dataset, options))
    measurement = task.measure(Job(parse(system), protocol, options), lambda *_: None)
    # What is rounded is rounded to itself.
    assert measurement.metrics["token_stability"].value == 1
    assert len(measurement.samples["token_stability"]) == 4
