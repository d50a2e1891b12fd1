// What every page can do beside being read: use a key, draw its charts, copy its code.

import { useKeys } from "./key.js";
import { drawCharts } from "./charts.js";
import { offerCopies } from "./copy.js";

function enhance(root) {
  drawCharts(root);
  offerCopies(root);
}

useKeys();
enhance(document);
// Parts that htmx puts in later.
document.addEventListener("htmx:afterSettle", (event) => enhance(event.detail.elt));
