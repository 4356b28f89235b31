// <copy-value>: copies its value; where that is not allowed it selects it.
import { announce } from "./announce.js";

customElements.define("copy-value", class extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("[data-copy]");
    if (!button) return;
    button.onclick = () => this.copy();
    this.querySelector("input").onfocus = (event) => event.target.select();
  }

  async copy() {
    const input = this.querySelector("input");
    try {
      await navigator.clipboard.writeText(input.value);
      announce("Copied.");
      this.flash("Copied ✓");
    } catch {
      input.focus(); // selected, so that the keyboard can copy
      announce("Could not copy by itself. The text is selected.");
    }
  }

  flash(text) {
    const label = this.querySelector("[data-copy]").firstChild;
    const before = label.textContent;
    label.textContent = text;
    setTimeout(() => { label.textContent = before; }, 1600);
  }
});
