// What the browser remembers between visits. A browser that forbids it just forgets.

const PREFIX = "workspace.";

/** @param {string} name @param {any} otherwise @returns {any} */
export function recall(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {unknown} value */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {} // private windows and full disks
}
