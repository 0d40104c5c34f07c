"""A knowledge graph in a folder of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from bench.errors import BenchError

from .knowledge_graph import PARTS, GraphDataset

ENDINGS = (".txt", ".tsv")


class GraphFolder(GraphDataset):
    """Files ``train``, ``valid`` and ``test`` of a folder, ``.txt`` or ``.tsv``, with a triple per line.

    Args:
        data: the folder.

    Raises:
        BenchError: there is no such folder, or a file is missing.
    """

    name: ClassVar[str] = "graph-folder"

    def __init__(
        self, settings: Mapping[str, Any] | None = None, split: str | None = None, data: str | None = None
    ) -> None:
        super().__init__(settings, split, data)

    def find(self) -> Mapping[str, Path]:
        remedy = "give a folder with train.txt, valid.txt and test.txt (or .tsv) with --data PATH"
        if not self.data:
            raise BenchError(f"{self.name} needs a folder", remedy)
        root = Path(self.data).expanduser().absolute()
        if not root.is_dir():
            raise BenchError(f"{root}: {'is a file' if root.exists() else 'no such folder'}", remedy)
        files = {}
        for part in PARTS:
            present = [file for ending in ENDINGS if (file := root / f"{part}{ending}").is_file()]
            if len(present) != 1:
                names = " and ".join(file.name for file in present)
                raise BenchError(f"{root}: has {names}; keep one" if present else f"{root}: no {part} file", remedy)
            files[part] = present[0]
        return files

    def training(self) -> GraphFolder:
        return GraphFolder(self.settings, "train", self.data)
