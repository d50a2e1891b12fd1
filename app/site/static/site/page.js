// What every page can do beside being read: use a key, draw its charts, copy its code.

import { useKeys } from "./key.js";
import { drawCharts } from "./charts.js";
import { nameThisServer, offerCopies } from "./copy.js";
import { loadModules } from "./modules.js";

function enhance(root) {
  drawCharts(root);
  nameThisServer(root);
  offerCopies(root);
  loadModules(root);
}

useKeys();
enhance(document);
// Parts that htmx puts in later.
document.addEventListener("htmx:afterSettle", (event) => enhance(event.detail.elt));
