// The editor of SQL: CodeMirror with the parts that the console needs.
//
// Its colours follow the page's `color-scheme`. A page may set them by these variables of CSS:
// --editor-text, --editor-background, --editor-border, --editor-focus, --editor-muted,
// --editor-selected-text, --editor-selected-background, --editor-match, --editor-mismatch,
// --editor-special, --editor-keyword, --editor-function, --editor-type, --editor-string and
// --editor-number; its typeface and sizes by --editor-font, --editor-font-size, --editor-min-height
// and --editor-max-height.

import { autocompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { sql } from "@codemirror/lang-sql";
import { HighlightStyle, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

import { DuckDB } from "./duckdb.js";

// As many as are seen at once: a list that scrolls couldn't be scrolled by keys alone.
const MAX_PROPOSALS = 12;

const muted = "var(--editor-muted, light-dark(#5c6068, #a6abb3))";
const border = "1px solid var(--editor-border, light-dark(#868a92, #7d828b))";
const text = "var(--editor-text, CanvasText)";
const background = "var(--editor-background, Canvas)";

const theme = EditorView.theme({
  "&": {
    color: text,
    backgroundColor: background,
    border,
    fontSize: "var(--editor-font-size, inherit)",
  },
  "&.cm-focused": {
    outline: "2px solid var(--editor-focus, light-dark(#0b57d0, #8ab4f8))",
    outlineOffset: "1px",
  },
  ".cm-scroller": {
    fontFamily: "var(--editor-font, monospace)",
    lineHeight: "1.5",
    maxHeight: "var(--editor-max-height, 24rem)",
    overflow: "auto",
  },
  // The text itself is as high as the editor: a click below its lines is one into it. Firefox gave
  // the focus to what scrolls, and what was typed then went nowhere.
  ".cm-content, .cm-gutter": { minHeight: "var(--editor-min-height, 8rem)" },
  ".cm-content": { caretColor: "currentcolor" },
  ".cm-gutters": { color: muted, backgroundColor: "transparent", border: "none" },
  ".cm-specialChar": { color: "var(--editor-special, light-dark(#b3001b, #ff9a9a))" },
  "&.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--editor-match, light-dark(#cde8e4, #23524c))",
  },
  "&.cm-focused .cm-nonmatchingBracket": {
    backgroundColor: "var(--editor-mismatch, light-dark(#f6d5d5, #6b2a2a))",
  },
  ".cm-tooltip": { color: text, backgroundColor: background, border },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": {
    fontFamily: "var(--editor-font, monospace)",
    maxHeight: "none",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    color: "var(--editor-selected-text, HighlightText)",
    backgroundColor: "var(--editor-selected-background, Highlight)",
  },
});

const highlighting = HighlightStyle.define([
  {
    tag: [tags.keyword, tags.bool, tags.null],
    color: "var(--editor-keyword, light-dark(#7a1fa2, #d9a8f2))",
  },
  {
    tag: tags.standard(tags.name),
    color: "var(--editor-function, light-dark(#00607a, #7fd0e0))",
  },
  { tag: tags.typeName, color: "var(--editor-type, light-dark(#8a4b00, #f0b878))" },
  {
    tag: [tags.string, tags.special(tags.string)],
    color: "var(--editor-string, light-dark(#1a6b2d, #8fd19e))",
  },
  { tag: tags.number, color: "var(--editor-number, light-dark(#0b5c8a, #8cc8f0))" },
  { tag: tags.comment, color: muted, fontStyle: "italic" },
]);

// Keywords stand in capitals, functions and types in small letters, and all after the columns.
function keywordCompletion(word, type) {
  return { label: type === "keyword" ? word.toUpperCase() : word, type, boost: -1 };
}

// Types over a selection. Left to itself, Chromium keeps the colour of the text that goes in a style
// attribute, which the policy of the pages refuses with an error in the console.
const typeOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { state } = view;
    if (event.inputType !== "insertText" || !event.data || state.selection.main.empty) {
      return false;
    }
    view.dispatch(state.replaceSelection(event.data), {
      userEvent: "input.type",
      scrollIntoView: true,
    });
    return true;
  },
});

/**
 * Puts an editor in the place of a textarea, which stays in its form, hidden, with the editor's
 * text as its value. Each change of the text is an `input` event of the textarea.
 *
 * Tab leaves the editor, as it leaves a textarea; Ctrl+Enter, or Cmd+Enter, runs the query.
 *
 * @param {HTMLTextAreaElement} textarea Its label is that of the editor.
 * @param {object} options
 * @param {Object<string, Array<string | {label: string, detail?: string}>>} options.schema The
 *   tables with their columns, which are proposed while one types. A detail, such as the type of a
 *   column, is shown beside its name.
 * @param {function(string): void} options.onRun Called with the text.
 * @returns {{focus: function(): void, replaceText: function(string): void}} What a page may do
 *   with the editor.
 */
export function createEditor(textarea, { schema, onRun }) {
  const host = document.createElement("div");
  host.className = "editor";
  textarea.after(host);
  // In a shadow tree CodeMirror adopts a style sheet. In the page's own tree it would write one
  // into a style element, which the policy of the pages refuses.
  const root = host.attachShadow({ mode: "open" });
  const labels = [...textarea.labels];
  const label = labels.map((each) => each.textContent.trim()).join(" ");
  const run = () => {
    onRun(textarea.value);
    return true;
  };
  const view = new EditorView({
    parent: root,
    doc: textarea.value,
    extensions: [
      // The first binding of a key counts: this one, and not the one of the default keymap.
      keymap.of([{ key: "Mod-Enter", run }, ...historyKeymap, ...defaultKeymap]),
      history(),
      typeOver,
      lineNumbers(),
      // Characters that aren't seen, such as those that turn the direction of text.
      highlightSpecialChars(),
      bracketMatching(),
      autocompletion({ icons: false, maxRenderedOptions: MAX_PROPOSALS }),
      sql({ dialect: DuckDB, schema, keywordCompletion }),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({
        "aria-label": label || textarea.getAttribute("aria-label") || "SQL",
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) {
          textarea.value = update.state.doc.toString();
          textarea.dispatchEvent(new Event("input", { bubbles: true }));
        }
      }),
      syntaxHighlighting(highlighting),
      theme,
    ],
  });
  textarea.hidden = true;
  for (const each of labels) {
    each.addEventListener("click", () => view.focus());
  }
  return {
    focus: () => view.focus(),
    replaceText: (replacement) =>
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: replacement } }),
  };
}
