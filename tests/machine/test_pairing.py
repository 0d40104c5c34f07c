"""Which reconstruction belongs to which sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.machine.pairing import pair

ENDINGS = frozenset({".png", ".jpg"})


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    return folder


@pytest.mark.parametrize(
    ("ids", "names", "expected"),
    [
        (["a.png", "b/a.png"], ["a.jpg", "b/a.png"], {"a.png": "a.jpg", "b/a.png": "b/a.png"}),
        # Two originals that differ in their endings alone.
        (["a.png", "a.jpg"], ["a.png", "a.jpg"], {"a.png": "a.png", "a.jpg": "a.jpg"}),
        (["1/2/1-2-3"], ["1-2-3.png"], {"1/2/1-2-3": "1-2-3.png"}),  # all in one folder
        (["1/a", "2/a"], ["a.png"], {}),  # whose?
        (["1/a", "2/b"], ["2/b.png", "x.png"], {"2/b": "2/b.png"}),
        (["t#x0y0", "t#x0y64"], ["t#x0y0.png", "t#x0y64.png"], {"t#x0y0": "t#x0y0.png", "t#x0y64": "t#x0y64.png"}),
        (["a.b"], ["a.b.png"], {"a.b": "a.b.png"}),
    ],
)
def test_by_relative_path_without_the_ending(ids, names, expected, tmp_path):
    found = pair(ids, made(tmp_path, *names), ENDINGS)
    assert found.files == {name: tmp_path / path for name, path in expected.items()}
    assert found.wrong.keys() == set(ids) - expected.keys()
    assert set(found.surplus) == set(names) - set(expected.values())


def test_what_could_be_two_is_none(tmp_path):
    found = pair(["a.png", "b.png"], made(tmp_path, "a.jpg", "a.png", "b.jpg", "b.b.png", "b.npy"), ENDINGS)
    assert found.files == {"a.png": tmp_path / "a.png", "b.png": tmp_path / "b.jpg"}
    assert found.codes == {"b.png": tmp_path / "b.npy"}
    assert found.surplus == ["a.jpg", "b.b.png"]
    found = pair(["c"], made(tmp_path / "two", "c.jpg", "c.png"), ENDINGS)
    assert found.wrong == {"c": "several files may be its reconstruction: c.jpg, c.png"}
    found = pair(["d.png", "d.jpg"], made(tmp_path / "one", "d.png"), ENDINGS)
    assert list(found.files) == ["d.png"]
    assert "may also be the reconstruction of d.png; pair them by a manifest" in found.wrong["d.jpg"]


@pytest.mark.parametrize(
    "text",
    [
        "original\treconstruction\n{root}/s/a b.png\t1.png\nb.png\t{here}/2.png\n# c\nx.png\t3.png\n",
        "s/a b\t1.png\nb\t2.png\nx\t3.png\n",
        "a b.png\t1.png\r\nb.png\t2.png\r\nx\t3.png\r\n",
    ],
)
def test_by_a_manifest(text, tmp_path):
    made(tmp_path, "1.png", "2.png", "1.npz")
    (tmp_path / "pairs.tsv").write_text(text.format(root=tmp_path / "data", here=tmp_path))
    found = pair(["s/a b.png", "b.png", "c.png"], tmp_path / "pairs.tsv", ENDINGS, tmp_path / "data")
    assert found.files == {"s/a b.png": tmp_path / "1.png", "b.png": tmp_path / "2.png"}
    assert found.codes == {"s/a b.png": tmp_path / "1.npz"}
    assert found.wrong == {"c.png": "no line in pairs.tsv"}
    assert [Path(name).stem for name in found.surplus] == ["x"]


def test_kaldi_s_list_of_files(tmp_path, monkeypatch):
    made(tmp_path, "out/1.png", "work/2.png")
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "wav.scp").write_text("u1 out/1.png\nu2 2.png\nu1 out/1.png\nu3 out/3.png\n")
    found = pair(["s/u1", "s/u2", "s/u3"], tmp_path / "wav.scp", ENDINGS)
    assert found.files == {"s/u2": tmp_path / "work" / "2.png"}
    assert found.wrong == {
        "s/u1": "wav.scp names two reconstructions of it",
        "s/u3": "wav.scp names out/3.png, which is not there",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n", "two columns"),
        (b"a\tb\0\n", "two columns"),
        (b"a sox in.wav -t wav - |\n", "is a command, which is never run"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_what_is_not_a_manifest(content, message, tmp_path):
    (tmp_path / "wav.scp").write_bytes(content)
    with pytest.raises(BenchError, match=message):
        pair(["a"], tmp_path / "wav.scp", ENDINGS)
