"""Metrics compute in float32 itself, whichever way TF32 was switched on, and leave the choice as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from bench.machine.environment import describe
from bench.machine.precision import exact_float32, matmul_precision

CUDNN: Any = torch.backends.cudnn
MATMUL: Any = torch.backends.cuda.matmul
BACKENDS: Any = torch.backends

pytestmark = pytest.mark.skipif(not hasattr(MATMUL, "fp32_precision"), reason="this torch has allow_tf32 alone")


@pytest.fixture(autouse=True)
def _as_torch_starts() -> Iterator[None]:
    yield
    BACKENDS.fp32_precision = "none"
    MATMUL.allow_tf32, CUDNN.allow_tf32 = False, True


def by_flags() -> None:
    MATMUL.allow_tf32 = CUDNN.allow_tf32 = True


def by_name() -> None:
    torch.set_float32_matmul_precision("high")


def by_operation() -> None:
    MATMUL.fp32_precision = CUDNN.conv.fp32_precision = "tf32"


def everywhere() -> None:
    """Also where a flag that was switched off leaves it to this."""
    CUDNN.allow_tf32 = False
    BACKENDS.fp32_precision = "tf32"


def precisions() -> list[str]:
    return [operation.fp32_precision for operation in (MATMUL, CUDNN.conv, CUDNN.rnn)]


def flags() -> list[bool | None]:
    """What the older settings say; None where they cannot."""
    found: list[bool | None] = []
    for settings in (MATMUL, CUDNN):
        try:
            found.append(settings.allow_tf32)
        except RuntimeError:
            found.append(None)
    return found


@pytest.mark.parametrize("switch_on", [by_flags, by_name, by_operation, everywhere])
def test_tf32_is_off_within_and_as_before_after(switch_on) -> None:
    switch_on()
    before = precisions(), flags()
    assert "tf32" in before[0]
    with pytest.raises(ZeroDivisionError), exact_float32(torch.device("cuda")):
        assert precisions() == ["ieee"] * 3
        raise ZeroDivisionError
    assert (precisions(), flags()) == before


@pytest.mark.parametrize("switch_on", [by_flags, by_name, by_operation, everywhere])
def test_a_result_can_be_described_whichever_way_a_system_chose(switch_on):
    MATMUL.allow_tf32 = CUDNN.allow_tf32 = False  # as cells begin
    switch_on()
    flags = describe("cpu")["flags"]
    assert flags["tf32_matmul"] or flags["tf32_cudnn"] or switch_on is everywhere
    assert matmul_precision() in ("highest", "high", "mixed")
