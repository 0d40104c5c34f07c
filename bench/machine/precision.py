"""Exact arithmetic for metrics, whatever the system under test has switched on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """A context without TF32 and autocast on a device; the protocol's choice is restored after it.

    The device is not waited for. The choice is a process's, so nothing that wants TF32 may run in another thread
    meanwhile.
    """
    with torch.autocast(device.type, enabled=False):
        if device.type != "cuda":
            yield
        elif hasattr(torch.backends.cuda.matmul, "fp32_precision"):
            with _ieee():
                yield
        else:
            with _without_tf32():
                yield


def allows_tf32(operations: Any) -> bool:
    """Whether float32 products are rounded to TF32 by ``torch.backends.cuda.matmul`` or ``torch.backends.cudnn``.

    torch since 2.9 has two kinds of settings for it, and the older one cannot be read where a system mixed them.
    """
    try:
        return bool(operations.allow_tf32)
    except RuntimeError:
        return bool(getattr(operations, "conv", operations).fp32_precision == "tf32")


def matmul_precision() -> str:
    """What ``torch.set_float32_matmul_precision`` chose; ``mixed`` where newer settings contradict it."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return "mixed"


@contextmanager
def _ieee() -> Iterator[None]:
    """Without TF32 by the settings that torch has had since 2.9.

    They can be read and set whichever way TF32 was switched on; what ``allow_tf32`` means in them, which raises where
    both ways were mixed, is as before once they are restored. ``none``, which ``allow_tf32 = False`` leaves for
    convolutions, would follow ``torch.backends.fp32_precision``.
    """
    cudnn: Any = torch.backends.cudnn
    operations: tuple[Any, ...] = (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn)
    before = [operation.fp32_precision for operation in operations]
    for operation in operations:
        operation.fp32_precision = "ieee"
    try:
        yield
    finally:
        for operation, precision in zip(operations, before, strict=True):
            operation.fp32_precision = precision


@contextmanager
def _without_tf32() -> Iterator[None]:
    """Without TF32 by the settings of torch before 2.9."""
    matmul, convolution = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = matmul
        torch.backends.cudnn.allow_tf32 = convolution
