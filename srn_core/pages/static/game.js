// The game in the browser. All answers of the tracker are in the data; see srn_gym/pages/play_page.py.

const GAME_KEYS = { ArrowLeft: 0, ArrowUp: 1, " ": 1, ArrowDown: 1, ArrowRight: 2 };
const DIFFERENCE_STEPS = 4;
const WALK = "random walk";

async function unzip(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Int8Array(await new Response(stream).arrayBuffer());
}

// The tracker's landmarks on frame t with landmark l covered; l is -1 for none.
function answerTo(section, clean, differences, t, l) {
  const count = section.shape.parts.length;
  if (l < 0 || !differences) return clean.at(t);
  const start = 2 * count * (t * count + l);
  return clean.at(t).map((point, i) => point.map((value, axis) => value + differences[start + 2 * i + axis] / DIFFERENCE_STEPS));
}

// The errors of a policy's path from the first landmark.
function rivalErrors({ length, errors, neighbours }, actions, first) {
  let landmark = first;
  return Array.from({ length }, (_, t) => {
    landmark = neighbours[landmark][actions[t * neighbours.length + landmark]];
    return errors[t][landmark + 1];
  });
}

// The mean errors of all random walks: the share of them on each landmark moves on by a third to each neighbour.
function walkErrors({ length, errors, neighbours }, first) {
  let shares = neighbours.map((_, l) => Number(l === first));
  return Array.from({ length }, (_, t) => {
    const next = shares.map(() => 0);
    shares.forEach((share, l) => neighbours[l].forEach((to) => (next[to] += share / 3)));
    shares = next;
    return shares.reduce((sum, share, l) => sum + share * errors[t][l + 1], 0);
  });
}

function runningMean(values) {
  let sum = 0;
  return values.map((value, i) => (sum += value) / (i + 1));
}

