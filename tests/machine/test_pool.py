"""The pool of processes: a crash costs one task, a pause stops all, nothing outlives its parent."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench.machine.pool import Pool

WAIT = 30


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(2)
    yield pool
    pool.close()


def test_a_crash_costs_one_task(pool: Pool) -> None:
    good = [pool.submit(abs, -number) for number in range(4)]
    dead = pool.submit(os._exit, 7)
    more = [pool.submit(abs, -number) for number in range(4, 90)]
    assert [future.result(WAIT) for future in good + more] == list(range(90))
    with pytest.raises(Exception, match=r"Abnormal|terminat|exit"):
        dead.result(WAIT)


def test_nothing_runs_while_it_is_paused(pool: Pool) -> None:
    assert pool.submit(abs, -1).result(WAIT) == 1
    with pool.paused():
        future = pool.submit(abs, -2)
        processes = [psutil.Process(child.pid) for child in multiprocessing.active_children()]
        deadline = time.monotonic() + WAIT
        while {process.status() for process in processes} != {psutil.STATUS_STOPPED}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        assert not future.done()
    assert future.result(WAIT) == 2


CELL = """
import multiprocessing, sys, time
from bench.machine.pool import Pool
from bench.machine.processes import die_with_parent, lead_group

def cell():
    lead_group(); die_with_parent()
    pool = Pool(2)
    pool.submit(abs, -1).result()
    with pool.paused():
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        time.sleep(60)

if __name__ == "__main__":
    process = multiprocessing.get_context("forkserver").Process(target=cell)
    process.start()
    process.join()
"""


def test_stopped_processes_end_with_the_run(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(CELL)
    run = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    pids = [int(pid) for pid in run.stdout.readline().split()]
    assert len(pids) == 2
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=10)
    assert not alive
