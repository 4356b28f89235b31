// <local-time>: shows the moment of its <time> by the reader's clock; without it the page says UTC.
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

customElements.define("local-time", class extends HTMLElement {
  connectedCallback() {
    // A morph brings the server's words back into an element that stays.
    this.watch ??= new MutationObserver(() => this.show());
    this.watch.observe(this, { childList: true, characterData: true, subtree: true, attributes: true, attributeFilter: ["datetime"] });
    this.show();
  }

  disconnectedCallback() {
    this.watch.disconnect();
  }

  show() {
    const time = this.querySelector("time");
    const at = new Date(time?.dateTime ?? NaN);
    if (Number.isNaN(at.getTime())) return;
    const words = (at.getUTCSeconds() ? exact : short).format(at);
    if (time.textContent === words) return;
    if (time.textContent.endsWith("UTC")) time.title = time.textContent;
    time.textContent = words;
  }
});
