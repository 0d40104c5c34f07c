"""What is said in files of a folder: a table for all, or a text beside each."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.datasets.files import printable
from bench.errors import BenchError

TABLES = {"transcripts.tsv": "\t", "transcripts.csv": ","}
"""Names of tables, and what separates their two columns."""
HEADERS = ({"id", "path", "file", "name"}, {"text", "transcript", "sentence"})


def transcripts_of(root: Path, paths: Sequence[str]) -> list[str | None]:
    """Transcript of each path below ``root``; None for one without.

    Raises:
        BenchError: a table or a text cannot be read, or the table names none of the files, or one of them twice
            with different texts.
    """
    tables = [root / name for name in TABLES if (root / name).is_file()]
    if len(tables) > 1:
        raise BenchError(f"{root}: has {' and '.join(table.name for table in tables)}; keep one")
    if not tables:
        return [_beside(root / path) for path in paths]
    table = _read_table(tables[0])
    found = [table.get(printable(path), table.get(printable(_stem(path)))) for path in paths]
    if table and all(text is None for text in found):
        first = next(iter(table))
        raise BenchError(
            f"{tables[0]}: names none of the sound files, but {first!r}; write the path below {root}, with its ending "
            "or without"
        )
    return [text or None for text in found]


def _read_table(path: Path) -> dict[str, str]:
    text = io.StringIO(_text(path), newline="")
    # In TSV a quotation mark is one.
    tabs = TABLES[path.name] == "\t"
    rows = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE) if tabs else csv.reader(text)
    table: dict[str, str] = {}
    for number, row in enumerate(rows):
        if not row:
            continue
        if len(row) != 2:
            raise BenchError(
                f"{path}: line {rows.line_num} has {len(row)} columns; two are needed, the file's path and its text"
            )
        name, said = (cell.strip() for cell in row)
        if number == 0 and name.lower() in HEADERS[0] and said.lower() in HEADERS[1]:
            continue
        name = str(PurePosixPath(name))
        if table.get(name, said) != said:
            raise BenchError(f"{path}: line {rows.line_num} gives {name!r} another text; keep one")
        table[name] = said
    return table


def _beside(path: Path) -> str | None:
    """All of the text file of the same name, as one line."""
    text = path.with_suffix(".txt")
    return " ".join(_text(text).split()) or None if text.is_file() else None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BenchError(f"{path}: is not UTF-8; store it so") from error


def _stem(path: str) -> str:
    return os.path.splitext(path)[0]  # noqa: PTH122 - a path as it is written, not a normal one
