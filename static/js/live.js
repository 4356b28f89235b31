// <live-rows data-url data-max>: puts rows from an event stream on top of its
// table. Events named "run" carry the row's HTML; a row with a known id is
// replaced where it stands. Rows are gathered and shown at most every 250 ms,
// and wait while somebody works inside the table.
import { announce } from "./announce.js";

const pause = 250;
const quietBetweenAnnouncements = 5_000;

customElements.define("live-rows", class extends HTMLElement {
  static observedAttributes = ["data-url"]; // a filter changes it in place

  #stream; #timer; #waiting = []; #arrived = 0; #announcedAt = 0; #state;

  connectedCallback() {
    document.addEventListener("htmx:after:swap", this);
    this.open();
  }

  disconnectedCallback() {
    document.removeEventListener("htmx:after:swap", this);
    this.close();
  }

  attributeChangedCallback(_, before, now) {
    if (!this.isConnected || before === now || before === null) return;
    this.close();
    this.open();
  }

  // The server renders the line about the connection as it is before any.
  handleEvent() { if (this.#state) this.state(...this.#state); }

  open() {
    if (!this.dataset.url) return;
    this.#stream = new EventSource(this.dataset.url);
    this.#stream.addEventListener("open", () => this.state("open", "Live. New runs appear here by themselves."));
    this.#stream.addEventListener("error", () => this.state("lost", "Connection lost; trying again. Reload to see what happened meanwhile."));
    this.#stream.addEventListener("run", (event) => {
      this.#waiting.push(event.data);
      this.#timer ??= setTimeout(() => this.show(), pause);
    });
  }

  close() {
    this.#stream?.close();
    this.#waiting = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  show() {
    this.#timer = undefined;
    const rows = this.querySelector("[data-rows]");
    if (!rows) return;
    if (rows.matches(":focus-within")) {
      this.#timer = setTimeout(() => this.show(), 4 * pause);
      return;
    }
    for (const html of this.#waiting.splice(0)) {
      const box = document.createElement("template");
      box.innerHTML = html.trim();
      const row = box.content.firstElementChild;
      if (!row) continue;
      row.dataset.fresh = "";
      const known = row.id && rows.querySelector(`#${CSS.escape(row.id)}`);
      if (known) known.replaceWith(row);
      else { rows.prepend(row); this.#arrived++; }
    }
    while (rows.children.length > Number(this.dataset.max)) rows.lastElementChild.remove();
    this.parentElement?.querySelector(".empty")?.remove();
    this.tell();
  }

  tell() {
    const now = Date.now();
    if (!this.#arrived || now - this.#announcedAt < quietBetweenAnnouncements) return;
    announce(this.#arrived === 1 ? "1 new run." : `${this.#arrived} new runs.`);
    this.#arrived = 0;
    this.#announcedAt = now;
  }

  state(value, text) {
    this.#state = [value, text];
    const line = this.querySelector("[data-live-state]");
    if (!line) return;
    line.dataset.liveState = value;
    line.querySelector("[data-live-text]").textContent = text;
  }
});
