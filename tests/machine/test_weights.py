"""Weights: verified or refused, fetched once, found out in seconds when there is no network."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.errors import BenchError, Unavailable, UnknownName
from bench.machine.weights import FILES, WeightStore, cache_dir, fetch

CONTENT = b"weights" * 1000


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return cache_dir() / "weights"


@pytest.fixture
def server(tmp_path) -> Iterator[str]:
    """A real web server that has ``file``."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file").write_bytes(CONTENT)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}/file"
        web.shutdown()


def published(url: str, content: bytes = CONTENT):
    return replace(FILES["alexnet"], url=url, sha256=hashlib.sha256(content).hexdigest())


def test_a_file_is_fetched_and_verified(server, cache):
    seen: list[tuple[int, int]] = []
    path = fetch(published(server), lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert path.parent == cache
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_another_file_than_the_published_one_is_not_kept(server, cache):
    with pytest.raises(BenchError, match="not kept"):
        fetch(published(server, b"other"))
    assert list(cache.iterdir()) == []


def test_another_file_than_the_published_one_is_a_missing_one(server, cache, monkeypatch):
    """Metrics of other weights are measured nevertheless."""
    monkeypatch.setitem(FILES, "alexnet", published(server, b"other"))
    found = WeightStore().resolve(["alexnet", "efficientnet-lite0"])
    assert "not kept" in str(found["alexnet"])
    assert isinstance(found["efficientnet-lite0"], Path)


def test_the_cache_and_torchs_hub_are_searched_and_verified(cache, monkeypatch, tmp_path):
    file = published("")
    monkeypatch.setitem(FILES, "alexnet", file)
    store = WeightStore(offline=True)
    hub = tmp_path / "torch" / "hub" / "checkpoints" / file.filename
    hub.parent.mkdir(parents=True)
    hub.write_bytes(b"damaged")
    assert store.present("alexnet") is None
    hub.write_bytes(CONTENT)
    assert store.present("alexnet") == hub
    cache.mkdir(parents=True)
    (cache / file.filename).write_bytes(CONTENT)
    assert store.path("alexnet") == cache / file.filename


def test_a_missing_file_says_what_fetches_it_and_offline_tries_nothing():
    with pytest.raises(Unavailable, match=r"and offline; .*\); run: bench fetch vgg16$"):
        WeightStore(offline=True).path("vgg16")


def test_no_network_is_found_out_once(monkeypatch):
    for name in ("alexnet", "vgg16"):
        monkeypatch.setitem(FILES, name, replace(FILES[name], url="http://127.0.0.1:9/file"))
    store = WeightStore()
    start = time.monotonic()
    found = store.resolve(["alexnet", "vgg16"])
    assert time.monotonic() - start < 6
    for name in ("alexnet", "vgg16"):
        assert f"weights {name} are missing (not in the cache, and cannot be fetched" in str(found[name])
        assert f"run: bench fetch {name}" in str(found[name])


def test_a_file_at_hand_brings_its_own_hash(tmp_path):
    own = tmp_path / "own.pth"
    own.write_bytes(CONTENT)
    store = WeightStore({"alexnet": own}, offline=True)
    assert store.path("alexnet") == own
    assert store.sha256("alexnet") == hashlib.sha256(CONTENT).hexdigest()
    assert store.sha256("vgg16") == FILES["vgg16"].sha256


def test_files_of_a_tokenizer_are_fetched_and_replaced_under_its_name(tmp_path):
    with pytest.raises(Unavailable, match=r"taef2=FOLDER uses a local file\); run: bench fetch taef2$"):
        WeightStore(offline=True).path("taef2-decoder")
    with pytest.raises(BenchError, match=r"--weights taef2-decoder: a file of the tokenizer taef2; .*taef2=FOLDER"):
        WeightStore({"taef2-decoder": tmp_path})


def test_a_wrong_name_gets_the_near_one(tmp_path):
    with pytest.raises(UnknownName, match="did you mean vgg16"):
        WeightStore({"vgg": tmp_path})


def test_the_packaged_weights_are_the_published_ones():
    assert WeightStore(offline=True).present("efficientnet-lite0") is not None
