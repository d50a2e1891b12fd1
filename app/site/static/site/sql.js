// Puts the editor in the place of the query's textarea, which stays in its form.

import { asset } from "./assets.js";

export async function enhance(textarea) {
  const { createEditor } = await import(asset("vendor/editor.js"));
  createEditor(textarea, {
    schema: JSON.parse(textarea.dataset.schema),
    onRun: () => textarea.form.requestSubmit(),
  });
}
