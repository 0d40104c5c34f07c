"""The knowledge graphs that pykeen's package carries; they are read, and pykeen is not imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import Unavailable

from .knowledge_graph import PARTS, GraphDataset

INSTALL = "run: pip install --no-deps pykeen"
"""Without its dependencies, which only its code needs."""


class PykeenGraph(GraphDataset):
    """A small knowledge graph in the files of the distribution ``pykeen``.

    Nations: 14 countries and 55 relations between them. Kinships: 104 members of the Alyawarra and 25 kinship terms.
    UMLS: 135 concepts of the Unified Medical Language System's semantic network, 46 relations.

    Args:
        graph: ``nations``, ``kinships`` or ``umls``.

    Raises:
        Unavailable: pykeen is not installed.
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        split: str | None = None,
        data: str | None = None,
        *,
        graph: str = "umls",
    ) -> None:
        self.name = graph  # type: ignore[misc]
        super().__init__(settings, split, data)

    def find(self) -> Mapping[str, Path]:
        if self.data is not None:
            raise Unavailable(f"{self.name} is read from pykeen's package", "for files of your own use graph-folder")
        spec = importlib.util.find_spec("pykeen")
        if spec is None or not spec.submodule_search_locations:
            raise Unavailable(f"{self.name} needs the files of the package pykeen", INSTALL)
        folder = Path(next(iter(spec.submodule_search_locations))) / "datasets" / self.name
        files = {part: folder / f"{part}.txt" for part in PARTS}
        if missing := [file for file in files.values() if not file.is_file()]:
            raise Unavailable(f"{self.name}: pykeen has no {missing[0]}", INSTALL)
        return files

    def training(self) -> PykeenGraph:
        return PykeenGraph(self.settings, "train", self.data, graph=self.name)
