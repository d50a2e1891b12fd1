// Puts the address of the lake into lines to copy: the one that this browser has is right behind
// any proxy.

function putAddress(root) {
  for (const line of root.querySelectorAll("[data-address] code")) {
    line.textContent = line.textContent.replaceAll("$LAKE", window.location.origin);
  }
}

document.addEventListener("htmx:afterSettle", () => putAddress(document));
putAddress(document);