SHOW.game = (section) => {
  const { shape, length } = section;
  const [truth, clean] = [section.truth, section.clean].map((text) => unpackPoints(text, shape.parts.length));
  const frames = new Sheet(section.frames, () => show());
  const tiles = new Sheet(section.tiles, () => show());
  const state = { t: 0, first: 30, landmark: 30, path: [], mine: [], rivals: [], differences: null };
  const canvas = element("canvas", { class: "face", width: 672, height: 672, tabindex: 0, role: "img" });
  const map = element("canvas", { class: "map", width: 360, height: 360, role: "img", "aria-label": "Where the square has been" });
  const status = element("p", { class: "status", "aria-live": "polite" });
  const scores = element("div");
  const curves = element("div");
  const verdict = element("p", { class: "chosen", role: "status" });
  const labels = ["← previous", "↑ stay", "next →"];
  const buttons = labels.map((label, action) => element("button", { type: "button", click: () => act(action) }, label));
  const again = element("button", { type: "button", click: () => begin(Math.floor(Math.random() * shape.parts.length)) }, "New game (Enter)");

  function begin(first) {
    const named = section.rivals.map(({ name, actions }) => ({ name, errors: rivalErrors(section, actions, first) }));
    Object.assign(state, { t: 0, first, landmark: first, path: [], mine: [], rivals: [{ name: WALK, errors: walkErrors(section, first) }, ...named] });
    show();
  }
  function act(action) {
    if (state.t === length) return;
    state.landmark = section.neighbours[state.landmark][action];
    state.path.push(state.landmark);
    state.mine.push(section.errors[state.t][state.landmark + 1]);
    state.t++;
    show();
  }
  function show() {
    const t = Math.max(state.t - 1, 0);
    const covered = state.t ? state.landmark : -1;
    const [points, answer] = [truth.at(t), answerTo(section, clean, state.differences, t, covered)];
    drawFace(canvas, frames, t, shape, {
      tiles, tile: t, corner: covered < 0 ? null : squareCorner(points[covered], tiles.side, frames.side),
      truth: points, answer, errors: landmarkErrors(answer, points, section.normaliser[t]),
    });
    if (state.t < length) drawChoices(canvas, truth.at(state.t), section.neighbours[state.landmark], frames.side);
    const counts = shape.parts.map((_, l) => state.path.filter((visited) => visited === l).length);
    drawMap(map, shape, counts, state.landmark);
    buttons.forEach((button, action) => {
      button.disabled = state.t === length;
      button.textContent = `${labels[action]} (${shape.parts[section.neighbours[state.landmark][action]]})`;
    });
    const now = state.t ? `error ${percent(state.mine.at(-1))} with the ${shape.parts[covered]} covered` : `the square starts at the ${shape.parts[state.first]}`;
    status.textContent = `Frame ${state.t} of ${length}: ${now}.`;
    canvas.setAttribute("aria-label", status.textContent);
    showScores();
  }
  function showScores() {
    const known = [{ name: "you", errors: state.mine }, ...state.rivals];
    const means = known.map(({ errors }) => (state.t ? runningMean(errors)[state.t - 1] : null));
    const most = Math.max(...means, 1e-9);
    const rows = known.map(({ name }, i) => {
      const fill = element("span", { class: "fill" });
      fill.style.width = `${(100 * (means[i] ?? 0)) / most}%`;
      fill.style.background = `var(--line-${i + 1})`;
      return element("tr", i ? {} : { class: "chosen" }, ...[name, fill, percent(means[i])].map((cell) => element("td", {}, cell)));
    });
    scores.replaceChildren(element("table", { class: "bars" }, element("caption", {}, "Mean error so far"), element("tbody", {}, ...rows)));
    const lines = known.map(({ name, errors }) => {
      const y = runningMean(errors.slice(0, state.t));
      return { name, x: y.map((_, t) => t + 1), y };
    });
    const plot = state.t > 1 ? [linePlot({ title: "", x: "frame", y: "mean error, %", lines }).figure] : [];
    curves.replaceChildren(...plot);
    verdict.textContent = state.t === length ? finalWords(known, means) : "";
  }
  function key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    // Space and Enter on a button press that button.
    const onControl = ["BUTTON", "SELECT", "INPUT", "A"].includes(event.target.tagName) && [" ", "Enter"].includes(event.key);
    if (onControl) return;
    if (event.key === "Enter" && state.t) again.click();
    else if (event.key in GAME_KEYS) act(GAME_KEYS[event.key]);
    else return;
    event.preventDefault();
  }
  document.addEventListener("keydown", key);
  onTheme(show);
  unzip(section.answers).then((found) => ((state.differences = found), (canvas.dataset.ready = "yes"), show()));
  begin(state.first);
  const left = element("div", {}, canvas, element("div", { class: "keys" }, ...buttons), element("div", { class: "bar" }, again, status), rampKey());
  const right = element("div", { class: "side" }, element("figure", {}, scores, verdict), curves, element("figure", {}, element("h3", {}, "Where the square has been"), map));
  return [element("div", { class: "game" }, left, right)];
};

// As srn_core.occluders.squares.square_corner.
function squareCorner(centre, side, size) {
  return centre.map((value) => Math.min(Math.max(Math.floor(value + 0.5) - Math.floor(side / 2), 0), size - side));
}

// Rings round the landmarks that the next action can cover.
function drawChoices(canvas, points, landmarks, side) {
  const context = canvas.getContext("2d");
  const zoom = canvas.width / side;
  ["←", "↑", "→"].forEach((arrow, action) => {
    const [x, y] = points[landmarks[action]].map((value) => (value + 0.5) * zoom);
    for (const [style, width] of [["#000", 5], ["#fff", 2.5]]) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.beginPath();
      context.arc(x, y, 11, 0, 2 * Math.PI);
      context.stroke();
    }
    context.font = "bold 22px system-ui";
    context.textAlign = "center";
    context.lineWidth = 5;
    context.strokeStyle = "#000";
    context.strokeText(arrow, x + 24 * (action - 1), y - 18);
    context.fillStyle = "#fff";
    context.fillText(arrow, x + 24 * (action - 1), y - 18);
  });
}

function finalWords(known, means) {
  const [walk, best] = [means[1], means.at(-1)];
  const share = Math.round((100 * (means[0] - walk)) / (best - walk));
  const beaten = known.slice(1).filter((_, i) => means[0] > means[i + 1]).map(({ name }) => name);
  return `The end. You made ${share} % of the way from the ${WALK} to the optimum. ${beaten.length ? `You beat the ${beaten.join(" and the ")}.` : "You beat nobody yet."}`;
}
