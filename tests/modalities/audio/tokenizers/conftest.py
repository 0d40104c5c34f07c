"""What every test of this room has."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from published_codecs import Folders, Load


@pytest.fixture(autouse=True)
def _room(one_thread: None) -> None:
    """One thread for every test."""


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """A folder with a tiny checkpoint of each class of published codecs, by the class's name."""
    from published_codecs import Folders

    return Folders(tmp_path_factory.mktemp("audio"))


@pytest.fixture(scope="session")
def load(folders: Folders) -> Load:
    """The tokenizer of each class on its tiny checkpoint, which tests leave as it is."""
    return cache(folders.build)
