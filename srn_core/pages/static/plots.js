// Line plots by uPlot (https://github.com/leeoniya/uPlot).

const PLOT_HEIGHT = 230;

function niceNumber(value) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) >= 1e4 ? value.toLocaleString("en", { maximumFractionDigits: 0 }) : String(Number(value.toPrecision(4)));
}

// A sample of a line, as it is drawn.
function lineSample(index) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  const line = document.createElementNS(namespace, "line");
  for (const [name, value] of Object.entries({ width: 26, height: 8, "aria-hidden": "true" })) svg.setAttribute(name, value);
  const drawn = { x1: 0, x2: 26, y1: 4, y2: 4, "stroke-width": 2.5, "stroke-dasharray": lineStyle(index).dash.join(" ") || "none" };
  for (const [name, value] of Object.entries(drawn)) line.setAttribute(name, value);
  line.style.stroke = `var(--line-${(index % 7) + 1})`;
  svg.append(line);
  return svg;
}

function summaryOf(panel) {
  const said = panel.lines.map(({ name, y }) => {
    const known = y.filter((value) => value !== null);
    const ends = [known[0], known.at(-1), Math.min(...known), Math.max(...known)].map(niceNumber);
    return known.length ? `${name}: first ${ends[0]}, last ${ends[1]}, from ${ends[2]} to ${ends[3]}` : `${name}: no values`;
  });
  return `${panel.title}. ${panel.y} over ${panel.x}. ${said.join("; ")}.`;
}

// Draws {title, x, y, lines} into a figure. `marker` gives an x to mark, `picked` takes an x that was pointed at.
function linePlot(panel, { marker, picked } = {}) {
  const values = panel.lines.map(() => element("span", {}, ""));
  const key = panel.lines.map(({ name }, i) => element("li", {}, lineSample(i), name, values[i]));
  const frame = element("div", { role: "img", "aria-label": summaryOf(panel) });
  const title = panel.title ? [element("h3", {}, panel.title)] : [];
  const figure = element("figure", {}, ...title, frame, element("ul", { class: "key" }, ...key));
  const data = uPlot.join(panel.lines.map(({ x, y }) => [x, y]));
  const axis = (label) => ({
    label, labelSize: 22, labelFont: "12px system-ui", font: "12px system-ui", stroke: () => colour("faint"),
    size: (_, texts) => 14 + 7 * Math.max(3, ...(texts ?? []).map((text) => text.length)),
    grid: { stroke: () => colour("rule"), width: 1 }, ticks: { show: false }, values: (_, ticks) => ticks.map(niceNumber),
  });
  const showValues = (index) => values.forEach((span, i) => (span.textContent = niceNumber(index === null ? data[i + 1].findLast((y) => y != null) : data[i + 1][index])));
  const options = {
    width: 300, height: PLOT_HEIGHT, legend: { show: false }, padding: [8, 14, 0, 0],
    scales: { x: { time: false } },
    axes: [{ ...axis(panel.x), size: 32 }, axis(panel.y)],
    series: [{}, ...panel.lines.map(({ name }, i) => ({ label: name, width: 2, spanGaps: true, points: { show: data[0].length < 2 }, ...lineStyle(i) }))],
    cursor: { drag: { x: false, y: false }, y: false },
    hooks: {
      setCursor: [(plot) => !marker && showValues(plot.cursor.idx ?? null)],
      draw: [(plot) => marker && markAt(plot, marker())],
    },
  };
  const plot = new uPlot(options, data, frame);
  if (picked) listenToPointer(plot, picked);
  showValues(null);
  new ResizeObserver(() => plot.setSize({ width: Math.max(frame.clientWidth, 200), height: PLOT_HEIGHT })).observe(frame);
  onTheme(() => plot.redraw(false, true));
  // Called when the marker moves.
  const moved = () => {
    plot.redraw(false, false);
    showValues(data[0].indexOf(marker()));
  };
  return { figure, moved };
}

function markAt(plot, x) {
  const place = plot.valToPos(x, "x", true);
  plot.ctx.strokeStyle = colour("ink");
  plot.ctx.lineWidth = 2 * devicePixelRatio;
  plot.ctx.setLineDash([]);
  plot.ctx.beginPath();
  plot.ctx.moveTo(place, plot.bbox.top);
  plot.ctx.lineTo(place, plot.bbox.top + plot.bbox.height);
  plot.ctx.stroke();
}

function listenToPointer(plot, picked) {
  const point = (event) => event.buttons && picked(plot.posToVal(event.offsetX, "x"));
  plot.over.addEventListener("pointerdown", point);
  plot.over.addEventListener("pointermove", point);
}

SHOW.plots = (section) => [element("div", { class: "panels" }, ...section.panels.map((panel) => linePlot(panel).figure))];
