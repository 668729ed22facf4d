// What every part draws with: lit-html's templates, which make text of every string, and a few helpers.

import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";

export { guard } from "./vendor/lit-html/directives/guard.js";
export { html, nothing, render };

/** Draws each item of a list; those that move keep their nodes.
 * @template T @param {T[]} items @param {keyof T} key @param {(item: T, n: number) => unknown} draw */
export function keyed(items, key, draw) {
  return repeat(items, (item) => item[key], draw);
}

/** @param {string} tag @param {string} className @param {Record<string, unknown>} properties */
export function element(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

/** Returns the objects of a list that came from the app: nothing else of it can be drawn. @param {any} list */
export function listOf(list) {
  const items = Array.isArray(list) ? list : [];
  return /** @type {Slack.Block[]} */ (items.filter((item) => item !== null && typeof item === "object"));
}

/** Returns the string of a text object that came from the app. @param {any} text */
export function textOf(text) {
  return typeof text === "string" ? text : String(text?.text ?? "");
}

/** Reports a mistake of the page to the browser's console, and lets the rest go on. @param {() => void} work */
export function attempt(work) {
  try {
    work();
  } catch (error) {
    reportError(error);
  }
}
