// What a tab remembers, and a new one begins with what the last one did. A browser that forbids it just forgets.

const PREFIX = "workspace.";

/** @param {string} name @param {any} otherwise @returns {any} */
export function recall(name, otherwise) {
  try {
    const kept = sessionStorage.getItem(PREFIX + name) ?? localStorage.getItem(PREFIX + name);
    return JSON.parse(kept ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {unknown} value */
export function remember(name, value) {
  try {
    for (const store of [sessionStorage, localStorage]) store.setItem(PREFIX + name, JSON.stringify(value));
  } catch {} // private windows and full disks
}
