// <row-editor popover>: the browser opens and closes it; this moves focus in,
// keeps it open while transforms are added, and closes it once saved.
customElements.define("row-editor", class extends HTMLElement {
  static observedAttributes = ["data-open"]; // set by the server, e.g. after a refused save

  #abort;

  connectedCallback() {
    this.#abort = new AbortController();
    const options = { signal: this.#abort.signal };
    this.addEventListener("toggle", (event) => {
      if (event.newState === "open") this.querySelector("h2")?.focus();
    }, options);
    this.addEventListener("submit", (event) => { this.saving = event.submitter?.value === "save"; }, options);
    document.addEventListener("htmx:after:swap", () => this.settle(), options);
    this.attributeChangedCallback();
  }

  attributeChangedCallback() {
    if (this.isConnected && this.hasAttribute("data-open") && !this.matches(":popover-open")) this.showPopover();
  }

  disconnectedCallback() { this.#abort.abort(); }

  settle() {
    if (this.saving && !this.querySelector("[aria-invalid]") && this.matches(":popover-open")) this.hidePopover();
    this.saving = false;
  }
});
