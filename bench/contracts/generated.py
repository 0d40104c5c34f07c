"""Sets of generated samples that were made elsewhere: what ``--samples`` and ``--reference`` take of a modality."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from bench.contracts.system import SystemSpec


class Generated(ABC):
    """How a modality takes generated samples as systems, and the real ones that they are compared with."""

    @abstractmethod
    def systems(self, paths: Sequence[str]) -> Sequence[SystemSpec]:
        """A system of each path, named by the end of its path that tells it from the others.

        Raises:
            BenchError: a path holds no samples; the message says how to store them.
        """

    @abstractmethod
    def reference(self, text: str) -> tuple[str, str | None]:
        """Name of the data set, and path, of what ``--reference`` names.

        Raises:
            BenchError: it is neither a file, nor a folder, nor a data set's name.
        """
