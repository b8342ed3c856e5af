"use strict";

// Texts become text nodes: nothing of the data is ever read as HTML.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

// A colour of page.css in the theme that is shown.
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const LINE_DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [1, 2], [12, 4]];

// Lines differ in colour and in dashes, so that colour is never the only sign.
function lineStyle(index) {
  return { stroke: () => colour(`line-${(index % 7) + 1}`), dash: LINE_DASHES[index % 7] };
}

function percent(value, digits = 2) {
  return value === null || Number.isNaN(value) ? "–" : `${value.toFixed(digits)}\u00a0%`;
}

const themeListeners = [];

function onTheme(redraw) {
  themeListeners.push(redraw);
}

function themeButton() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const button = element("button", { type: "button", class: "theme", click: () => change(isDark() ? "light" : "dark") });
  function change(theme) {
    if (theme) root.dataset.theme = theme;
    button.textContent = isDark() ? "Light colours" : "Dark colours";
    themeListeners.forEach((redraw) => redraw());
  }
  system.addEventListener("change", () => change());
  change();
  return button;
}

// A choice of one of several names; calls back with its index.
function choice(label, names, chosen) {
  const select = element("select", { change: () => chosen(select.selectedIndex) }, ...names.map((name) => element("option", {}, name)));
  return element("label", { class: "choice" }, label, select);
}

function switchBox(label, on, changed) {
  const box = element("input", { type: "checkbox", change: () => changed(box.checked) });
  box.checked = on;
  return element("label", { class: "choice" }, box, label);
}
