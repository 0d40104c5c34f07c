"""Sets of samples that were generated elsewhere: what ``--samples`` and ``--reference`` take for a modality."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from bench.contracts.system import SystemSpec


class Generated(ABC):
    """How a modality reads generated samples as systems, and the real ones that they are compared with."""

    @abstractmethod
    def systems(self, paths: Sequence[str]) -> Sequence[SystemSpec]:
        """One system per path, named by the end of the path that distinguishes it from the others.

        Raises:
            BenchError: a path holds no samples; the message says how to store them.
        """

    @abstractmethod
    def reference(self, text: str) -> tuple[str, str | None]:
        """The registry name of the data set, and its path if it has one, for the text of ``--reference``.

        Raises:
            BenchError: it is neither a file, nor a folder, nor a data set's name.
        """
