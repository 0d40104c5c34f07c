"""JSON, YAML and files of others: one meaning, an end, and no effect on a terminal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from bench.errors import BenchError
from bench.machine.canonical import readable_json, sha256_file
from bench.machine.documents import parse_json, parse_yaml
from bench.machine.files import open_stored
from bench.machine.texts import bounded, plain, visible

DEEP = 100_000


@pytest.mark.parametrize(
    "text, message",
    [('{"a": 1, "a": 2}', "'a' appears twice"), ("[" * DEEP + "]" * DEEP, "nested too deeply"),
     ('{"a": ' * DEEP + "1" + "}" * DEEP, "nested too deeply"), ("1" * 5_000, "digit"),
     ("NaN", "NaN is not a finite number"), ("1e999", "1e999 is not a finite number"),
     ("{", "Expecting"), (b"\xff", "utf-8")],
)  # fmt: skip
def test_json_has_one_meaning_or_is_an_error(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_json_is_otherwise_what_the_library_reads() -> None:
    text = '{"a": [1, 2.5, null, "\\u00e9"], "b": {"a": true}}'
    assert parse_json(text) == json.loads(text)
    assert parse_json("[NaN]", finite=False)


ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))


@pytest.mark.parametrize(
    "text, message",
    [("{a: 1, a: 2}", "'a' appears twice"), ("size: 0400", "0400 would be read in base 8"),
     ("at: 1:30", "1:30 would be read in base 60"), ("at: 1:30.5", "base 60"), ("[" * DEEP, "nested too deeply"),
     ("n: " + "1" * 5_000, "digit"), ("day: 2026-02-31", "day is out of range"), (ALIASES, "more than 100000 values"),
     ("a: &a [*a]", "more than 100000 values"), ("a: !!python/object:os.system {}", "could not determine")],
)  # fmt: skip
def test_yaml_has_one_meaning_or_is_an_error(text: str, message: str) -> None:
    with pytest.raises(yaml.YAMLError, match=message):
        parse_yaml(text)


def test_yaml_is_otherwise_what_the_library_reads() -> None:
    text = "{a: 0, b: -12, c: 0x10, d: 1.5e+3, e: .5, f: '0400', g: yes, h: &h {x: 1}, i: {<<: *h, x: 2}, j: 00.5}"
    assert parse_yaml(text) == yaml.safe_load(text)


def test_only_stored_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), Path("/proc/self/maps")):
        with pytest.raises(OSError, match=r"not a (stored )?file"):
            sha256_file(path)
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(50 * 2**30)
    with pytest.raises(OSError, match="at most 4 are read"):
        open_stored(tmp_path / "sparse", most=4)


def test_texts_do_not_act_on_a_terminal() -> None:
    hostile = "\x1b]0;title\x07 \x9b2J \u202egpj.exe \u2066 \ud800 \r"
    assert visible(hostile) == r"\x1b]0;title\x07 \x9b2J \u202egpj.exe \u2066 \ud800 \r"
    fine = "नमस्ते क्‍ष 👩‍💻 é\n\tline"
    assert visible(fine) == fine
    assert str(BenchError(f"no such file: {hostile}")) == f"no such file: {visible(hostile)}"
    assert json.loads(readable_json(hostile)) == hostile
    assert readable_json(hostile).isprintable() or readable_json(hostile).strip().isprintable()


def test_texts_are_bounded() -> None:
    text = "a" * 20_000_000 + "end"
    assert len(bounded(text)) < 2_100
    assert bounded(text).endswith("aend")
    assert "more characters" in plain(text)
    assert bounded("short") == "short"
