"""A table of transcripts made elsewhere."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.modalities.audio.recognizers.base import Transcripts, build


@pytest.fixture
def table(tmp_path):
    def write(*rows: str) -> Transcripts:
        file = tmp_path / "heard.tsv"
        file.write_text("\n".join(rows) + "\n", encoding="utf-8")
        found = build(f"transcripts={file}")
        assert isinstance(found, Transcripts)
        return found

    return write


def test_rows_are_found_by_clip_side_and_system(table):
    found = table(
        "id\tside\tsystem\ttext",
        "a/1.wav\toriginal\t\tone",
        'a/1.wav\treconstruction\tmulaw@8\t"two"',
        "a/1.wav\treconstruction\t\tthree",
        "b\toriginal\t\t",
    )
    assert found.find("a/1.wav", "original", "mulaw@8") == "one"
    assert found.find("a/1.wav", "reconstruction", "mulaw@8") == '"two"'
    assert found.find("a/1.wav", "reconstruction", "opus") == "three"
    assert found.find("b", "original") == ""
    assert found.find("b", "reconstruction") is None


def test_without_a_side_rows_are_of_reconstructions(table):
    found = table("text\tid", "one\ta")
    assert (found.find("a", "reconstruction", "any"), found.find("a", "original")) == ("one", None)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("id\twords", "a\tone"), "no column 'text', unknown column 'words'; its first line must be id and text"),
        (("id\ttext", "a"), r"heard.tsv:2: number of columns differs"),
        (("id\ttext", "a\tone\ttwo"), r"heard.tsv:2: number of columns differs"),
        (("id\ttext", "a\tone", "a\ttwo"), r"heard.tsv:3: a second transcript of a \(reconstruction\)"),
        (("id\ttext\tside", "a\tone\tdecoded"), "side is 'decoded', not original or reconstruction"),
    ],
)
def test_a_table_with_a_mistake_is_refused_before_anything_is_measured(table, rows, message):
    with pytest.raises(BenchError, match=message):
        table(*rows).describe()


def test_its_contents_identify_it_not_its_place(table):
    before = table("id\ttext", "a\tone").describe()
    assert table("id\ttext", "a\tone").describe() == before
    assert table("id\ttext", "a\ttwo").describe() != before
