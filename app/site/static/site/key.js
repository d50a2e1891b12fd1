// A key that a person enters stays in a variable of this page, and goes to this server only, as a
// header. While one is in use, links replace the page's main part, since a new page would lose it.

let key = null;

export function useKeys() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-key-form]")) return;
    event.preventDefault();
    key = event.target.querySelector("input").value.trim();
    setInUse(true);
    reload();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-forget-key]")) {
      // A page that is loaded anew knows nothing of what this one knew.
      window.location.reload();
    }
  });
  // Before the link itself hears of the click: htmx would put the file into the page.
  document.addEventListener("click", (event) => {
    const download = event.target.closest("a[download]");
    if (download && key) {
      event.preventDefault();
      event.stopPropagation();
      save(download);
    }
  }, { capture: true });
  document.addEventListener("htmx:configRequest", (event) => {
    if (key) event.detail.headers["Authorization"] = `Bearer ${key}`;
  });
  // Other answers have texts of strangers in them, whose attributes htmx would obey, with the key.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { boosted, pathInfo, requestConfig, xhr } = event.detail;
    if (xhr.getResponseHeader("Content-Type")?.startsWith("text/html")) return;
    event.detail.shouldSwap = false;
    // The browser shows it by itself, as it would without a key.
    if (boosted && requestConfig.verb === "get") window.location.assign(pathInfo.requestPath);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const { target } = event.detail;
    if (target.id === "main") document.getElementById("main").focus();
    // The form goes once it is done, and with it the button that was pressed.
    if (target.matches(".outcome")) target.focus();
  });
}

function setInUse(isInUse) {
  document.querySelector(".key-in-use").hidden = !isInUse;
  const names = { "hx-boost": "true", "hx-target": "#main", "hx-select": "#main", "hx-select-oob": "#pages", "hx-swap": "outerHTML show:window:top" };
  for (const [name, value] of Object.entries(names)) document.body.setAttribute(name, value);
  htmx.process(document.body);
}

function reload() {
  const address = window.location.pathname + window.location.search;
  htmx.ajax("GET", address, { target: "#main", select: "#main", swap: "outerHTML" });
}

// A link can't send a header, so its file is fetched and handed to the browser.
async function save(link) {
  const answer = await fetch(link.href, { headers: { Authorization: `Bearer ${key}` } });
  if (!answer.ok) {
    link.insertAdjacentText("afterend", ` (${answer.status}: ${answer.statusText})`);
    return;
  }
  const address = URL.createObjectURL(await answer.blob());
  const given = document.createElement("a");
  given.href = address;
  given.download = link.download || new URL(link.href).pathname.split("/").pop();
  given.click();
  URL.revokeObjectURL(address);
}
