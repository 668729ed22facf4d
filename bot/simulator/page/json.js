// JSON to look through.

import { html } from "./dom.js";

/** Draws a value; JSON inside its strings is unpacked. @param {string} name @param {unknown} value */
export function drawJson(name, value) {
  const text = JSON.stringify(value, (_, inner) => unpack(inner), 2);
  return html`<p class="detail">${name}</p> <pre class="json" tabindex="0">${text}</pre>`;
}

/** @param {unknown} value */
function unpack(value) {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
