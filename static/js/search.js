// <field-search for="canvas">: hides the fields that do not match, on both
// sides, and tells how many are left.
import { announce } from "./announce.js";

customElements.define("field-search", class extends HTMLElement {
  connectedCallback() {
    this.abort = new AbortController();
    this.addEventListener("input", () => this.filter(true), { signal: this.abort.signal });
    // A swap brings hidden fields back; what was typed is still there.
    document.addEventListener("htmx:after:swap", () => this.filter(false), { signal: this.abort.signal });
  }

  disconnectedCallback() { this.abort.abort(); }

  filter(tell) {
    const canvas = document.getElementById(this.getAttribute("for"));
    if (!canvas) return;
    const wanted = this.querySelector("input").value.trim().toLowerCase();
    let shown = 0;
    for (const field of canvas.querySelectorAll("[data-label]")) {
      const hit = field.dataset.label.toLowerCase().includes(wanted);
      field.toggleAttribute("data-filtered", !hit);
      if (hit) shown++;
    }
    canvas.dispatchEvent(new Event("canvas:changed"));
    if (!tell) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => announce(wanted ? `${shown} fields match.` : "All fields."), 600);
  }
});
