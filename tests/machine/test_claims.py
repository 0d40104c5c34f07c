"""Claims among real processes: one owner at a time, and none that is dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.machine import claims
from bench.machine.claims import Claim, Claims
from bench.machine.holders import STALE, Holder, this_process

TAKE = """
import sys, time
from pathlib import Path
from bench.machine.claims import Claim, Claims
claim = Claims(Path(sys.argv[1])).take(sys.argv[2])
print("taken" if isinstance(claim, Claim) else claim.pid, flush=True)
sys.stdin.read()
if isinstance(claim, Claim):
    claim.release()
"""


@contextmanager
def taker(folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """A process that claims a name, prints what became of it, and gives it up when its input ends."""
    command = [sys.executable, "-c", TAKE, str(folder), name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.communicate()


def taken(claim: Claim | Holder) -> Claim:
    assert isinstance(claim, Claim), claim
    return claim


def test_of_several_processes_one_gets_the_claim_until_it_is_killed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(taker(tmp_path, "cell")) for _ in range(4)]
        answers = [process.stdout.readline().strip() for process in processes]
        owner = processes[answers.index("taken")]
        assert sorted(answers) == sorted(["taken", *[str(owner.pid)] * 3])
        held = Claims(tmp_path).take("cell")
        assert isinstance(held, Holder) and held.pid == owner.pid
        owner.kill()
        owner.wait()
        assert Claims(tmp_path).holders() == {}
        with taken(Claims(tmp_path).take("cell")):
            assert Claims(tmp_path).holders()["cell"].pid == os.getpid()
    assert [file.name for file in tmp_path.iterdir()] in ([], [".lock"])


def test_what_is_timed_is_claimed_by_one(tmp_path: Path) -> None:
    here = Claims(tmp_path)
    with taken(here.take("a", ["core 0", "core 1"], "cpu")):
        assert isinstance(here.take("b", ["core 1", "core 2"]), Holder)
        with taken(here.take("b", ["GPU-1"])):
            assert {*here.holders()} == {"a", "b"}
    with taken(here.take("b", ["core 1", "core 2"])):
        pass


def elsewhere(folder: Path, **changes: object) -> Claims:
    """The claims of a folder in which the only one is another machine's, with some fields changed."""
    here = Claims(folder)
    with taken(here.take("cell")):
        (file,) = folder.glob("*.claim")
        fields = {**json.loads(file.read_text()), "host": "elsewhere", "boot": "another", "pid": 1, **changes}
    file.write_text(json.dumps(fields))
    return here


def test_an_owner_on_another_machine_lives_as_long_as_it_shows_signs(tmp_path: Path) -> None:
    here = elsewhere(tmp_path)
    (file,) = tmp_path.glob("*.claim")
    assert isinstance(here.take("cell"), Holder)
    before = time.time() - STALE - 5
    os.utime(file, (before, before))
    assert here.holders() == {}
    with taken(here.take("cell")):
        pass


@pytest.mark.parametrize(("restarts", "void"), [("0", False), ("1", True)])
def test_a_job_that_was_started_again_has_the_claims_of_its_earlier_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarts: str, void: bool
) -> None:
    here = elsewhere(tmp_path, job="7")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_RESTART_COUNT", restarts)
    assert (here.holders() == {}) is void


def test_an_owner_that_was_thought_dead_takes_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PAUSE", 0.01)
    monkeypatch.setattr(claims, "BEAT", 0.01)
    here = Claims(tmp_path)
    late = taken(here.take("cell"))
    (file,) = tmp_path.glob("*.claim")
    file.unlink()
    with taken(here.take("cell")) as ours:
        ours.report("measuring", 1, 2)
        late.report("late", 0, 0)
        time.sleep(0.1)
        late.release()
        holder = here.holders()["cell"]
        assert (holder.phase, holder.done, holder.total) == ("measuring", 1, 2)
    assert not file.exists()


def test_a_claim_whose_owner_died_while_writing_it_is_void_in_time(tmp_path: Path) -> None:
    (tmp_path / "cell.claim").touch()
    assert isinstance(Claims(tmp_path).take("cell"), Holder)
    os.utime(tmp_path / "cell.claim", (0, 0))
    with taken(Claims(tmp_path).take("cell")):
        pass


def test_a_process_number_that_is_used_again_is_another_process() -> None:
    me = this_process()
    assert not me.outlived(me, idle=10 * STALE)
    assert me.outlived(replace(me, born=me.born - 1), idle=0)


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def acquire(*_: object, **__: object) -> None:
        raise NotImplementedError("no flock here")

    mine = Claims(tmp_path)
    monkeypatch.setattr(mine._lock, "acquire", acquire)
    with pytest.raises(BenchError, match=r"no flock here; choose another run directory with --out DIR"):
        mine.take("cell")
