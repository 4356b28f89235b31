// Tells when the server could not be reached, with a way out. The server's own
// refusals come as pages and need no toast.
const lasting = 12_000;

function toast(text) {
  const region = document.getElementById("toasts");
  if (!region) return;
  const box = document.createElement("div");
  box.className = "toast";
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Dismiss";
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  region.replaceChildren(box);
  setTimeout(() => box.remove(), lasting);
}

document.addEventListener("htmx:error", () =>
  toast("Crosswalk did not answer. What you see is not saved yet; try again in a moment."));
document.addEventListener("htmx:response:error", (event) => {
  const status = event.detail?.ctx?.response?.status;
  if (status >= 502 && status <= 504) toast("Crosswalk is busy or starting. Try again in a moment.");
});
