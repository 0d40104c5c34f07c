"""Stand-ins for modules that publishers' networks import and do not need, for writing golden arrays."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import torch


def module(name: str, **contents: Any) -> None:
    """Make ``import name`` give a module with these attributes."""
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name]).update(contents)


def lightning(**main: Any) -> None:
    """Lightning's modules as plain ones, and ``main``, the training script, with what networks take from it."""
    module("pytorch_lightning", LightningModule=torch.nn.Module)
    module("lightning", LightningModule=torch.nn.Module)
    module("main", **main)
