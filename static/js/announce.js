// One polite live region for the whole page, owned by the shell.
const region = () => document.getElementById("announce");

// announce speaks a sentence. Saying the same thing twice must speak twice, so
// the region is emptied first.
export function announce(text) {
  const node = region();
  if (!node) return;
  node.textContent = "";
  requestAnimationFrame(() => { node.textContent = text; });
}

// After a swap: say what the server wants said, and move focus to a summary of
// errors. A message that stays on the page is said once.
let said = new Set();
document.addEventListener("htmx:after:swap", () => {
  const main = document.getElementById("main");
  if (!main) return;
  const now = [...main.querySelectorAll("[data-announce]")].map((node) => node.dataset.announce);
  const fresh = now.filter((text) => !said.has(text));
  said = new Set(now);
  if (fresh.length) announce(fresh.join(" "));
  main.querySelector("[data-focus-on-swap]")?.focus();
});
