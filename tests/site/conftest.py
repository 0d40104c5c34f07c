"""A site made of results by hand, and a browser that may read files and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from site_parts import write_runs

from bench.commands.publish import publish


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site."""
    folder = tmp_path_factory.mktemp("publish")
    assert publish(tuple(write_runs(folder)), folder / "site") == 0
    return folder / "site"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; without it these tests are skipped, but not where BENCH_BROWSER=required (tox, CI)."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        reason = "needs Chromium: apt-get install chromium"
        if os.environ.get("BENCH_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, site: Path) -> Iterator[Callable[..., Page]]:
    """Open a page of the site by a pattern of its path; any request but for a file, dialog or error fails the test.

    What the page's policy does not allow is an error in the console.
    """
    contexts, wrong = [], []

    def visit(pattern: str, **options: Any) -> Page:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(5000)
        page.on("request", lambda request: wrong.append(request.url) if _outside(request.url, site) else None)
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))  # type: ignore[call-overload, func-returns-value]
        (file,) = site.glob(pattern)
        page.goto(file.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not wrong


def _outside(url: str, site: Path) -> bool:
    return not url.startswith(f"{site.as_uri()}/")
