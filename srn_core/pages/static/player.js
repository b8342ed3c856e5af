// Episodes to scrub through: the face, the errors of several policies over time, where the occluder was, its choices.

const FRAMES_PER_SECOND = 8;
const ACTION_NAMES = ["previous", "same", "next"];

SHOW.player = (section) => {
  const holder = element("div");
  const open = (index) => holder.replaceChildren(episodePlayer(section, section.episodes[index]));
  const bar = element("div", { class: "bar" }, choice("Episode", section.episodes.map((episode) => episode.name), open));
  open(0);
  return [bar, holder];
};

function episodePlayer(section, episode) {
  const { shape } = section;
  const count = episode.length;
  const state = { t: 0, policy: 0, truth: true, answer: true, colours: true, timer: null };
  const truth = unpackPoints(episode.truth, shape.parts.length);
  const frames = new Sheet(episode.frames, () => show());
  const policies = episode.policies.map((policy) => ({
    ...policy, points: unpackPoints(policy.answers, shape.parts.length), sheet: new Sheet(policy.tiles, () => show()),
  }));
  const canvas = element("canvas", { class: "face", width: 672, height: 672, tabindex: 0, role: "img" });
  const map = element("canvas", { class: "map", width: 360, height: 360, role: "img" });
  const slider = element("input", { type: "range", min: 0, max: count - 1, value: 0, "aria-label": "Frame", input: () => go(slider.valueAsNumber) });
  const status = element("p", { class: "status", "aria-live": "polite" });
  const candidates = element("div", { class: "wide" });
  const button = element("button", { type: "button", click: () => (state.timer ? pause() : run()) }, "Play");
  const lines = episode.policies.map(({ name, errors }) => ({ name, x: errors.map((_, t) => t), y: errors }));
  const clean = { name: "no occluder", x: lines[0].x, y: episode.clean };
  const plot = linePlot(
    { title: "The tracker's error on each frame", x: "frame", y: "NME, %", lines: [...lines, clean] },
    { marker: () => state.t, picked: (x) => go(Math.round(x)) },
  );

  function go(t) {
    state.t = Math.min(Math.max(t, 0), count - 1);
    slider.value = state.t;
    show();
    plot.moved();
  }
  function run() {
    button.textContent = "Pause";
    status.setAttribute("aria-live", "off");
    state.timer = setInterval(() => go((state.t + 1) % count), 1000 / FRAMES_PER_SECOND);
  }
  function pause() {
    clearInterval(state.timer);
    state.timer = null;
    button.textContent = "Play";
    status.setAttribute("aria-live", "polite");
  }
  function show() {
    const { t } = state;
    const policy = policies[state.policy];
    const target = policy.targets[t];
    const [true_points, answer] = [truth.at(t), policy.points.at(t)];
    const errors = landmarkErrors(answer, true_points, episode.normaliser[t]);
    drawFace(canvas, frames, t, shape, {
      tiles: policy.sheet, tile: t, corner: policy.corners[t],
      truth: state.truth && true_points, answer: state.answer && answer, errors: state.colours && errors,
    });
    const place = target < 0 ? "nothing is covered" : `covers landmark ${target} (${shape.parts[target]})`;
    const worst = errors.indexOf(Math.max(...errors));
    const said = `Frame ${t + 1} of ${count}: ${policy.name} ${place}; error ${percent(policy.errors[t])}, largest at landmark ${worst} (${shape.parts[worst]}).`;
    status.textContent = said;
    canvas.setAttribute("aria-label", said);
    slider.setAttribute("aria-valuetext", said);
    showMap(policy, t, target);
    candidates.replaceChildren(candidateTable(policy, t, shape));
  }
  function showMap(policy, t, target) {
    const counts = shape.parts.map(() => 0);
    policy.targets.slice(0, t + 1).forEach((l) => l >= 0 && counts[l]++);
    drawMap(map, shape, counts, target);
    const most = counts.indexOf(Math.max(...counts));
    map.setAttribute("aria-label", `Where the occluder has been so far: most often on landmark ${most} (${shape.parts[most]})`);
  }
  function drag(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const { left, width } = canvas.getBoundingClientRect();
    go(Math.floor(((event.clientX - left) / width) * count));
  }
  function key(event) {
    const moves = { ArrowLeft: state.t - 1, ArrowRight: state.t + 1, Home: 0, End: count - 1 };
    if (event.key === " ") state.timer ? pause() : run();
    else if (event.key in moves) go(moves[event.key]);
    else return;
    event.preventDefault();
  }
  canvas.addEventListener("pointerdown", drag);
  canvas.addEventListener("pointermove", drag);
  canvas.addEventListener("keydown", key);
  onTheme(show);
  const toggle = (label, name) => switchBox(label, state[name], (on) => ((state[name] = on), show()));
  const who = choice("Player", policies.map((policy) => policy.name), (index) => ((state.policy = index), show()));
  const left = element(
    "div", {}, canvas, slider, element("div", { class: "bar" }, button, who),
    element("div", { class: "bar" }, toggle("truth (white)", "truth"), toggle("answer (dots)", "answer"), toggle("error as colour", "colours")),
    rampKey(), status,
  );
  const mapFigure = element("figure", {}, element("h3", {}, "Where the occluder has been"), map);
  const choices = element("figure", {}, element("h3", {}, "The three places that it could cover"), candidates);
  go(0);
  return element("div", { class: "player" }, left, element("div", { class: "side" }, plot.figure, element("div", { class: "pair" }, choices, mapFigure)));
}

// What each action would have covered and cost, and, of a trained policy, how much it values it.
function candidateTable(policy, t, shape) {
  const values = policy.values;
  const head = ["action", "landmark", "error", ...(values ? ["value"] : [])].map((name) => element("th", { scope: "col" }, name));
  const rows = ACTION_NAMES.map((name, action) => {
    const landmark = policy.candidates[t][action];
    const chosen = landmark === policy.targets[t];
    const cells = [`${chosen ? "▸ " : ""}${name}`, `${landmark} ${shape.parts[landmark]}`, percent(policy.candidateErrors[t][action])];
    if (values) cells.push(values[t][action].toFixed(3));
    return element("tr", chosen ? { class: "chosen" } : {}, ...cells.map((cell) => element("td", {}, cell)));
  });
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
}
