"""Transcripts of the files of a folder: one table for all, or one text beside each."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.errors import BenchError
from bench.machine.files import read_stored
from bench.machine.folders import printable

TABLES = {"transcripts.tsv": "\t", "transcripts.csv": ","}
"""Names of tables, and what separates their two columns."""
QUOTED = "a quotation mark opens a text that does not end on its line; double it, or leave it out"
HEADERS = ({"id", "path", "file", "name"}, {"text", "transcript", "sentence"})


def transcripts_of(root: Path, paths: Sequence[str]) -> tuple[list[str | None], list[str]]:
    """The transcript of each path below ``root``, None if it has none, and the names in the table that match no file.

    Raises:
        BenchError: a table or a text cannot be read, the table names none of the files, or there are two texts for one.
    """
    tables = [root / name for name in TABLES if (root / name).is_file()]
    if len(tables) > 1:
        raise BenchError(f"{root}: has {' and '.join(table.name for table in tables)}; keep one")
    if not tables:
        return [_beside(root / path) for path in paths], []
    table = _read_table(tables[0])
    transcripts: list[str | None] = []
    fitting: set[str] = set()
    for path in paths:
        texts = {name: table[name] for name in (printable(path), printable(_stem(path))) if name in table}
        if len(set(texts.values())) > 1:
            raise BenchError(f"{tables[0]}: {path} has different texts under {' and '.join(texts)}; keep one")
        fitting |= texts.keys()
        transcripts.append(next(iter(texts.values()), None) or None)
    surplus = [name for name in table if name not in fitting]
    if table and len(surplus) == len(table):
        raise BenchError(
            f"{tables[0]}: names none of the audio files, only {surplus[0]!r}; write the path below {root}, with its "
            "ending or without"
        )
    return transcripts, surplus


def _read_table(path: Path) -> dict[str, str]:
    """Text by name, with or without the file's ending."""
    text = io.StringIO(_text(path), newline="")
    # In TSV a quotation mark is one.
    tabs = TABLES[path.name] == "\t"
    rows = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE) if tabs else csv.reader(text, strict=True)
    table: dict[str, str] = {}
    order, before = (0, 1), 0
    try:
        for number, row in enumerate(rows):
            first, before = before + 1, rows.line_num
            if not row:
                continue
            if len(row) != 2:
                raise BenchError(
                    f"{path}: line {first} has {len(row)} columns; it needs two, the file's path and its text"
                )
            if first != rows.line_num:
                raise BenchError(f"{path}: line {first}: {QUOTED}")
            if number == 0 and (header := _header(path, row)):
                order = header
                continue
            name, said = (row[column].strip() for column in order)
            name = str(PurePosixPath(name))
            if table.get(name, said) != said:
                raise BenchError(f"{path}: line {first} gives {name!r} another text; keep one")
            table[name] = said
    except csv.Error as error:
        hint = QUOTED if "unexpected end" in str(error) or "expected after" in str(error) else str(error)
        raise BenchError(f"{path}: line {before + 1}: {hint}") from error
    return table


def _header(path: Path, row: Sequence[str]) -> tuple[int, int] | None:
    """Columns of path and text if the first row names them.

    Raises:
        BenchError: it names one of them, and something else.
    """
    names = [cell.strip().lower() for cell in row]
    for order in ((0, 1), (1, 0)):
        named = [names[column] in words for column, words in zip(order, HEADERS, strict=True)]
        if all(named):
            return order
        if named[0] and order == (0, 1):
            raise BenchError(
                f"{path}: unknown column {row[1]!r}; call the columns path and text, or leave the header out"
            )
    return None


def _beside(path: Path) -> str | None:
    """The contents of the text file of the same name, on one line; None if there is none."""
    text = path.with_suffix(".txt")
    return " ".join(_text(text).split()) or None if text.is_file() else None


def _text(path: Path) -> str:
    try:
        return read_stored(path).decode("utf-8-sig")
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BenchError(f"{path}: not UTF-8; save it as UTF-8") from error


def _stem(path: str) -> str:
    return os.path.splitext(path)[0]  # noqa: PTH122 - a path as it is written, not a normal one
