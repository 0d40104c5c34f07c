// Sorting, filtering, plots and sliders. Without this file every table, plot and sample is still there.
"use strict";

// Before the page is drawn, so that nothing moves once it is complete.
document.documentElement.className = "js";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

function make(name, attributes = {}, text = "") {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

// Tables: a heading sorts best first, then worst first, then back to groups. Rows without a value stay last.
function sortable(table) {
  const groups = all("tbody[data-group]", table);
  const home = new Map(groups.map((body) => [body, all("tr[data-key]", body)]));
  const rows = [...home.values()].flat();
  const headings = all("th[data-sort]", table);
  const column = (heading) => [...heading.parentNode.children].indexOf(heading);

  function restore() {
    for (const [body, members] of home) body.append(...members);
    for (const row of all("tr.group", table)) row.hidden = false;
  }

  function sort(heading, ascending) {
    const index = column(heading);
    const value = (row) => row.children[index].dataset.value;
    const valued = rows.filter((row) => value(row) !== undefined);
    valued.sort((a, b) => (ascending ? 1 : -1) * (Number(value(a)) - Number(value(b))));
    for (const body of groups) all("tr.group", body).forEach((row) => { row.hidden = true; });
    groups[0].append(...valued, ...rows.filter((row) => value(row) === undefined));
  }

  function press(heading) {
    const first = heading.dataset.better === "high" ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const next = { none: first, [first]: second, [second]: "none" }[heading.getAttribute("aria-sort")];
    for (const other of headings) show(other, "none");
    show(heading, next);
    if (next === "none") restore();
    else sort(heading, next === "ascending");
  }

  function show(heading, state) {
    heading.setAttribute("aria-sort", state);
    heading.querySelector(".sign").textContent = { none: "⇅", ascending: "▲", descending: "▼" }[state];
  }

  for (const heading of headings) {
    // The title, which leads to its definition, becomes the button; a small link leads there instead.
    const title = heading.querySelector(".head a");
    const unit = heading.querySelector(".unit");
    const name = title.textContent;
    const button = make("button", { type: "button", class: "sort", "aria-label": `Sort by ${name}` }, name);
    button.append(make("span", { class: "sign" }, "⇅"));
    Object.assign(heading.dataset, { title: name, unit: unit.textContent });
    title.replaceWith(button);
    unit.append(" ", make("a", { class: "means", href: title.getAttribute("href"), title: `What ${name} is`, "aria-label": `What ${name} is` }, "?"));
    heading.addEventListener("click", (event) => { if (!event.target.closest("a")) press(heading); });
  }
  return rows;
}

function filtered(table, rows) {
  const controls = document.querySelector("[data-controls]");
  const words = controls.querySelector("[data-filter]");
  const kinds = all("[data-kind]", controls);
  const count = controls.querySelector("[data-count]");
  const nothing = document.querySelector("[data-nothing]");
  const showNotes = columns(table, controls);

  function apply() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const off = new Set(kinds.filter((box) => !box.checked).map((box) => box.dataset.kind));
    for (const row of rows) {
      const name = row.dataset.name.toLowerCase();
      row.hidden = off.has(row.dataset.kind) || !wanted.every((word) => name.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden);
    const grouped = !all("th[data-sort]", table).some((heading) => heading.getAttribute("aria-sort") !== "none");
    for (const body of all("tbody[data-group]", table)) {
      for (const row of all("tr.group", body)) row.hidden = !grouped || !all("tr[data-key]", body).some((one) => !one.hidden);
    }
    count.textContent = `${shown.length} of ${rows.length} systems`;
    table.parentNode.hidden = !shown.length;
    const named = wanted.length ? ` “${words.value.trim()}”` : " the chosen kinds";
    nothing.textContent = shown.length ? "" : `No system matches${named}${wanted.length && off.size ? " among the chosen kinds" : ""}.`;
    showNotes();
  }

  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("input", apply);
  table.addEventListener("click", apply);
  apply();
}

// Columns: the default ones first, any on demand; footnotes without a visible reference are hidden, others renumbered.
function columns(table, controls) {
  const headings = all("thead tr:last-child th", table);
  const sections = all("th[data-section]", table).map((heading) => ({ heading, span: heading.colSpan }));
  const box = controls.querySelector("[data-columns]");
  const more = controls.querySelector("[data-more]");
  const hiding = new CSSStyleSheet();  // the site's policy allows no styles within a page
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, hiding];
  const boxes = headings.slice(1).map((heading) => {
    const label = make("label");
    const input = make("input", { type: "checkbox" });
    input.checked = !heading.classList.contains("more");
    label.append(input, ` ${heading.dataset.title ?? heading.textContent.trim()} ${heading.dataset.unit ?? ""}`.trimEnd());
    return { heading, input, label };
  });
  let start = 0;
  for (const { heading, span } of sections.length ? sections : [{ heading: null, span: boxes.length }]) {
    const set = make("fieldset");
    if (heading) set.append(make("legend", {}, heading.textContent));
    set.append(...boxes.slice(start, start + span).map((one) => one.label));
    box.append(set);
    start += span;
  }

  function showNotes() {
    let number = 0;
    for (const note of all(".notes li")) {
      const marks = all(`a[href="#${note.id}"]`, table);
      note.hidden = marks.length > 0 && !marks.some((mark) => mark.getClientRects().length);
      if (note.hidden) continue;
      note.value = ++number;
      for (const mark of marks) {
        mark.textContent = number;
        mark.setAttribute("aria-label", `footnote ${number}`);
      }
    }
  }

  function apply() {
    const off = boxes.flatMap((one, index) => (one.input.checked ? [] : [`table.results tr:not(.group, .sections) > :nth-child(${index + 2})`]));
    hiding.replaceSync(off.length ? `${off.join(", ")} { display: none; }` : "");
    table.classList.add("all");
    let first = 0;
    for (const { heading, span } of sections) {
      const shown = boxes.slice(first, first + span).filter((one) => one.input.checked).length;
      heading.hidden = !shown;
      heading.colSpan = shown || 1;
      first += span;
    }
    if (more) more.checked = boxes.every((one) => one.input.checked);
    table.style.setProperty("--first", `${headings[0].offsetWidth + 12}px`);
    showNotes();
  }

  if (more) more.addEventListener("change", () => {
    for (const { heading, input } of boxes) input.checked = more.checked || !heading.classList.contains("more");
    apply();
  });
  box.addEventListener("change", apply);
  apply();
  return showNotes;
}

