"""Tables of the values of each sample: Parquet in a run, CSV in a baseline, which is reviewed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.machine.canonical import write_atomic
from bench.machine.files import read_stored
from bench.machine.texts import visible


def read_table(table: Path, named_by: str) -> dict[str, list[Any]]:
    """The columns of a table by name, from Parquet or CSV.

    Args:
        named_by: the result file that names the table, for messages.

    Raises:
        BenchError: the file is missing or damaged.
    """
    if table.suffix == ".csv":
        return _read_csv(table)
    import pyarrow.parquet as parquet  # a tenth of a second that most commands do not need
    from pyarrow import ArrowException, BufferReader

    try:
        # From memory and without threads: threads of pyarrow that read a Python file may outlive the interpreter.
        with parquet.ParquetFile(BufferReader(read_stored(table))) as stored:
            columns: dict[str, list[Any]] = stored.read(use_threads=False).to_pydict()
    except (OSError, ArrowException, ValueError) as error:
        raise BenchError(f"{table}: cannot be read, but {named_by} names it: {error}; measure it again") from error
    for name, values in columns.items():
        wanted = str if name == "id" else int if name == "group" else None
        if wanted and not all(type(value) is wanted for value in values):
            raise BenchError(f"{table}: column {name} holds values that are not {wanted.__name__}; measure it again")
    return columns


def write_csv(table: Path, samples: Mapping[str, Sequence[Any]], digits: int) -> None:
    """Write per-sample values as CSV, one line per sample; of the columns of text only the id is written.

    Args:
        digits: significant digits of the numbers.
    """
    columns = [name for name, values in samples.items() if name == "id" or not isinstance(values[0], str | None)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*(samples[name] for name in columns), strict=True):
        writer.writerow([f"{value:.{digits}g}" if isinstance(value, float) else value for value in row])
    write_atomic(table, stream.getvalue().encode())


def parquet_bytes(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """The content of a Parquet file with these columns."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    # Names of files may hold halves of surrogate pairs, which Parquet cannot store, nor can JSON.
    encodable = {
        name: [visible(value) for value in column] if all(isinstance(value, str) for value in column) else column
        for name, column in columns.items()
    }
    sink = io.BytesIO()
    parquet.write_table(arrow.table(encodable), sink)
    return sink.getvalue()


def _read_csv(table: Path) -> dict[str, list[Any]]:
    try:
        header, *rows = csv.reader(io.StringIO(read_stored(table).decode("utf-8")))
        columns = zip(*rows, strict=True) if rows else ([] for _ in header)
        return {
            name: [value if name == "id" else int(value) if name == "group" else float(value) for value in column]
            for name, column in zip(header, columns, strict=True)
        }
    except (OSError, ValueError, csv.Error) as error:
        raise BenchError(f"{table}: not a table of samples: {error}; restore it, or measure again") from error
