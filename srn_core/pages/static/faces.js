// Faces as small pictures, in an order and within limits that the reader chooses.

const PER_PAGE = 24;

SHOW.faces = (section) => {
  const { shape, faces } = section;
  const state = { part: null, low: 0, high: Infinity, shown: PER_PAGE };
  const list = element("ul", { class: "thumbs" });
  const count = element("p", { class: "status", role: "status" });
  const more = element("button", { type: "button", click: () => ((state.shown += PER_PAGE), show()) }, "Show more");
  const sheet = new Sheet(section.sheet, () => show());
  const parts = Object.keys(faces[0]?.means ?? {});
  if (parts.length) state.part = parts[0];

  // The order given is worst first; with errors, that of the chosen part.
  function chosen() {
    if (!state.part) return faces.map((_, i) => i);
    const error = (i) => faces[i].means[state.part] ?? 0;
    const inside = faces.map((_, i) => i).filter((i) => error(i) >= state.low && error(i) <= state.high);
    return inside.sort((a, b) => error(b) - error(a));
  }
  function show() {
    const found = chosen();
    list.replaceChildren(...found.slice(0, state.shown).map((i) => thumb(sheet, i, faces[i], shape, state.part, section.measure)));
    more.hidden = found.length <= state.shown;
    count.textContent = `${Math.min(state.shown, found.length)} of ${found.length} shown.`;
  }
  function limit(label, name, fallback) {
    const read = ({ target }) => ((state[name] = Number.isNaN(target.valueAsNumber) ? fallback : target.valueAsNumber), show());
    return element("label", { class: "choice" }, label, element("input", { type: "number", min: 0, step: 0.5, input: read }));
  }
  const order = choice("Worst by", parts, (index) => ((state.part = parts[index]), show()));
  const controls = parts.length ? [order, limit("error from, %", "low", 0), limit("to, %", "high", Infinity), rampKey()] : [];
  show();
  return [element("div", { class: "bar" }, ...controls), count, list, more];
};

function thumb(sheet, index, face, shape, part, measure) {
  const canvas = element("canvas", { class: "face", width: 336, height: 336, role: "img" });
  const error = part === null ? "" : `${part}: ${percent(face.means[part])}`;
  canvas.setAttribute("aria-label", [face.name, error, measure].filter(Boolean).join(", "));
  const count = shape.parts.length;
  drawFace(canvas, sheet, index, shape, {
    truth: face.truth && unpackPoints(face.truth, count).at(0), answer: unpackPoints(face.answer, count).at(0), errors: face.errors,
  });
  return element("li", {}, canvas, element("div", { class: "chosen" }, error), element("div", {}, face.name));
}
