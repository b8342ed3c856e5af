// Sections of texts; the other kinds add themselves to SHOW.

const SHOW = {
  facts(section) {
    const rows = section.rows.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)));
    return [element("div", { class: "wide" }, element("table", { class: "facts" }, element("tbody", {}, ...rows)))];
  },
  table(section) {
    const head = section.head.map((name) => element("th", { scope: "col" }, name));
    const rows = section.rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell))));
    const body = [element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)];
    return [element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": section.title }, element("table", {}, ...body))];
  },
};

function showSection(section, number) {
  const title = element("h2", { id: `part-${number}` }, section.title);
  const note = section.note ? [element("p", { class: "note" }, section.note)] : [];
  return element("section", { "aria-labelledby": `part-${number}` }, title, ...note, ...SHOW[section.kind](section));
}
