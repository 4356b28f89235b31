// Copies the third-party files the pages need from node_modules into
// static/vendor, where static.go embeds them. Run: node static/vendor.mjs
import { copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "..", "node_modules");
const vendor = join(here, "vendor");

// Latin and Latin Extended cover the interface; other scripts in customers'
// data fall back to the system's fonts.
const files = {
  "htmx.org/dist/htmx.min.js": "htmx.js",
  "htmx.org/LICENSE": "htmx.LICENSE.txt",
  "@fontsource-variable/inter/files/inter-latin-opsz-normal.woff2": "inter-latin.woff2",
  "@fontsource-variable/inter/files/inter-latin-ext-opsz-normal.woff2": "inter-latin-ext.woff2",
  "@fontsource-variable/inter/LICENSE": "inter.LICENSE.txt",
  "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2": "jetbrains-mono-latin.woff2",
  "@fontsource-variable/jetbrains-mono/LICENSE": "jetbrains-mono.LICENSE.txt",
};

await mkdir(vendor, { recursive: true });
for (const name of await readdir(vendor)) {
  if (name !== ".gitkeep") await rm(join(vendor, name), { recursive: true });
}
for (const [from, to] of Object.entries(files)) {
  await copyFile(join(modules, from), join(vendor, to));
}
console.log(`static/vendor: ${Object.keys(files).length} files copied`);
