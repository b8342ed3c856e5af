// Faces on canvases: a picture, the occluder, the truth and the answer.

const ANSWER_STEPS = 16; // points come in sixteenths of a pixel
const ERROR_RAMP = [[0, [86, 180, 233]], [4, [240, 228, 66]], [10, [213, 94, 0]], [20, [140, 20, 90]]];

// Pictures of one size in one image, row by row.
class Sheet {
  constructor({ src, side, columns }, ready) {
    Object.assign(this, { side, columns, image: new Image() });
    this.image.addEventListener("load", ready);
    this.image.src = src;
  }
  draw(context, index, x, y, size) {
    const { side, columns } = this;
    context.drawImage(this.image, (index % columns) * side, Math.floor(index / columns) * side, side, side, x, y, size, size);
  }
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// Points of T frames: at(t) gives [[x, y], ...] of L landmarks.
function unpackPoints(text, landmarks) {
  const steps = new Int16Array(bytes(text).buffer);
  return { at: (t) => Array.from({ length: landmarks }, (_, l) => [0, 1].map((axis) => steps[2 * (t * landmarks + l) + axis] / ANSWER_STEPS)) };
}

// Blue below, through yellow, to red and purple above: apart for all kinds of colour vision.
function errorColour(value) {
  const next = ERROR_RAMP.findIndex(([end]) => value < end);
  const [low, high] = next === -1 ? [ERROR_RAMP.at(-1), ERROR_RAMP.at(-1)] : [ERROR_RAMP[Math.max(next - 1, 0)], ERROR_RAMP[next]];
  const share = high[0] > low[0] ? (value - low[0]) / (high[0] - low[0]) : 0;
  return `rgb(${low[1].map((start, i) => Math.round(start + share * (high[1][i] - start))).join(" ")})`;
}

// Each landmark's error, percent of the length by which errors are divided.
function landmarkErrors(answer, truth, length) {
  return answer.map(([x, y], l) => (100 * Math.hypot(x - truth[l][0], y - truth[l][1])) / length);
}

function tracePath(context, points, order) {
  context.beginPath();
  order.forEach((l, i) => (i ? context.lineTo(...points[l]) : context.moveTo(...points[l])));
  context.stroke();
}

function dot(context, [x, y], radius, fill) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = fill;
  context.fill();
}

// A face's picture with whatever of `seen` is there: tile and corner of the occluder, truth, answer, errors, places.
function drawFace(canvas, sheet, index, shape, seen) {
  const context = canvas.getContext("2d");
  const zoom = canvas.width / sheet.side;
  const placed = (points) => points.map(([x, y]) => [(x + 0.5) * zoom, (y + 0.5) * zoom]);
  context.imageSmoothingEnabled = true;
  sheet.draw(context, index, 0, 0, canvas.width);
  if (seen.corner) {
    context.imageSmoothingEnabled = false;
    const [x, y] = seen.corner;
    seen.tiles.draw(context, seen.tile, x * zoom, y * zoom, seen.tiles.side * zoom);
  }
  const truth = seen.truth && placed(seen.truth);
  if (truth) {
    // White on black is seen on every picture.
    for (const [style, width] of [["#000a", 4.5], ["#fff", 1.6]]) {
      context.strokeStyle = style;
      context.lineWidth = (width * canvas.width) / 672;
      shape.contours.forEach((contour) => tracePath(context, truth, contour));
    }
  }
  if (seen.answer) drawAnswer(context, placed(seen.answer), truth, seen.errors, canvas.width);
}

function drawAnswer(context, answer, truth, errors, width) {
  const radius = width / 130;
  context.lineWidth = width / 260;
  answer.forEach((point, l) => {
    const fill = errors ? errorColour(errors[l]) : "#f0e442";
    if (truth) {
      context.strokeStyle = fill;
      context.beginPath();
      context.moveTo(...truth[l]);
      context.lineTo(...point);
      context.stroke();
    }
    dot(context, point, radius * 1.35, "#000b");
    // Size repeats what the colour says.
    dot(context, point, radius * (errors ? 0.75 + Math.min(errors[l], 15) / 15 : 1), fill);
  });
}

// A mean face; the area of a dot is a landmark's share of `counts`.
function drawMap(canvas, shape, counts, current) {
  const context = canvas.getContext("2d");
  const size = canvas.width;
  const xs = shape.mean.map(([x]) => x);
  const ys = shape.mean.map(([, y]) => y);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const scale = (0.8 * size) / Math.max(Math.max(...xs) - left, Math.max(...ys) - top);
  const points = shape.mean.map(([x, y]) => [0.1 * size + (x - left) * scale, 0.1 * size + (y - top) * scale]);
  context.clearRect(0, 0, size, size);
  context.strokeStyle = colour("rule");
  context.lineWidth = size / 200;
  shape.contours.forEach((contour) => tracePath(context, points, contour));
  const total = Math.max(counts.reduce((sum, count) => sum + count, 0), 1);
  context.globalAlpha = 0.65;
  counts.forEach((count, l) => count && dot(context, points[l], (size / 8) * Math.sqrt(count / total), colour("line-1")));
  context.globalAlpha = 1;
  points.forEach((point) => dot(context, point, size / 170, colour("faint")));
  if (current >= 0) {
    context.strokeStyle = colour("line-2");
    context.lineWidth = size / 60;
    context.strokeRect(points[current][0] - size / 22, points[current][1] - size / 22, size / 11, size / 11);
  }
}

// The scale of errorColour, with its ends in words.
function rampKey() {
  const canvas = element("canvas", { class: "ramp", width: 180, height: 12, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  for (let x = 0; x < 180; x++) {
    context.fillStyle = errorColour(x / 9);
    context.fillRect(x, 0, 1, 12);
  }
  return element("span", { class: "choice note" }, "error 0 %", canvas, "20 % +");
}
