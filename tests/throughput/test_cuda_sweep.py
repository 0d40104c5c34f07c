"""The sweep on a CUDA device; skipped where there is none."""

from __future__ import annotations

import pytest
import torch
from places import SYSTEMS

from bench.contracts.options import Options
from bench.contracts.system import parse
from bench.contracts.task import Job, Request, open_task
from bench.throughput.peaks import peak_flops

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

PACE = {"iterations": 10, "seconds": 0.1, "most_seconds": 1, "warm_up_seconds": 0.5}


def test_every_dtype_is_timed_by_events_and_weighed_by_the_allocator():
    task, spec, options = open_task("image-throughput"), parse(f"{SYSTEMS}/paced.py:Fragile"), Options(device="cuda")
    sweep = {"batch_sizes": [1, 8, 64], "sizes": [64], "samples": 2, "compile": [False], "pace": PACE}
    stated = task.for_system(task.protocol(Request(("own", {"sweep": sweep}), "skimage-photos", options)), spec)
    found = task.measure(Job(spec, stated, options), lambda *_: None)
    assert found.sweep is not None
    rows = found.sweep.rows
    assert {row.dtype for row in rows} == {"float32", "tf32", "bfloat16", "float16"}
    assert {row.broken != "" for row in rows if row.dtype == "float16"} == {True}
    measured = [row for row in rows if row.outcome == "measured"]
    assert all(row.samples_per_second and row.allocated_mib and row.reserved_mib for row in measured)
    allocated = [row.allocated_mib for row in measured if (row.part, row.dtype) == ("encode", "float32")]
    assert allocated == sorted(allocated)
    known = peak_flops(torch.cuda.get_device_properties(0).name, "float32")[0] is not None
    assert all((row.mfu is not None) == known for row in measured if (row.part, row.dtype) == ("encode", "float32"))
    assert found.sweep.before["cuda"] == torch.version.cuda
