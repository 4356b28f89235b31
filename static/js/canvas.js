// <map-canvas>: connects a source field to a target field by dragging, by two
// clicks, or by keyboard. All three fill in and submit the form of the target
// row, so the server sees one kind of request and the page works without this.
import { announce } from "./announce.js";
import { centre, draft, draw } from "./wires.js";

const dragThreshold = 6; // pixels before a press becomes a drag
const viewport = { left: 0, top: 0 };
const scrollEdge = 60; // pixels from the window's edge where a drag scrolls

customElements.define("map-canvas", class extends HTMLElement {
  #held = null; // the picked-up source <li>
  #candidate = null; // the target <li> chosen by arrow keys or under the pointer
  #press = null; // a pointer that is down: {source, x, y, dragging}
  #byPointer = false;
  #observer;
  #abort;

  connectedCallback() {
    this.#abort = new AbortController();
    const options = { signal: this.#abort.signal };
    for (const type of ["pointerdown", "click", "keydown", "change", "pointerover", "pointerout", "focusin", "focusout", "canvas:changed"]) {
      this.addEventListener(type, this, options);
    }
    document.addEventListener("htmx:after:swap", () => this.settle(), options);
    document.fonts?.ready.then(() => this.redraw());
    this.#observer = new ResizeObserver(() => this.redraw());
    this.#observer.observe(this);
    this.redraw();
  }

  disconnectedCallback() {
    this.#abort.abort();
    this.#observer.disconnect();
  }

  handleEvent(event) {
    switch (event.type) {
      case "pointerdown": return this.press(event);
      case "click": return this.click(event);
      case "keydown": return this.key(event);
      case "change": return this.chosen(event);
      case "pointerover": case "focusin": return this.light(event.target.closest?.("[data-source], [data-target]"));
      case "pointerout": case "focusout": return this.light(null);
      default: return this.redraw();
    }
  }

  redraw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => draw(this, this.lit));
  }

  light(field) {
    if (this.lit === field) return;
    this.lit = field;
    this.redraw();
  }

  get targets() {
    return [...this.querySelectorAll("[data-target]:not([data-filtered])")].filter((t) => !t.querySelector("select")?.disabled);
  }

  // --- picking up and dropping, however it came about

  pickUp(source) {
    this.release();
    this.#held = source;
    this.setAttribute("data-connecting", "");
    source.querySelector("[data-pick]").setAttribute("aria-pressed", "true");
    const side = this.dataset.targetSide;
    announce(`${source.dataset.label} picked up. Use up and down arrows to choose a ${side} field, Enter to connect, Escape to cancel.`);
  }

  release() {
    this.#held?.querySelector("[data-pick]").setAttribute("aria-pressed", "false");
    this.propose(null);
    this.#held = null;
    this.removeAttribute("data-connecting");
    draft(this, null);
  }

  propose(target) {
    this.#candidate?.removeAttribute("data-candidate");
    this.#candidate = target;
    target?.setAttribute("data-candidate", "");
  }

  drop(target) {
    const source = this.#held;
    this.release();
    const form = target?.querySelector("[data-connect]");
    if (!source || !form) return;
    const select = form.querySelector("select");
    if (select.matches(":disabled")) return; // for those who may only look
    select.value = source.dataset.source;
    if (select.value !== source.dataset.source) return;
    this.returnTo = target.dataset.target;
    announce(`Connecting ${source.dataset.label} to ${target.dataset.label}.`);
    form.requestSubmit();
  }

  // After the server's answer: draw, and put focus on the row just connected.
  settle() {
    this.redraw();
    if (!this.returnTo) return;
    const row = this.querySelector(`[data-target="${CSS.escape(this.returnTo)}"]`);
    this.returnTo = null;
    (row?.querySelector("[data-chip]") ?? row?.querySelector("select"))?.focus({ preventScroll: true });
    if (row?.dataset.row) announce(`${row.dataset.label} is connected. ${row.querySelector(".map-value")?.textContent.replace(/\s+/g, " ").trim() ?? ""}`);
  }

  // --- keyboard

  key(event) {
    this.#byPointer = false;
    if (!this.#held || !event.target.closest("[data-pick]")) return;
    switch (event.key) {
      case "ArrowDown": case "ArrowUp": case "Home": case "End":
        event.preventDefault();
        return this.step(event.key);
      case "Enter": case " ":
        if (!this.#candidate) return; // the click that follows puts it down again
        event.preventDefault();
        return this.drop(this.#candidate);
      case "Escape":
        event.preventDefault();
        announce(`${this.#held.dataset.label} put back. Nothing changed.`);
        return this.release();
      case "Tab":
        return this.release();
    }
  }

  step(key) {
    const targets = this.targets;
    const at = targets.indexOf(this.#candidate);
    const next = { ArrowDown: Math.min(at + 1, targets.length - 1), ArrowUp: at < 0 ? targets.length - 1 : Math.max(at - 1, 0), Home: 0, End: targets.length - 1 }[key];
    const target = targets[next];
    if (!target) return;
    this.propose(target);
    target.scrollIntoView({ block: "nearest" });
    draft(this, this.#held, centre(target.querySelector("[data-port]"), viewport));
    const now = target.querySelector("select")?.selectedOptions[0]?.textContent;
    announce(`${target.dataset.label}, now from ${now}. ${next + 1} of ${targets.length}.`);
  }

  // --- click, then click

  click(event) {
    if (this.swallowClick) { this.swallowClick = false; return; }
    const pick = event.target.closest("[data-pick]");
    if (pick) {
      const source = pick.closest("[data-source]");
      if (source.dataset.state === "gone") return announce("This field was deleted, so it cannot be connected.");
      if (this.#held === source) { announce(`${source.dataset.label} put back.`); return this.release(); }
      return this.pickUp(source);
    }
    if (!this.#held) return;
    const target = event.target.closest("[data-target]");
    if (!target || event.target.closest("button, select")) return;
    this.drop(target);
  }

  // --- drag

  press(event) {
    this.#byPointer = true;
    const pick = event.target.closest("[data-pick]");
    if (!pick || event.button !== 0) return;
    const source = pick.closest("[data-source]");
    if (source.dataset.state === "gone") return;
    this.#press = { source, x: event.clientX, y: event.clientY, dragging: false };
    const abort = new AbortController();
    const options = { signal: abort.signal };
    const end = (commit) => (last) => { abort.abort(); this.lift(last, commit); };
    window.addEventListener("pointermove", (move) => this.move(move), options);
    window.addEventListener("pointerup", end(true), options);
    window.addEventListener("pointercancel", end(false), options);
    window.addEventListener("keydown", (key) => { if (key.key === "Escape") end(false)(key); }, options);
  }

  move(event) {
    const press = this.#press;
    if (!press) return;
    if (!press.dragging) {
      if (Math.hypot(event.clientX - press.x, event.clientY - press.y) < dragThreshold) return;
      press.dragging = true;
      this.pickUp(press.source);
      this.setAttribute("data-dragging", "");
    }
    event.preventDefault();
    if (event.clientY < scrollEdge) window.scrollBy(0, -12);
    if (event.clientY > window.innerHeight - scrollEdge) window.scrollBy(0, 12);
    const under = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-target]");
    this.propose(this.contains(under) ? under : null);
    const port = this.#candidate?.querySelector("[data-port]");
    draft(this, press.source, port ? centre(port, viewport) : { x: event.clientX, y: event.clientY });
  }

  lift(event, commit) {
    const press = this.#press;
    this.#press = null;
    if (!press?.dragging) return;
    this.removeAttribute("data-dragging");
    // The browser sends a click after a drag that ends where it began.
    this.swallowClick = true;
    setTimeout(() => { this.swallowClick = false; });
    const target = this.#candidate;
    if (commit && target) return this.drop(target);
    announce(`${press.source.dataset.label} put back. Nothing changed.`);
    this.release();
  }

  // --- the select: a choice made with the pointer is meant; a keyboard passes
  // over options on its way, so it confirms with the button.

  chosen(event) {
    if (!this.#byPointer || !event.target.matches("[data-connect] select")) return;
    this.returnTo = event.target.closest("[data-target]").dataset.target;
    event.target.form.requestSubmit();
  }
});