// Tables wider than their box: a button above names the columns beyond the right edge, and scrolls to them.
function beyond(box) {
  const table = box.querySelector("table");
  const line = make("p", { class: "beyond" });
  const button = make("button", { type: "button" });
  line.append(button);
  box.before(line);

  function update() {
    line.hidden = box.hidden || box.scrollWidth <= box.clientWidth + 1;
    const edge = box.getBoundingClientRect().right + 1;
    const hidden = all("thead tr:last-child th", table).filter((heading) => heading.getClientRects().length && heading.getBoundingClientRect().right > edge);
    const names = hidden.map((heading) => heading.dataset.title ?? heading.textContent.trim());
    const rest = names.length > 4 ? ` and ${names.length - 3} more` : "";
    button.textContent = `To the right: ${names.slice(0, rest ? 3 : 4).join(", ")}${rest} →`;
    line.classList.toggle("end", !names.length);
    box.classList.toggle("more-right", !line.hidden && names.length > 0);
  }

  button.addEventListener("click", () => { box.scrollBy({ left: 0.7 * box.clientWidth }); box.focus({ preventScroll: true }); });
  box.addEventListener("scroll", update, { passive: true });
  const sizes = new ResizeObserver(update);
  sizes.observe(box);
  sizes.observe(table);
  update();
}

// Plots: one metric at a time; arrow keys move between marks; a mark and its row highlight each other.
function family(box) {
  const charts = all(".chart", box);
  const choose = (name) => charts.forEach((chart) => { chart.hidden = chart.dataset.choice !== name; });
  if (charts.length > 1) {
    const select = make("select");
    for (const chart of charts) select.append(make("option", { value: chart.dataset.choice }, chart.dataset.choice));
    const label = make("label", {}, "Metric ");
    label.append(select);
    box.querySelector("h3").append(label);
    select.addEventListener("change", () => choose(select.value));
  }
  choose(charts[0].dataset.choice);
  charts.forEach(marks);
}

// Panels of curves: those whose system is named.
function panels(form) {
  const words = form.querySelector("input");
  const section = form.closest("section");
  const charts = all(".chart", section);
  const count = form.querySelector("output");
  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const panel of all(".panel", section)) {
      panel.hidden = !wanted.every((word) => panel.dataset.name.toLowerCase().includes(word));
    }
    for (const group of all(".panels", section)) {
      group.previousElementSibling.hidden = !all(".panel", group).some((panel) => !panel.hidden);
    }
    const first = all(".panel", charts.find((chart) => !chart.hidden));
    count.textContent = `${first.filter((panel) => !panel.hidden).length} of ${first.length} systems`;
  };
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", apply);
  section.addEventListener("change", apply);
  apply();
}

