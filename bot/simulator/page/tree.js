// JSON to look through: every object and list can be folded.

import { h } from "./dom.js";

const OPEN_DEPTH = 2;
const OPEN_ITEMS = 12; // longer ones start folded
const LONGEST = 4000; // characters shown of one string

export function tree(value, name = "", depth = 0) {
  const parsed = unpacked(value);
  if (parsed === null || typeof parsed !== "object") return leaf(parsed, name);
  const entries = Object.entries(parsed);
  const [open, close] = Array.isArray(parsed) ? ["[", "]"] : ["{", "}"];
  if (!entries.length) return h("div.leaf", {}, label(name), `${open}${close}`);
  const isOpen = depth < OPEN_DEPTH && entries.length <= OPEN_ITEMS;
  const summary = h("summary", {}, label(name), h("span.detail", {}, `${open}${entries.length}${close}`));
  const details = h("details.tree", { open: isOpen }, summary);
  const grow = () => details.append(h("div", {}, entries.map(([key, inner]) => tree(inner, key, depth + 1))));
  if (isOpen) grow();
  else details.addEventListener("toggle", grow, { once: true });
  return details;
}

/** Forms carry JSON inside strings: it is unpacked to be read. */
function unpacked(value) {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function leaf(value, name) {
  const kind = value === null ? "null" : typeof value;
  const text = kind === "string" ? value : String(value);
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text;
  return h("div.leaf", {}, label(name), h(`span.${kind}`, {}, shown === "" ? '""' : shown));
}

function label(name) {
  return name === "" ? null : h("span.key", {}, `${name}: `);
}
