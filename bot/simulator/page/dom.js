// Builds and updates the document. Promises that text only ever becomes text: no markup is parsed anywhere.

const SVG = "http://www.w3.org/2000/svg";
const HANDLERS = [
  "onclick", "onchange", "oninput", "onkeydown", "onsubmit", "ontoggle", "onmousedown", "onfocus", "onblur",
];

const CHOSEN = ["selected", "checked"]; // of nodes with `data-chosen`, whose state the page decides

/** An element: `h("button.primary", {type: "button", onclick: f}, "Send")`. Absent and false properties are left out. */
export function h(selector, props, ...children) {
  const [tag, ...classes] = selector.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props ?? {})) set(node, name, value);
  append(node, children);
  return node;
}

export function svg(viewBox, ...shapes) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", viewBox);
  node.setAttribute("aria-hidden", "true");
  for (const [tag, attributes] of shapes) {
    const shape = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
    node.append(shape);
  }
  return node;
}

/** Runs what must not stop the rest: a mistake of the page is told to the browser's console. */
export function guarded(work) {
  try {
    work();
  } catch (error) {
    reportError(error);
  }
}

/** The objects of a list that came from the app: nothing else of it can be drawn. */
export function listOf(given) {
  return Array.isArray(given) ? given.filter((one) => one !== null && typeof one === "object") : [];
}

/** Makes `old` look like `fresh`, touching only what differs: focus, selection and scroll positions stay. */
export function morph(old, fresh) {
  if (old === fresh) return old;
  if (!isSame(old, fresh)) {
    old.replaceWith(fresh);
    return fresh;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return old;
  }
  if (old.dataset?.keep) {
    if (fresh.draw) old.draw = fresh.draw;
    return old;
  }
  morphAttributes(old, fresh);
  morphChildren(old, [...fresh.childNodes]);
  return old;
}

/** Replaces the children of `parent`, keeping those that are the same. */
export function fill(parent, ...children) {
  const holder = document.createElement("div");
  append(holder, children);
  morphChildren(parent, [...holder.childNodes]);
}

/** A long list of `{key, sig, render}`: an item is rendered only when its `sig` is new. */
export function reconcile(parent, items) {
  const before = parent.rows ?? new Map();
  const after = new Map();
  let cursor = parent.firstChild;
  for (const { key, sig, render } of items) {
    let row = before.get(key);
    if (!row) row = { sig, node: render() };
    else if (row.sig !== sig) row = { sig, node: morph(row.node, render()) };
    before.delete(key);
    after.set(key, row);
    if (row.node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(row.node, cursor);
  }
  for (const { node } of before.values()) {
    if (node === cursor) cursor = cursor.nextSibling;
    node.remove();
  }
  parent.rows = after;
}

function set(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) node[name] = value;
  else if (name === "value" || name === "checked" || name === "selected") node[name] = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false && child !== "") node.append(child);
  }
}

function isSame(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
}

function keyOf(node) {
  return node.dataset?.key;
}

function morphAttributes(old, fresh) {
  const opens = old.dataset.open !== fresh.dataset.open; // what the page wants open, as against what a person did
  for (const { name, value } of [...fresh.attributes]) {
    if (name === "open" && !opens) continue;
    if (old.getAttribute(name) === value) continue;
    if (name === "style") old.style.cssText = value; // as an attribute the page's policy forbids it
    else old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && (name !== "open" || opens)) old.removeAttribute(name);
  }
  for (const name of CHOSEN) if (fresh.dataset.chosen && old[name] !== fresh[name]) old[name] = fresh[name];
  for (const name of HANDLERS) if (old[name] !== fresh[name]) old[name] = fresh[name];
}

function morphChildren(parent, fresh) {
  const keyed = new Map();
  for (const child of parent.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let cursor = parent.firstChild;
  for (const next of fresh) {
    let match = keyOf(next) ? keyed.get(keyOf(next)) : cursor;
    while (match && !keyOf(next) && keyOf(match)) match = match.nextSibling;
    if (!match || !isSame(match, next)) {
      parent.insertBefore(next, cursor);
      continue;
    }
    if (match === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(match, cursor);
    morph(match, next);
  }
  while (cursor) {
    const gone = cursor;
    cursor = cursor.nextSibling;
    gone.remove();
  }
}
