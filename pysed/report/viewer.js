"use strict";
// One recording over time: its picture, lanes of events, lines of scores, and the player that they follow.
// Of the report's test files and of the review page: a page calls begin(), adds its rows, and calls complete().
const byId = id => document.getElementById(id);
const ZOOMS = [1, 2, 4, 8], TICKS_S = [0.5, 1, 2, 5, 10, 30, 60];
let player = null, view = null, zoom = 1;

function make(kind, text, className) {
  const element = document.createElement(kind);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}
function button(label, act, name) {
  const element = make("button", label);
  element.type = "button";
  if (name) element.setAttribute("aria-label", name);
  element.addEventListener("click", act);
  return element;
}
function fill(select, values) {
  for (const value of values) { const option = make("option", value || "any"); option.value = value; select.append(option); }
}
function bytes(text) { return Uint8Array.from(atob(text), one => one.charCodeAt(0)); }

// scores: by name, a byte each 100 ms; thresholds: by name; of: the second at which the view begins, as it is written; says: what else is told of a time.
function begin(length, scores, { colours = {}, thresholds = {}, of = 0, says = () => [] } = {}) {
  if (player) player.pause();
  view = { length, scores, colours, thresholds, of, says, at: 0, focus: 0, gutter: make("div", undefined, "gutter"), lanes: make("div", undefined, "lanes") };
}
function place(element, start, end) {
  element.style.left = `${100 * start / view.length}%`;
  element.style.width = `${100 * (end - start) / view.length}%`;
}
function addRow(kind, label, element) {
  const name = make("div", undefined, kind);
  name.append(make("b", label));
  element.classList.add(kind);
  view.gutter.append(name); view.lanes.append(element);
  return name;
}
function mark(row, height, label) {
  const tick = make("i", label, height ? "" : "foot");
  tick.style.bottom = `${100 * height}%`;
  row.append(tick);
}
function addPicture(source, name, frequencies) {
  const picture = make("img"); picture.src = source; picture.alt = `mel spectrogram of ${name}`;
  const row = addRow("picture", "kHz", picture);
  for (const [height, label] of frequencies) mark(row, height, label);
}
function addLane(name, spans, fill) {
  const row = make("div");
  for (const [start, end] of spans) { const bar = make("i"); bar.style.background = fill; place(bar, start, end); row.append(bar); }
  addRow("lane", name, row);
  return row;
}
function addScores(name) {
  view.canvas = make("canvas"); view.canvas.setAttribute("role", "img"); view.canvas.setAttribute("aria-label", name);
  const row = addRow("scores", "score", view.canvas);
  for (const level of [0, .5, 1]) mark(row, level, level);
}
function timeOf(event) {
  const edge = view.lanes.getBoundingClientRect();
  return view.length * (event.clientX - edge.left) / edge.width;
}
// The time axis, zoom and player below all rows; puts them into a box, after what heads it.
function complete(box, heading, audio) {
  view.axis = make("div"); addRow("axis", "time, s", view.axis);
  view.head = make("div"); view.head.id = "head"; view.lanes.append(view.head);
  view.scroll = make("div", undefined, "scroll"); view.scroll.append(view.lanes);
  view.readout = make("output");
  const tools = make("div", undefined, "tools"), grid = make("div", undefined, "view");
  view.zooms = [button("−", () => zoomBy(-1), "zoom out"), button("+", () => zoomBy(1), "zoom in")];
  tools.append(...view.zooms, view.readout); grid.append(view.gutter, view.scroll);
  const own = player = make("audio"); player.controls = true; player.preload = "none";
  if (audio) player.src = audio;
  const follow = () => { if (own !== player) return; point(player.currentTime); reveal(player.currentTime); if (!player.paused) requestAnimationFrame(follow); };
  player.addEventListener("play", follow); player.addEventListener("seeked", follow);
  view.lanes.addEventListener("click", event => { seek(timeOf(event)); if (audio) player.play(); });
  view.lanes.addEventListener("pointermove", event => tell(timeOf(event)));
  view.lanes.addEventListener("pointerleave", () => tell(view.at));
  box.replaceChildren(...heading, tools, grid, audio ? player : make("p", "No sound: its recording could not be read."));
  layOut(); point(0);
}

