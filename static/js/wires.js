// Draws the wires of a mapping canvas into its SVG. Pure geometry from the
// markup: nothing is remembered between two drawings.
const svgNS = "http://www.w3.org/2000/svg";

// curve is an S from one point to another with level ends.
export function curve(from, to) {
  const width = Math.abs(to.x - from.x);
  const bend = Math.max(width / 2, Math.min(36, width));
  const sign = to.x >= from.x ? 1 : -1;
  return `M${from.x} ${from.y}C${from.x + sign * bend} ${from.y} ${to.x - sign * bend} ${to.y} ${to.x} ${to.y}`;
}

const visible = (node) => node && node.getClientRects().length > 0;

export function centre(node, origin) {
  const box = node.getBoundingClientRect();
  return { x: round(box.left + box.width / 2 - origin.left), y: round(box.top + box.height / 2 - origin.top) };
}

// head is an arrow whose tip touches a port: pointing right or left.
function head(tip, right, attributes) {
  const path = document.createElementNS(svgNS, "path");
  const back = right ? -9 : 9;
  path.setAttribute("d", `M${tip.x} ${tip.y}l${back} -5v10z`);
  Object.assign(path.dataset, attributes);
  return path;
}

const portRadius = 6;
const round = (n) => Math.round(n * 10) / 10;

// draw replaces all wires. lit names the field whose wires stand out.
export function draw(canvas, lit) {
  const svg = canvas.querySelector(".wires");
  if (!visible(svg)) return;
  const origin = svg.getBoundingClientRect();
  for (const path of svg.querySelectorAll("path:not([data-draft])")) path.remove();
  const side = (role) => canvas.querySelector(`[data-role="${role}"]`).dataset.side;
  const sides = { from: side("from"), to: side("to") };
  const sources = new Map([...canvas.querySelectorAll("[data-source]")].map((node) => [node.dataset.source, node]));
  let left = Infinity, right = -Infinity;
  const rows = [...canvas.querySelectorAll("[data-sources]")].map((target) => ({ target, keys: target.dataset.sources.split("\n"), state: target.dataset.state, direction: target.dataset.direction }));
  for (const back of canvas.querySelectorAll("[data-back-to]")) {
    rows.push({ target: back.closest("[data-target]"), keys: [back.dataset.backTo], state: back.dataset.state, direction: "to_source" });
  }
  for (const { target, keys, state, direction } of rows) {
    const end = target.querySelector("[data-port]");
    if (!visible(end)) continue;
    const to = centre(end, origin);
    const chip = target.querySelector("[data-chip]");
    // The wire meets the chip at its near edge and runs straight on to the port.
    const dock = visible(chip) ? { x: round(chip.getBoundingClientRect().left - origin.left), y: to.y } : to;
    for (const key of keys) {
      const source = sources.get(key);
      const start = source?.querySelector("[data-port]");
      if (!visible(start)) continue;
      const from = centre(start, origin);
      left = Math.min(left, from.x);
      right = Math.max(right, to.x);
      const path = document.createElementNS(svgNS, "path");
      path.setAttribute("d", `${curve(from, dock)}L${to.x} ${to.y + 0.01}`);
      const attributes = { state: source.dataset.state === "gone" ? "gone" : state };
      if (lit && (lit === source || lit === target)) attributes.lit = "";
      Object.assign(path.dataset, attributes);
      svg.append(path);
      if (direction !== "to_source") svg.append(head({ x: to.x - portRadius, y: to.y }, true, { ...attributes, head: sides.to }));
      if (direction !== "to_target") svg.append(head({ x: from.x + portRadius, y: from.y }, false, { ...attributes, head: sides.from }));
    }
  }
  canvas.toggleAttribute("data-focused-wire", Boolean(svg.querySelector("[data-lit]")));
  if (right > left) {
    const gradient = svg.querySelector("[data-gradient]");
    for (const [name, value] of Object.entries({ x1: left, y1: 0, x2: right, y2: 0 })) gradient.setAttribute(name, value);
  }
}

// draft shows the wire that is being pulled; without a point it goes away.
export function draft(canvas, source, point) {
  const svg = canvas.querySelector(".wires");
  let path = svg.querySelector("[data-draft]");
  if (!source || !point) { path?.remove(); return; }
  if (!path) {
    path = document.createElementNS(svgNS, "path");
    path.dataset.draft = "";
    svg.append(path);
  }
  const origin = svg.getBoundingClientRect();
  const from = centre(source.querySelector("[data-port]"), origin);
  path.setAttribute("d", curve(from, { x: point.x - origin.left, y: point.y - origin.top }));
}
