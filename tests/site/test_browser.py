"""The site as people use it: in a browser, from files, by pointer and by keyboard, on a phone, without JavaScript."""

from __future__ import annotations

import io
import re
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from threading import Thread

import numpy as np
import pytest
from collapse_parts import RUN as STUDIED
from collapse_parts import STUDY
from PIL import Image
from playwright.sync_api import expect
from site_parts import ALL_PAGES, IMAGES, NAMES, PUBLISHED, SCRIPT

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


def names(page):
    return page.locator("table[data-results] tr[data-key]:visible th > a").all_inner_texts()


def test_sorting_is_best_first_then_worst_first_then_as_it_was(visit):
    page = visit(IMAGES)
    before = names(page)
    heading = page.locator("th[data-sort]", has_text="SSIM")
    button = page.get_by_role("button", name="Sort by SSIM")
    expect(heading).to_have_attribute("aria-sort", "none")
    button.click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    best_first = ["kl", "jpeg", SCRIPT, "vq", "rvq", "fsq@8"]
    assert names(page) == [*best_first, "lost"]
    expect(page.locator("tr.group:visible")).to_have_count(0)
    button.focus()
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert names(page)[:6] == best_first[::-1]
    page.get_by_role("button", name="Sort by Encode").click()
    expect(heading).to_have_attribute("aria-sort", "none")
    page.get_by_role("button", name="Sort by Encode").click()
    page.get_by_role("button", name="Sort by Encode").click()
    assert names(page) == before
    expect(page.locator("tr.group:visible")).to_have_count(3)


def test_the_whole_name_of_a_column_sorts_and_its_definition_is_beside_it(visit):
    page = visit(IMAGES)
    heading = page.locator("th[data-sort]", has_text="SSIM")
    heading.get_by_text("SSIM").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert "#" not in page.url
    heading.get_by_role("link", name="What SSIM is").click()
    assert page.url.endswith("#def-image-recon")  # the metrics of this protocol give no SSIM, so the task does
    expect(heading).to_have_attribute("aria-sort", "descending")


def test_footnotes_that_are_shown_are_counted_without_gaps(visit):
    page = visit(IMAGES)
    for words in ("", "lost", "kl"):
        page.get_by_label("Filter").fill(words)
        shown = page.locator(".notes li:visible").evaluate_all("notes => notes.map(note => [note.value, note.id])")
        assert [number for number, _ in shown] == list(range(1, len(shown) + 1))
        for number, note in shown:
            marks = page.locator(f"table[data-results] a[href='#{note}']:visible")
            assert {mark.strip() for mark in marks.all_inner_texts()} <= {str(number)}


def test_what_is_lower_is_sorted_lowest_first(visit):
    page = visit(PUBLISHED)
    page.get_by_role("button", name="Sort by rFID").click()
    assert names(page) == ["best", "llamagen-vq-ds16"]


def test_filtering_by_name_and_kind(visit):
    page = visit(IMAGES)
    page.get_by_label("Filter").fill("VQ")
    assert names(page) == ["rvq", "vq"]
    expect(page.locator("[data-count]")).to_have_text("2 of 7 systems")
    expect(page.locator("#note-1")).to_be_hidden()  # nothing lacks a value any more
    page.get_by_label("Filter").fill("")
    expect(page.locator("#note-1")).to_be_visible()
    page.get_by_label("Discrete tokenizers").uncheck()
    assert set(names(page)) & set(NAMES) == set()
    page.get_by_label("Continuous tokenizers").uncheck()
    assert names(page)[0] == "jpeg"
    expect(page.locator("th.more")).to_be_hidden()
    page.get_by_label("All metrics").check()
    expect(page.get_by_role("columnheader", name="IS higher is better")).to_be_visible()


def test_a_name_stays_text(visit):
    """Everywhere it is: no element of it, and the fixture fails the test on a dialog."""
    for pattern in (IMAGES, "index.html", "gallery/image-recon*.html", "systems/*script*.html"):
        page = visit(pattern)
        assert page.locator("script:not([src])").count() == 0
        if pattern != "index.html":
            assert SCRIPT in page.locator("main").inner_text()


