// Puts the address of the lake into lines to copy: the one that this browser has is right behind
// any proxy, and the server never repeats the header Host.

export function putAddress(root) {
  for (const line of root.querySelectorAll("[data-copy] code")) {
    if (line.textContent.includes("$LAKE")) {
      line.textContent = line.textContent.replaceAll("$LAKE", window.location.origin);
    }
  }
}
