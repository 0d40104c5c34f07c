"""What every test of this room has."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _room(one_thread: None, cache: object) -> None:
    """One thread and a cache of its own for every test."""