def test_the_slider_moves_the_edge_by_keyboard_and_pointer(visit):
    page = visit("systems/vq-*.html")
    box = page.locator("[data-compare]").first
    slider = box.get_by_role("slider")
    edge = "element => getComputedStyle(element).clipPath"
    over = box.locator("figure").nth(1)
    assert over.evaluate(edge) == "inset(0px 0px 0px 50%)"
    slider.focus()
    page.keyboard.press("Home")
    assert over.evaluate(edge) == "inset(0px 0px 0px 0%)"
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "1 percent original"
    area = box.locator("img").first.bounding_box()
    page.mouse.click(area["x"] + area["width"] * 0.75, area["y"] + 30)
    assert float(slider.input_value()) == pytest.approx(75, abs=1)


def test_worst_and_median_of_the_kept_samples_come_first(visit):
    page = visit("systems/vq-*.html")
    told = page.locator(".kept .what").all_inner_texts()
    assert [text.split()[0] for text in told] == ["photo-1", "photo-3", "photo-5"]
    assert "worst of the kept samples; 2nd of all 6 samples" in told[0]
    assert "median of the kept samples; 3rd of all 6 samples" in told[1]


def test_any_system_against_the_original(visit):
    page = visit("gallery/image-recon*.html")
    box = page.locator("[data-bench]").first
    box.get_by_role("combobox").select_option(label="rvq")
    shown = box.locator("img").nth(1).get_attribute("src")
    assert shown == page.locator("figure[data-side=rvq] img").first.get_attribute("src")
    assert box.locator("img").nth(1).evaluate("image => image.decode().then(() => image.naturalWidth)") == 64


def test_sound_plays_and_is_seen(visit):
    page = visit("systems/opus-*.html")
    expect(page.get_by_role("img", name="Spectrogram of prompt, original")).to_be_visible()
    player = page.locator("audio").first
    seconds = player.evaluate(
        """async audio => { audio.muted = true; audio.currentTime = 0; await audio.play();
           await new Promise(done => audio.addEventListener("ended", done));
           return audio.duration; }"""
    )
    assert seconds == pytest.approx(0.5)


