// What every page can do beside being read: use a key, draw its charts, copy its code with the
// address of the lake.

import { useKeys } from "./key.js";
import { drawCharts } from "./charts.js";
import { putAddress } from "./address.js";
import { offerCopies } from "./copy.js";
import { loadModules } from "./modules.js";
import { offerSliders } from "./slider.js";

function enhance(root) {
  drawCharts(root);
  putAddress(root);
  offerCopies(root);
  loadModules(root);
  offerSliders(root);
}

useKeys();
enhance(document);
// Parts that htmx puts in later.
document.addEventListener("htmx:afterSettle", (event) => enhance(event.detail.elt));
