// Puts a button that copies beside code, in which it names this server. The server itself doesn't
// know by which address it is reached, and what a request says of it may be anything.

const SERVER = "LAKE_URL";

export function nameThisServer(root) {
  for (const code of root.querySelectorAll("[data-copy] code")) {
    if (code.textContent.includes(SERVER)) {
      code.textContent = code.textContent.replaceAll(SERVER, window.location.origin);
    }
  }
}

export function offerCopies(root) {
  for (const code of root.querySelectorAll("[data-copy]:not(:has(button))")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    code.append(button);
  }
}
