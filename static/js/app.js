// Loads every behaviour. Each file is one, and most are light-DOM custom
// elements: the browser wakes them after each swap, so nothing is re-initialised.
// On <html>, outside anything that is swapped: parts that need script show.
document.documentElement.dataset.script = "";

import "./announce.js";
import "./toast.js";
import "./theme.js";
import "./copy.js";
import "./localtime.js";
import "./live.js";
import "./search.js";
import "./canvas.js";
import "./editor.js";
import "./embedded.js";
