// Loads the scripts that parts of a page name, also of parts that come later.

import { asset } from "./assets.js";

export function loadModules(root) {
  for (const part of root.querySelectorAll("[data-module]:not([data-enhanced])")) {
    part.dataset.enhanced = "";
    import(asset(`site/${part.dataset.module}.js`)).then((module) => module.enhance(part));
  }
}