// Everything whose size in pixels matters: width by zoom, the scores' lines, phones' names where they fit, times.
function layOut() {
  view.lanes.style.width = `${100 * zoom}%`;
  view.lanes.classList.toggle("zoomed", zoom > 1);
  const width = view.lanes.clientWidth, perSecond = width / view.length, [minus, plus] = view.zooms;
  minus.disabled = zoom === ZOOMS[0]; plus.disabled = zoom === ZOOMS[ZOOMS.length - 1];
  for (const box of view.lanes.querySelectorAll(".phones span")) box.textContent = box.span * perSecond > 7 * box.label.length + 2 ? box.label : "";
  const step = TICKS_S.find(one => one * perSecond > 44) || TICKS_S[TICKS_S.length - 1], ticks = [];
  for (let number = Math.ceil(view.of / step - 1e-6); number * step <= view.of + view.length + 1e-6; number++) {
    const time = number * step - view.of, tick = make("span", `${number * step}`, time + step / 4 > view.length ? "end" : "");
    tick.style.left = `${100 * time / view.length}%`; ticks.push(tick);
  }
  view.axis.replaceChildren(...ticks);
  if (view.canvas) drawScores(width);
}
function drawScores(width) {
  const canvas = view.canvas, height = canvas.clientHeight, ratio = Math.min(window.devicePixelRatio || 1, 16000 / width);
  canvas.width = width * ratio; canvas.height = height * ratio;
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  const up = score => 1 + (height - 2) * (1 - score);
  pen.scale(ratio, ratio);
  pen.strokeStyle = style.getPropertyValue("--line"); pen.lineWidth = 1;
  for (const level of [0, .5, 1]) { pen.beginPath(); pen.moveTo(0, up(level)); pen.lineTo(width, up(level)); pen.stroke(); }
  for (const [system, scores] of Object.entries(view.scores)) {
    const colour = view.colours[system] || "#000000";
    pen.strokeStyle = colour === "#000000" ? style.getPropertyValue("--ink") : colour;
    pen.lineWidth = 1.6; pen.beginPath();
    scores.forEach((score, index) => pen.lineTo((index + .5) / 10 / view.length * width, up(score / 255)));
    pen.stroke();
    if (!(system in view.thresholds)) continue;
    pen.lineWidth = 1; pen.setLineDash([6, 4]); pen.beginPath();
    const level = up(Math.min(view.thresholds[system], 1));
    pen.moveTo(0, level); pen.lineTo(width, level); pen.stroke(); pen.setLineDash([]);
  }
}
function tell(time) {
  const parts = [`${(view.of + time).toFixed(1)} s`, ...view.says(time)];
  for (const [system, scores] of Object.entries(view.scores)) {
    const score = scores[Math.floor(10 * time)];
    if (score !== undefined) parts.push(`${system} ${(score / 255).toFixed(2)}`);
  }
  view.readout.textContent = parts.join(" · ");
}
function point(time) { view.at = time; view.head.style.left = `${100 * time / view.length}%`; tell(time); }
function seek(time) { time = Math.min(Math.max(time, 0), view.length); player.currentTime = time; point(time); reveal(time); }
function reveal(time) {
  const left = time / view.length * view.lanes.clientWidth, box = view.scroll;
  if (left < box.scrollLeft || left > box.scrollLeft + box.clientWidth) box.scrollLeft = left - box.clientWidth / 4;
}
function zoomBy(by) {
  const index = ZOOMS.indexOf(zoom) + by;
  if (index < 0 || index >= ZOOMS.length) return;
  const box = view.scroll, whole = (view.at || view.focus) / view.length;  // where to look, when all is seen
  const middle = zoom === 1 ? whole : (box.scrollLeft + box.clientWidth / 2) / view.lanes.clientWidth;
  zoom = ZOOMS[index];
  layOut();
  if (view.zoomed) view.zoomed();
  box.scrollLeft = middle * view.lanes.clientWidth - box.clientWidth / 2;
}

// The list beside the view: the place of its current row, and the keys that both pages have.
function markRow(place) {
  [...byId("list").children].forEach((row, index) => { row.setAttribute("aria-current", index === place); row.tabIndex = index === place ? 0 : -1; });
}
function revealRow(place) {
  const row = byId("list").children[place], list = byId("list");
  if (list.contains(document.activeElement)) row.focus();
  if (row.offsetTop - list.offsetTop < list.scrollTop || row.offsetTop - list.offsetTop + row.offsetHeight > list.scrollTop + list.clientHeight)
    list.scrollTop = row.offsetTop - list.offsetTop - list.clientHeight / 2;
}
function listenToKeys(step, more) {
  document.addEventListener("keydown", key => {
    const hasOwnKeys = key.target.matches("select, audio") && !"jk".includes(key.key); // these two go on from there
    if (key.target.matches("input") || hasOwnKeys || key.ctrlKey || key.metaKey || key.altKey) return;
    const inList = byId("list").contains(key.target), act = {
      j: () => step(1), k: () => step(-1), "+": () => zoomBy(1), "=": () => zoomBy(1), "-": () => zoomBy(-1),
      ArrowLeft: () => seek(view.at - .5), ArrowRight: () => seek(view.at + .5), ...more,
    };
    if (inList) Object.assign(act, { ArrowDown: act.j, ArrowUp: act.k });
    if (!key.target.matches("button, summary, a") || inList) act[" "] = () => { player.paused ? player.play().catch(() => {}) : player.pause(); };
    if (!Object.hasOwn(act, key.key) || !view) return;
    key.preventDefault();
    act[key.key]();
  });
}
window.addEventListener("resize", () => view && layOut());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view && layOut());
