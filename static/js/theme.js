// <theme-switch>: applies the choice at once and saves it in the background.
// Without script the form inside does the same with a page load.
customElements.define("theme-switch", class extends HTMLElement {
  connectedCallback() { this.addEventListener("submit", this); }
  disconnectedCallback() { this.removeEventListener("submit", this); }

  handleEvent(event) {
    const value = event.submitter?.value;
    if (!value) return;
    event.preventDefault();
    document.documentElement.dataset.theme = value;
    for (const button of document.querySelectorAll("theme-switch button")) {
      button.setAttribute("aria-pressed", String(button.value === value));
    }
    const form = event.target;
    // A failure only means the choice is forgotten at the next page.
    fetch(form.action, { method: "POST", body: new URLSearchParams({ theme: value }), redirect: "manual" }).catch(() => {});
  }
});
