"""Files of tokenizers by name: fetched with their tokenizer's name, verified, and announced where they are missing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.cli import main
from bench.commands.fetch import fetch_names
from bench.contracts.system import parse
from bench.errors import Unavailable
from bench.machine.canonical import sha256_file
from bench.machine.weights import FILES
from bench.tokenizers.named_files import locate_files

NAMES = ("taef2-encoder", "taef2-decoder")


@pytest.fixture
def published(taef2_files: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A web server that publishes the files of taef2, and an empty cache."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    handler = partial(SimpleHTTPRequestHandler, directory=str(taef2_files))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        for name in NAMES:
            file = taef2_files / FILES[name].published_name
            url = f"http://127.0.0.1:{web.server_port}/{file.name}"
            monkeypatch.setitem(FILES, name, replace(FILES[name], url=url, sha256=sha256_file(file)))
        yield
        web.shutdown()


@pytest.mark.usefixtures("published")
def test_a_fetched_tokenizer_is_read_offline(taef2_files: Path) -> None:
    system = parse("taef2")
    assert (
        system.lacking()
        == "taef2: its weights taef2-encoder, taef2-decoder are not in the cache; run: bench fetch taef2"
    )
    assert parse(f"taef2={taef2_files}").lacking() == ""
    with pytest.raises(Unavailable, match=r"and offline; taef2=FOLDER uses a local file\); run: bench fetch taef2$"):
        locate_files(NAMES, None, offline=True)
    assert fetch_names(("taef2",), everything=False) == 0
    assert system.lacking() == ""
    cached, local = locate_files(NAMES, None, offline=True), locate_files(NAMES, str(taef2_files))
    assert cached.sha256 == local.sha256
    assert cached.revision == local.revision == FILES[NAMES[0]].revision
    assert system.build().weights == cached.sha256


@pytest.mark.usefixtures("published")
def test_a_run_fetches_what_it_needs() -> None:
    assert parse("taef2").build().weights == {FILES[name].published_name: FILES[name].sha256 for name in NAMES}


@pytest.mark.usefixtures("published")
def test_other_files_than_the_published_ones_are_not_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILES, NAMES[1], replace(FILES[NAMES[1]], sha256="0" * 64))
    with pytest.raises(Unavailable, match=r"not kept; try again, or give a file you trust: taef2=FOLDER"):
        parse("taef2").build()
    assert [file.name for file in (cache / "weights").iterdir()] == [FILES[NAMES[0]].filename]


@pytest.mark.usefixtures("cache")
def test_a_plan_names_missing_files_and_what_fetches_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ("run", "--suite", "image-recon", "--limit", "2", "--system", "taef2", "--dry-run", "--offline")
    lacking = "taef2: its weights taef2-encoder, taef2-decoder are not in the cache; run: bench fetch taef2"
    assert f"missing: {lacking}" in CliRunner().invoke(main, plan).output
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for name, file in FILES.items():
        monkeypatch.setitem(FILES, name, replace(file, url="http://127.0.0.1:9/file" if file.url else ""))
    assert f"fetched when it is measured, or now: {lacking}" in CliRunner().invoke(main, plan[:-1]).output


@pytest.mark.parametrize("file", [file for file in FILES.values() if file.system], ids=lambda file: file.name)
def test_a_file_of_a_tokenizer_is_in_its_line(file) -> None:
    assert file.name in parse(file.system).entry.weights
    assert file.revision in file.url
