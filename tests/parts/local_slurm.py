"""A Slurm of one machine in a folder, from Debian's packages slurmctld, slurmd, slurm-client and munge.

Nothing outside the folder is changed, and no root is needed. As a program it runs a command with that Slurm::

    python tests/parts/local_slurm.py bash
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "srun")
SECONDS = 30.0
"""The longest that it may take to start or to end."""
CONFIGURATION = """
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=5
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=localhost NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def lacking() -> list[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if program(name) is None]


def program(name: str) -> str | None:
    """The path of a program; daemons may lie where only root looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@contextmanager
def local_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A context with a Slurm in an empty folder; gives the environment variables that its programs need."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key, configuration = folder / "munge.key", folder / "slurm.conf"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    with socket.socket() as first, socket.socket() as second:
        for port in (first, second):
            port.bind(("127.0.0.1", 0))
        ports = first.getsockname()[1], second.getsockname()[1]
    names = {"folder": folder, "user": getpass.getuser(), "host": socket.gethostname()}
    configuration.write_text(CONFIGURATION.format(controller=ports[0], node=ports[1], **names))
    munge = [f"--{name}={folder}/munge.{name.removesuffix('-file')}" for name in ("log-file", "pid-file", "seed-file")]
    commands = (
        ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket", *munge],
        ["slurmctld", "-D", "-i", "-f", str(configuration)],
        ["slurmd", "-D", "-N", "localhost", "-f", str(configuration)],
    )
    environment = {"SLURM_CONF": str(configuration)}
    processes = []
    try:
        for name, *arguments in commands:
            with (folder / f"{name}.out").open("wb") as log:
                command = [program(name) or name, *arguments]
                processes.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environment}))
            if name == "munged":
                _wait_until(lambda: (folder / "munge.socket").exists(), folder)
        _wait_until(lambda: "idle" in _output(["sinfo", "-h", "-o", "%t"], environment), folder)
        try:
            yield environment
        finally:
            _end_jobs(environment)
    finally:
        for process in reversed(processes):
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _end_jobs(environment: dict[str, str]) -> None:
    """Cancel all jobs, and wait until they have ended: they would outlive the daemons."""
    deadline = time.monotonic() + SECONDS
    while _output(["squeue", "-h", "-o", "%i"], environment).strip() and time.monotonic() < deadline:
        _output(["scancel", "--user", getpass.getuser()], environment)
        time.sleep(0.5)


def _wait_until(condition: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            logs = "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in sorted(folder.glob("*.out")))
            raise RuntimeError(f"Slurm does not start\n{logs}")
        time.sleep(0.1)


def _output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    return done.stdout


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, local_slurm(Path(place)) as variables:
        sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, **variables}, check=False).returncode)
