"""Transcripts that another recognizer made, from a table."""

from __future__ import annotations

import csv
import io
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from bench.errors import BenchError
from bench.machine.canonical import sha256_file
from bench.machine.files import read_stored
from bench.modalities.audio.recognizers.base import Side, Transcripts

COLUMNS = {"id", "text", "side", "system"}


class TranscriptFile(Transcripts):
    """A table of transcripts: UTF-8, tabs between columns, no quoting, the first line names the columns.

    - ``id``: the sample's id, as ``bench run`` writes it to the result's ``.parquet``.
    - ``text``: the recognized text; empty if no words were recognized, which is not the same as a missing row.
    - ``side`` (optional): ``original`` or ``reconstruction``; without this column every row is of a
      reconstruction, so that there is no dWER and no word error rate of the originals.
    - ``system`` (optional): the system that made the reconstruction, as written for ``--system``; empty, or
      without this column, for every system. Originals need none.

    Raises:
        BenchError: the file is not such a table, or has two rows for one clip.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self.label = f"transcripts {self._path.name}"

    def describe(self) -> dict[str, Any]:
        _ = self._texts  # a table with a mistake is rejected before anything is measured
        return {"name": "transcripts", "sha256": sha256_file(self._path)}

    def find(self, id: str, side: Side, system: str = "") -> str | None:
        text = self._texts.get((id, side, system))
        return self._texts.get((id, side, "")) if text is None else text

    @cached_property
    def _texts(self) -> dict[tuple[str, str, str], str]:
        try:
            with io.StringIO(read_stored(self._path).decode("utf-8-sig"), newline="") as stream:
                lines = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
                self._check_columns(lines.fieldnames or ())
                return self._rows(lines)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise BenchError(f"{self._path}: cannot be read as a table of transcripts ({error})") from error

    def _check_columns(self, names: Any) -> None:
        missing, extra = sorted({"id", "text"} - set(names)), sorted(set(names) - COLUMNS)
        wrong = [f"no column {name!r}" for name in missing] + [f"unknown column {name!r}" for name in extra]
        wrong += [f"column {name!r} twice" for name in sorted({name for name in names if list(names).count(name) > 1})]
        if wrong:
            raise BenchError(
                f"{self._path}: {', '.join(wrong)}; its first line must be id and text, and may name side and system, "
                "with a tab between any two"
            )

    def _rows(self, lines: csv.DictReader[str]) -> dict[tuple[str, str, str], str]:
        texts: dict[tuple[str, str, str], str] = {}
        for row in lines:
            if None in row or None in row.values():
                raise BenchError(f"{self._path}:{lines.line_num}: number of columns differs from the first line")
            side = row.get("side", "reconstruction")
            if side not in get_args(Side):
                raise BenchError(f"{self._path}:{lines.line_num}: side is {side!r}, not original or reconstruction")
            key = (row["id"], side, row.get("system", ""))
            if key in texts:
                raise BenchError(f"{self._path}:{lines.line_num}: a second transcript of {row['id']} ({side})")
            texts[key] = row["text"]
        return texts