def test_plots_by_keyboard(visit):
    page = visit(IMAGES)
    chart = page.locator(".chart:visible").first
    points = chart.locator("svg:visible .point")
    expect(points).to_have_count(5)  # kl has no rate
    assert "kl" in chart.inner_text()
    assert points.evaluate_all("points => points.filter(point => point.tabIndex === 0).length") == 1
    chart.locator("svg:visible .point[tabindex='0']").focus()
    expect(chart.locator("[data-readout]")).to_contain_text(SCRIPT)
    page.keyboard.press("ArrowRight")
    expect(chart.locator("[data-readout] > *")).to_have_text(
        ["vq", "PSNR 22.00 ± 0.50 dB", "bpp 0.20", "on the frontier"]
    )
    expect(page.locator("table[data-results] tr.lit th")).to_have_text("vq")
    page.keyboard.press("Escape")
    expect(chart.locator("[data-readout]")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("vq")


def test_one_metric_of_a_plot_at_a_time(visit):
    page = visit(IMAGES)
    family = page.locator("[data-family]").first
    expect(family.locator(".chart:visible")).to_have_count(1)
    family.get_by_label("Metric").select_option("SSIM")
    expect(family.locator(".chart:visible title").first).to_have_text("SSIM against bpp")


def test_curves_of_the_systems_that_are_named(visit):
    """One value at a time; without a panel left, a group has no heading either."""
    page = visit(STUDY)
    section = page.locator("section[aria-labelledby=trainings]")
    panels = section.locator(".panel:visible")
    expect(section.locator(".chart:visible")).to_have_count(1)
    assert panels.count() == len([used for _, used in STUDIED if used])
    section.get_by_label("Systems").fill("remedy")
    expect(panels).to_have_count(2)
    expect(section.locator("h4:visible")).to_have_count(2)
    expect(section.locator("output")).to_have_text("2 of 5 systems")
    section.get_by_label("Metric").select_option("Loss")
    expect(panels).to_have_count(2)
    section.get_by_label("Systems").fill("continuous")
    expect(section.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("^Loss of trained-continuous, mean of 3")
    )
    verdict = page.locator("table.claims tr", has_text="online-clustering").locator(".verdict")
    expect(verdict).to_have_text("confirmed")


def test_reported_rows_stay_apart(visit):
    page = visit(PUBLISHED)
    reported = page.locator("tbody.reported tr:not(.group)")
    expect(reported).to_have_count(3)
    expect(reported.first).to_contain_text("reported")
    expect(reported.first).to_contain_text("2.19 [+0.060]")
    page.get_by_role("button", name="Sort by rFID").click()
    assert page.locator("table[data-results] tbody").last.get_attribute("class") == "reported"
    expect(reported).to_have_count(3)
    assert "LlamaGen VQ" not in page.locator("#downloads").inner_text()


@pytest.mark.parametrize("pattern", ALL_PAGES)
def test_on_a_phone_the_page_does_not_scroll_sideways(visit, pattern):
    page = visit(pattern, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_long_name_is_broken_on_a_phone(visit):
    """Such as that of a class in a file deep in folders."""
    page = visit("systems/vq-*.html", **PHONE)
    page.evaluate("document.querySelector('header.top nav > :last-child').textContent = 'name'.repeat(50)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def until(page, condition: str) -> None:
    """Wait until a condition holds, at most 10 s. The browser's own waiting evaluates text in the page, which its
    policy forbids, unless the condition holds at once."""
    deadline = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def test_what_is_beyond_the_edge_of_a_table_is_told_and_reached_by_pointer_and_keyboard(visit):
    page = visit(IMAGES, **PHONE)
    box = page.get_by_role("region", name="Results, scrolls sideways")
    told = page.locator(".beyond button").first
    expect(told).to_have_text(re.compile("To the right: .*SSIM.* →"))
    name = page.locator("tr[data-key]:visible th").first
    told.click()
    expect(box).to_be_focused()
    until(page, "document.querySelector('.scroll').scrollLeft > 100")
    assert abs(name.bounding_box()["x"] - box.bounding_box()["x"]) < 1  # the names stay
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    until(page, "(box => box.scrollLeft + box.clientWidth >= box.scrollWidth - 1)(document.querySelector('.scroll'))")
    expect(told).to_be_hidden()
    page.set_viewport_size({"width": 1400, "height": 800})
    expect(told).to_be_hidden()  # everything is there


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("script", [True, False])
def test_a_shade_lies_at_the_edge_behind_which_there_is_more(visit, scheme, script):
    """As pixels, since it is a matter of what covers what: there at first, gone at the end."""
    page = visit(IMAGES, **PHONE, color_scheme=scheme, java_script_enabled=script)
    box = page.locator(".scroll").first
    area = box.bounding_box()

    def edge() -> int:
        clip = {"x": area["x"] + area["width"] - 2, "y": area["y"] + 5, "width": 2, "height": 10}
        with Image.open(io.BytesIO(page.screenshot(clip=clip, full_page=True))) as picture:
            return int(np.asarray(picture.convert("L")).astype(int).mean())

    before = edge()
    box.evaluate("box => { box.scrollTo({ left: box.scrollWidth, behavior: 'instant' }); }")
    assert abs(before - edge()) > 25


def test_without_javascript_everything_is_there(visit):
    page = visit(IMAGES, java_script_enabled=False)
    expect(page.locator("[data-controls]")).to_be_hidden()
    expect(page.locator("table[data-results] tr[data-key]")).to_have_count(7)
    assert page.locator("table[data-results] td:visible").count() == page.locator("table[data-results] td").count()
    assert page.locator(".chart:visible").count() == page.locator(".chart").count() > 2
    page = visit("systems/vq-*.html", java_script_enabled=False)
    left, right = (page.locator(".compare").first.locator("img").nth(i).bounding_box() for i in (0, 1))
    assert left["x"] + left["width"] <= right["x"]


def test_a_filter_without_hits_says_so(visit):
    page = visit(IMAGES)
    page.get_by_label("Filter").fill("no such")
    expect(page.locator("[data-nothing]")).to_have_text("No system matches “no such”.")
    expect(page.locator("table[data-results]")).to_be_hidden()
    page.get_by_label("Codecs").uncheck()
    page.get_by_label("Filter").fill("jpeg")
    expect(page.locator("[data-nothing]")).to_have_text("No system matches “jpeg” among the chosen kinds.")
    page.get_by_label("Codecs").check()
    expect(page.locator("[data-nothing]")).to_be_empty()
    assert names(page) == ["jpeg"]


def test_any_columns_may_be_chosen(visit):
    page = visit(IMAGES)

    def choice(name):
        return page.get_by_role("checkbox", name=name, exact=True)

    quality = page.locator("th[data-section]", has_text="Quality")
    expect(quality).to_have_attribute("colspan", "2")
    page.get_by_text("Columns", exact=True).click()
    choice("SSIM").uncheck()
    expect(page.locator("table[data-results] th", has_text="SSIM")).to_be_hidden()
    expect(quality).to_have_attribute("colspan", "1")
    choice("IS").check()
    expect(page.get_by_role("columnheader", name="IS higher is better")).to_be_visible()
    row = page.locator("tr[data-key]", has_text="vq").first.locator("> :visible")
    assert row.count() == page.locator("thead tr").last.locator("> :visible").count()
    choice("PSNR (dB)").uncheck()
    choice("IS").uncheck()
    expect(quality).to_be_hidden()


def test_a_finger_reads_before_it_follows(visit):
    page = visit(IMAGES, **PHONE)
    chart = page.locator(".chart:visible").first
    expect(chart.locator("svg.wide")).to_be_hidden()
    point = chart.locator("svg:visible .point", has=page.locator("circle.mark")).last
    point.locator(".hit").tap()
    tip = chart.locator("[data-readout]")
    expect(tip.locator("b")).to_have_text(point.get_attribute("data-name"))
    box = tip.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["viewport"]["width"]  # type: ignore[index]
    point.locator(".hit").tap()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("image-recon")


@pytest.mark.parametrize("options", [{}, PHONE], ids=["wide", "narrow"])
def test_letters_of_plots_do_not_touch(visit, options):
    """As the browser draws them, not as they were planned."""
    page = visit(IMAGES, **options)
    for boxes in page.locator("svg.plot:visible").evaluate_all(
        """sheets => sheets.map(sheet => [...sheet.querySelectorAll("text.label")].map(label => {
             const box = label.getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom]; }))"""
    ):
        assert len(boxes) > 1
        assert all(left >= 0 and right <= page.viewport_size["width"] for left, _, right, _ in boxes)
        for one, other in combinations(boxes, 2):
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] - 3 <= other[1] or other[3] - 3 <= one[1]
            assert apart, (one, other)


MAKE = "Object.assign(document.createElement"
BREAKS = {
    "script-src-elem": f"document.head.append({MAKE}('script'), {{textContent: 'broken = 1'}}))",
    "script-src-attr": "document.body.setAttribute('onclick', 'broken = 1')",
    "style-src-attr": "document.body.setAttribute('style', 'color: red')",
    "style-src-elem": f"document.head.append({MAKE}('style'), {{textContent: 'p {{}}'}}))",
    "img-src": "document.body.append(Object.assign(new Image(), {src: 'data:image/gif;base64,R0lGODlhAQABAAAAACw='}))",
    "connect-src": "fetch('https://example.org').catch(() => 0)",
}


@pytest.mark.parametrize("directive", BREAKS)
@pytest.mark.parametrize("served", [False, True])
def test_the_policy_is_in_force_from_files_and_from_a_server(browser, site, directive, served):
    """And what the site itself does is allowed by both: its script has run."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page()
    try:
        (file,) = site.glob(IMAGES)
        address = f"http://127.0.0.1:{server.server_port}/{file.relative_to(site)}" if served else file.as_uri()
        page.goto(address)
        expect(page.get_by_role("button", name="Sort by SSIM")).to_be_visible()
        told = page.evaluate(
            f"""() => new Promise(resolve => {{
                  document.addEventListener("securitypolicyviolation", event => resolve(event.effectiveDirective));
                  {BREAKS[directive]}; setTimeout(() => resolve("nothing"), 2000); }})"""
        )
        assert told == directive
        assert page.evaluate("typeof broken") == "undefined"
    finally:
        page.close()
        server.shutdown()
        server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    """A server that says nothing."""

    def log_message(self, *_: object) -> None:
        pass


def test_differences_to_a_row_of_ones_choice(visit):
    page = visit(IMAGES)
    cell = page.locator("tr[data-name='rvq'] td").first
    own = cell.inner_text()
    page.get_by_label("Relative to").select_option(label="vq")
    assert cell.inner_text().split() == ["+2.00", "±", "0.74"]
    assert page.locator("tr[data-name='vq'] td").first.inner_text().split() == ["22.00", "±", "0.50"]
    expect(page.locator("[data-relative-note]")).to_contain_text("difference from vq over the samples")
    expect(page.locator("th[data-differs]").first).to_contain_text("PSNR")
    page.get_by_label("Relative to").select_option(label="nothing")
    assert cell.inner_text() == own
    expect(page.locator("[data-relative-note]")).to_be_hidden()
