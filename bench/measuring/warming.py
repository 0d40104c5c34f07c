"""What the fork server imports for the cells to come; whatever fails here, the cells report.

Only the bench's own modules, and those that its metrics name: code of users and of other packages runs in cells alone,
where what it imports is recorded.
"""

from __future__ import annotations

import importlib
import json
import os
from contextlib import suppress

from bench import registry
from bench.contracts.suite import load_preset
from bench.contracts.task import open_task
from bench.measuring.dataset_task import DatasetTask
from bench.measuring.fork_server import WARMED


def warm(task: str, preset: str) -> None:
    """Import what a task's cells need under a preset: its module, and those of its metrics and their extractors."""
    opened = open_task(task)
    named = load_preset(preset)[1].get("metrics")
    for name in named or (opened.default_metrics() if isinstance(opened, DatasetTask) else ()):
        entry = registry.get("metrics", name)
        if not entry.target.startswith("bench."):
            continue
        kind = registry.load(entry.target)
        for module in getattr(kind, "preload", ()):
            importlib.import_module(module)
        extractor = getattr(kind, "extractor", "")
        if isinstance(extractor, str) and extractor in registry.entries("extractors"):
            registry.load(registry.get("extractors", extractor).target)


for _task, _preset in json.loads(os.environ.pop(WARMED, "[]")):
    with suppress(Exception):
        if registry.get("tasks", _task).target.startswith("bench."):
            warm(_task, _preset)
