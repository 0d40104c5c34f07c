// Differences to a row that the reader chooses, in place of the values. The page contains their texts.
"use strict";

function relative(table) {
  const controls = document.querySelector("[data-controls]");
  const choices = JSON.parse(table.dataset.relative);
  const note = document.querySelector("[data-relative-note]");
  const headings = [...table.querySelectorAll("thead tr:last-child th")];
  const rows = [...table.querySelectorAll("tr[data-key]")];
  const spans = (row, index) => ["number", "spread"].map((name) => row.children[index + 1].querySelector(`.${name}`));
  const values = new Map();

  function write(row, index, texts) {
    const [number, spread] = spans(row, index);
    const [value, uncertainty] = [texts[0], texts[1] && ` ${texts[1]}`];
    for (const span of [number, spread]) if (span) values.set(span, span.textContent);
    number.textContent = spread ? value : value + uncertainty;
    if (spread) spread.textContent = uncertainty;
  }

  function show(choice) {
    for (const [span, text] of values) span.textContent = text;
    values.clear();
    headings.forEach((heading, index) => heading.toggleAttribute("data-differs", Boolean(choice?.columns[index - 1])));
    for (const row of rows) {
      row.toggleAttribute("data-reference", row.dataset.key === choice?.key);
      for (const [index, texts] of Object.entries(choice?.columns ?? {})) {
        if (texts[row.dataset.key]) write(row, Number(index), texts[row.dataset.key]);
      }
    }
    note.hidden = !choice;
    note.textContent = choice ? `Δ: difference from ${choice.name} over the samples that the rows share, ± half of the paired 95% interval; its row shows its values.` : "";
  }

  const select = document.createElement("select");
  for (const [index, name] of [["", "nothing"], ...choices.map((choice, index) => [index, choice.name])]) {
    const option = document.createElement("option");
    option.value = index;
    option.textContent = name;
    select.append(option);
  }
  const label = document.createElement("label");
  label.append("Relative to ", select);
  select.addEventListener("change", () => show(select.value === "" ? null : choices[Number(select.value)]));
  controls.insertBefore(label, controls.querySelector("output"));
}

document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table[data-relative]")) relative(table);
});
