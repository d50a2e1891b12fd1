// Returns the address of a file of the same edition as this script.
export function asset(path) {
  return new URL(`../${path}`, import.meta.url).href;
}
