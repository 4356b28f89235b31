// <embedded-sign-in data-hosts>: inside HighLevel's frame, asks the page around who is there and posts the answer, which
// is sealed for our server, to it. Only answers of the frame's owner, from a host that is allowed, are taken.
function allowed(origin, patterns) {
  let from;
  try { from = new URL(origin); } catch { return false; }
  return patterns.some((pattern) => {
    const [scheme, host] = pattern.split("://");
    if (from.protocol !== `${scheme}:`) return false;
    return host.startsWith("*.") ? from.host.endsWith(host.slice(1)) : from.host === host;
  });
}

customElements.define("embedded-sign-in", class extends HTMLElement {
  #abort;
  #timer;

  connectedCallback() {
    if (window.parent === window) return this.alone();
    this.#abort = new AbortController();
    const hosts = this.dataset.hosts.split(" ").filter(Boolean);
    window.addEventListener("message", (event) => {
      if (event.source !== window.parent || !allowed(event.origin, hosts)) return;
      if (event.data?.message !== "REQUEST_USER_DATA_RESPONSE" || typeof event.data.payload !== "string") return;
      this.#abort.abort();
      clearTimeout(this.#timer);
      this.send(event.data.payload);
    }, { signal: this.#abort.signal });
    window.parent.postMessage({ message: "REQUEST_USER_DATA" }, "*"); // asks, and tells nothing
    this.#timer = setTimeout(() => { this.querySelector("[data-says]").textContent = "HighLevel does not answer. Reload the page there."; }, 15_000);
  }

  disconnectedCallback() {
    this.#abort?.abort();
    clearTimeout(this.#timer);
  }

  send(context) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = this.dataset.action;
    form.hidden = true;
    const input = document.createElement("input");
    input.type = "hidden";
    input.name = "context";
    input.value = context;
    form.append(input);
    this.append(form);
    form.submit();
  }

  alone() {
    this.querySelector("[data-says]").hidden = true;
    this.querySelector("[data-alone]").hidden = false;
  }
});
