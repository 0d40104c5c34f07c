"""Tokenizers that treat their process in ways that a benchmark does not expect."""

import ctypes
import os
import sys
import time
from pathlib import Path

import torch
from broken import Mean

from bench.contracts.tokens import Tokens


class Unruly(Mean):
    """Misbehaves once, before the first image is encoded."""

    done = False

    def encode(self, batch: torch.Tensor) -> Tokens:
        if not self.done:
            self.done = True
            self.misbehave()
        return super().encode(batch)

    def misbehave(self) -> None: ...


class LeavesAChild(Unruly):
    def misbehave(self) -> None:
        if os.fork() == 0:
            time.sleep(300)
            os._exit(0)


class LeavesADaemon(Unruly):
    """Starts a grandchild in a separate session, and leaves its process id in a file."""

    def __init__(self, note: str) -> None:
        self.note = Path(note).absolute()

    def misbehave(self) -> None:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                self.note.write_text(str(os.getpid()))
                time.sleep(300)
            os._exit(0)
        os.wait()


class ChildGoesOn(Unruly):
    """Makes a fork that measures too, and then one that exits through Python."""

    def misbehave(self) -> None:
        if os.fork() == 0:
            return
        if os.fork() == 0:
            sys.exit("the child's own end")


class ChangesDirectory(Unruly):
    def misbehave(self) -> None:
        Path("elsewhere").mkdir()
        os.chdir("elsewhere")


class Unencodable(Mean):
    def encode(self, batch: torch.Tensor) -> Tokens:
        raise ValueError("no such file: \udcff.png")


class WritesIntoPipes(Unruly):
    """Writes what looks like a pickle's length, half a line, an impossible report and much noise."""

    def misbehave(self) -> None:
        for number in range(3, 1024):
            if is_pipe(number):
                for data in (b"\0\0\0\5hello", b"progress 99999999999999999999 1 x\n[1,", b"\xff" * 100_000):
                    try:
                        os.set_blocking(number, False)
                        os.write(number, data)
                    except OSError:
                        pass


class ClosesPipes(Unruly):
    def misbehave(self) -> None:
        os.closerange(3, 1024)


def is_pipe(number: int) -> bool:
    return Path(f"/proc/self/fd/{number}").is_fifo()


class HoldsTheLock(Unruly):
    """Runs C code that never releases the interpreter's lock, and leaves its process id in a file."""

    def __init__(self, note: str) -> None:
        self.note = Path(note).absolute()

    def misbehave(self) -> None:
        self.note.write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(300)