function marks(chart) {
  const tip = chart.querySelector("[data-readout]");
  for (const sheet of all("svg.plot", chart)) {
    const across = (point) => point.querySelector(".hit").cx.baseVal.value;
    const points = all(".point", sheet).sort((a, b) => across(a) - across(b));
    points.forEach((point, index) => {
      point.setAttribute("tabindex", index ? "-1" : "0");
      // Its words are read aloud and shown above it; the browser's tooltip would repeat them.
      const words = point.querySelector("title");
      point.setAttribute("aria-label", words.textContent);
      words.remove();
      point.addEventListener("keydown", (event) => {
        if (event.key === "Escape") tip.hidden = true;
        const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const next = points[(index + step + points.length) % points.length];
        points.forEach((other) => other.setAttribute("tabindex", other === next ? "0" : "-1"));
        next.focus();
      });
      // A finger cannot hover: the first tap shows the words, the second follows the link.
      let read = false;
      point.addEventListener("pointerdown", (event) => { read = event.pointerType !== "touch" || (!tip.hidden && tip.dataset.of === point.dataset.key); });
      point.addEventListener("click", (event) => { if (event.detail && !read) { event.preventDefault(); describe(tip, point); } });
      for (const [on, off] of [["mouseenter", "mouseleave"], ["focus", "blur"]]) {
        point.addEventListener(on, () => describe(tip, point));
        point.addEventListener(off, () => { tip.hidden = true; light(point.dataset.key, false); });
      }
    });
  }
}

// The words of a mark above it, or below where there is no room, and never beyond the plot's sides.
function describe(tip, point) {
  const { name } = point.dataset;
  const rest = point.getAttribute("aria-label").slice(name.length + 2);
  tip.replaceChildren(make("b", {}, name), ...rest.split(/, |; /).map((line) => make("span", {}, line)));
  tip.dataset.of = point.dataset.key;
  tip.hidden = false;
  const area = tip.parentNode.getBoundingClientRect();
  const mark = point.querySelector(".hit").getBoundingClientRect();
  const middle = (mark.left + mark.right) / 2 - area.left - tip.offsetWidth / 2;
  tip.style.left = `${Math.max(0, Math.min(middle, area.width - tip.offsetWidth))}px`;
  const above = mark.top - area.top - tip.offsetHeight;
  tip.style.top = `${above >= 0 ? above : mark.bottom - area.top}px`;
  light(point.dataset.key, true);
}

function light(key, on) {
  for (const element of all("[data-key]")) if (element.dataset.key === key) element.classList.toggle("lit", on);
}

// Originals and reconstructions: one over the other, with a slider between them.
function compare(box) {
  const bar = make("span", { class: "bar" });
  const slider = make("input", { type: "range", min: "0", max: "100", value: "50", "aria-label": `Original to the left of here, ${box.dataset.name} to the right` });
  const set = (percent) => {
    slider.value = String(Math.min(100, Math.max(0, percent)));
    slider.setAttribute("aria-valuetext", `${Math.round(slider.value)} percent original`);
    box.style.setProperty("--at", `${slider.value}%`);
  };
  const drag = (event) => {
    if (event.target === slider || (event.type === "pointermove" && !event.buttons)) return;
    const area = box.querySelector("img").getBoundingClientRect();
    set((100 * (event.clientX - area.left)) / area.width);
  };
  box.append(bar, slider);
  slider.addEventListener("input", () => set(Number(slider.value)));
  box.addEventListener("pointerdown", drag);
  box.addEventListener("pointermove", drag);
  all("img", box).forEach((image) => { image.draggable = false; });
  set(50);
}

// The gallery of a table: any system against the original.
function bench(box) {
  const sides = all("figure[data-side]", box.closest(".looking"));
  const original = sides.find((side) => !side.dataset.side);
  const systems = sides.filter((side) => side.dataset.side);
  const label = make("label", {}, "Original and ");
  const select = make("select");
  systems.forEach((side, index) => select.append(make("option", { value: index }, side.dataset.side)));
  label.append(select);
  const show = () => {
    const chosen = systems[Number(select.value)];
    const pair = make("div", { class: "compare", "data-name": chosen.dataset.side });
    for (const [side, name] of [[original, "original"], [chosen, chosen.dataset.side]]) {
      const figure = make("figure");
      figure.append(side.querySelector("img").cloneNode(), make("figcaption", {}, name));
      pair.append(figure);
    }
    box.replaceChildren(label, pair);
    compare(pair);
  };
  select.addEventListener("change", () => { show(); select.focus(); });
  show();
}

document.addEventListener("DOMContentLoaded", () => {
  for (const table of all("table[data-results]")) filtered(table, sortable(table));
  all(".scroll").forEach(beyond);
  all("[data-family]").forEach(family);
  all("form[data-panels]").forEach(panels);
  all("[data-compare]").forEach(compare);
  all("[data-bench]").forEach(bench);
  for (const row of all("table[data-results] tr[data-key]")) {
    row.addEventListener("mouseenter", () => light(row.dataset.key, true));
    row.addEventListener("mouseleave", () => light(row.dataset.key, false));
  }
});
