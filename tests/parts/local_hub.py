"""A local hub with one repository, and a client that uses only it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest

from bench.machine.canonical import sha256_file
from bench.tokenizers import checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def empty_cache(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the hub's client use a separate cache and the network."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(checkpoint, "_unreachable", {})


def use(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Point the hub's client at an address."""
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a hub whose only repository, ``me/tiny``, has the files of a folder; return its address."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path in ("/api/models/me/tiny", *(f"/api/models/me/tiny/revision/{name}" for name in ("main", COMMIT))):
                siblings = [{"rfilename": name} for name in files]
                self.answer(json.dumps({"id": "me/tiny", "sha": COMMIT, "siblings": siblings}).encode())
            elif path == f"/api/models/me/tiny/tree/{COMMIT}":
                entries = [{"type": "file", "path": n, "size": f.stat().st_size, "oid": n} for n, f in files.items()]
                self.answer(json.dumps(entries).encode())
            elif (name := path.removeprefix(f"/me/tiny/resolve/{COMMIT}/")) in files:
                self.answer(files[name].read_bytes(), ETag=f'"{sha256_file(files[name])}"')
            else:
                self.answer(b"{}", 404, **{"X-Error-Code": "RepoNotFound"})

        def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT, **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
