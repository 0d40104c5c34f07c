// What is wrong with a page for those who do not see it, see little of it, or use no pointer: a list of sentences.
() => {
  const wrong = [];
  const say = (element, what) => wrong.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)];

  function name(element) {
    const by = (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent).join(" ");
    const label = element.labels?.[0]?.textContent ?? "";
    return (element.getAttribute("aria-label") ?? by ?? "").trim() || label.trim() || element.textContent.trim() || (element.querySelector("img")?.alt ?? "");
  }

  if (!document.documentElement.lang || !document.title) wrong.push("the page has no language or no title");
  for (const image of all("img")) if (!image.alt) say(image, "picture without words");
  for (const one of all("a[href], button, input, select, audio, [tabindex='0'], summary")) if (shown(one) && !name(one)) say(one, "no name");
  for (const one of all("th[data-sort]")) if (!one.getAttribute("aria-sort")) say(one, "sorts without saying how");
  for (const table of all("table")) if (!table.caption) say(table, "no caption");
  for (const one of all("[aria-labelledby], [aria-describedby]")) {
    const ids = `${one.getAttribute("aria-labelledby") ?? ""} ${one.getAttribute("aria-describedby") ?? ""}`.split(" ").filter(Boolean);
    if (!ids.every((id) => document.getElementById(id))) say(one, "refers to nothing");
  }
  const levels = all("h1, h2, h3, h4").filter(shown).map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) wrong.push("not one first heading");
  levels.forEach((level, index) => { if (level > (levels[index - 1] ?? 0) + 1) wrong.push(`heading ${index} leaves out a level`); });

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  function rgba(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return { levels: [red, green, blue], alpha: alpha / 255 };
  }
  function luminance(levels) {
    const linear = levels.map((level) => level / 255).map((level) => (level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  }
  function ground(element) {
    for (let one = element; one; one = one.parentElement) {
      const { levels, alpha } = rgba(getComputedStyle(one).backgroundColor);
      if (alpha === 1) return levels;
    }
    return [255, 255, 255];
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    // What stands on a picture has a ground of its own that no style tells.
    if (!walker.currentNode.data.trim() || seen.has(element) || !shown(element) || element.closest(".unseen, .spectrogram, .compare figcaption, .skip, option")) continue;
    seen.add(element);
    const style = getComputedStyle(element);
    const ink = rgba(element.closest("svg") && !element.closest("span.key") ? style.fill : style.color);
    const below = ground(element);
    const [light, dark] = [luminance(ink.levels), luminance(below)].sort((one, other) => other - one);
    const large = parseFloat(style.fontSize) >= 24;
    const contrast = (light + 0.05) / (dark + 0.05);
    if (ink.alpha < 1 || contrast < (large ? 3 : 4.5)) say(element, `contrast ${contrast.toFixed(2)}`);
  }
  // What a plot says without letters: lines, bars and the edges of marks.
  for (const line of all(".plot :is(.bars, .frontier, .mark, .axis, .tick, .lead)")) {
    if (!shown(line)) continue;
    const style = getComputedStyle(line);
    const { levels, alpha } = rgba(style.stroke);
    const below = ground(line);
    const part = alpha * parseFloat(style.opacity);
    const seen = levels.map((level, index) => part * level + (1 - part) * below[index]);
    const [light, dark] = [luminance(seen), luminance(below)].sort((one, other) => other - one);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 3) say(line, `contrast ${contrast.toFixed(2)}`);
  }
  return wrong;
}
