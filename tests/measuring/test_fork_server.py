"""The process that cells are forked from is started before the run is planned, and ends when no cell needs it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, time
from bench.measuring import fork_server
assert "torch" not in sys.modules
fork_server.start([("image-recon", "default"), ("no-such-task", "default")])
names = ("bench.tasks.reconstruction", "bench.modalities.image.metrics.ssim")
shared = [*names, "bench.modalities.image.extractors.inception"]
check = f"import sys; sys.exit(len({shared} - sys.modules.keys()))".replace("[", "{").replace("]", "}")
process = fork_server.context().Process(target=exec, args=(check,))
process.start()
process.join()
assert process.exitcode == 0, process.exitcode
fork_server.stop()
fork_server.start([("image-recon", "default")])
clock = time.perf_counter()
fork_server.stop()
assert time.perf_counter() - clock < 1, "it was waited for"
fork_server.stop()
print("done")
"""


def test_the_server_imports_what_cells_share_and_can_be_ended_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr


def test_the_command_is_there_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "bench", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Usage: bench" in done.stdout, done.stderr
