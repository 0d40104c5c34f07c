"""What every test of this room has."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _room(cache: object) -> None:
    """A cache of its own for every test."""
