"""The site for those who do not see it, see little of it or use no pointer: WCAG, as far as it can be computed."""

from __future__ import annotations

from pathlib import Path

import pytest
from site_parts import ALL_PAGES, IMAGES

CHECK = (Path(__file__).parent / "accessibility.js").read_text(encoding="utf-8").partition("\n")[2]


@pytest.mark.parametrize("pattern", ALL_PAGES)
def test_names_headings_and_contrast(visit, pattern):
    page = visit(pattern)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, ground[4:-1].split(","))) < 60) == (scheme == "dark")
        assert page.evaluate(CHECK) == []


@pytest.mark.parametrize(
    ("markup", "complaint"),
    [
        ('<img src="assets/icon.svg">', "picture without words"),
        ("<button></button>", "no name"),
        ("<th data-sort>x</th>", "sorts without saying how"),
        ("<table></table>", "no caption"),
        ("<h1>Twice</h1>", "not one first heading"),
        ("<h2>Then</h2><h4>deeper</h4>", "leaves out a level"),
        ('<p style="color: #888">Faint</p>', "contrast 3"),
        ('<p aria-describedby="nowhere">Odd</p>', "refers to nothing"),
        ('<svg class="plot"><path class="bars" d="M0 0H9" style="stroke: #bbb"/></svg>', "contrast 1.8"),
        ('<svg class="plot"><path class="bars" d="M0 0H9" style="stroke: #000; opacity: .3"/></svg>', "contrast 2"),
    ],
)
def test_what_is_wrong_is_seen(visit, markup, complaint):
    page = visit("index.html", color_scheme="light", bypass_csp=True)
    tag = "table" if markup.startswith("<th") else "div"
    put = """([tag, markup]) => document.querySelector("main").append(
               Object.assign(document.createElement(tag), { innerHTML: markup }))"""
    page.evaluate(put, [tag, markup])
    assert any(complaint in found for found in page.evaluate(CHECK))


def test_whatever_has_the_focus_shows_it(visit):
    page = visit(IMAGES)
    page.get_by_text("Columns", exact=True).click()
    stops = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        told = page.evaluate(
            """() => { const on = document.activeElement; if (on === document.body) return null;
                 const style = getComputedStyle(on), hit = on.querySelector?.(".hit");
                 const seen = hit ? getComputedStyle(hit).strokeWidth === "2px"
                                  : style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
                 return [on.tagName.toLowerCase(), seen, on.outerHTML.slice(0, 100)]; }"""
        )
        if told is None:
            break
        assert told[1], told[2]
        stops.add(told[0])
    assert stops >= {"a", "button", "input", "select", "summary", "div"}
