// Finds the points of a map by their texts, in any script. It stands in the place of the viewer's
// own worker, whose index knows a word by its beginning only, which no script without spaces has:
// see app/site/views/maps.py. The page calls the methods of `search` by messages.

// Characters that are passed over: invisible ones, and the accents and vowel points of scripts
// that are mostly written without them (Latin, Greek, Cyrillic, Hebrew, Arabic).
const PASSED_OVER = /[\p{Cf}\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670]/gu;
const ROLES = /^(?:system|user|assistant|tool): /gm;

// In upper case ß is SS, and σ and ς are the same.
function fold(text) {
  const folded = text.toUpperCase().normalize("NFKD").replace(PASSED_OVER, "");
  return folded.normalize("NFC").replace(/\s+/g, " ").trim();
}

let points = [];

const search = {
  clear() {
    points = [];
  },

  addPoints(added) {
    for (const { id, text } of added) {
      points.push({ id, text: fold((text ?? "").replace(ROLES, "")) });
    }
  },

  // Returns the ids of points with all words of the query; first of those that have it as a whole.
  query(query, limit) {
    const phrase = fold(query);
    const words = phrase.split(" ");
    const found = phrase ? points.filter(({ text }) => words.every(word => text.includes(word))) : [];
    const [whole, apart] = [true, false].map(isWhole =>
      found.filter(({ text }) => text.includes(phrase) === isWhole));
    return [...whole, ...apart].slice(0, limit).map(({ id }) => id);
  },
};

onmessage = ({ data: { type, id, method, args } }) => {
  if (type === "ready") {
    postMessage({ type });
    return;
  }
  const result = type === "call" ? search[method](...args) : "search";
  postMessage({ type: "result", id, result, error: null });
};
