// Standard Markdown within a line: emphasis, code, links.

import { h } from "./dom.js";
import { emoji, isEmoji } from "./emoji.js";
import { bracketed, isBracketed, link } from "./links.js";

const MARKS = [["***", "b"], ["**", "b"], ["__", "b"], ["~~", "s"], ["*", "i"], ["_", "i"]];
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: "\u00a0", "#39": "'", apos: "'" };
const DEEPEST = 12;
const LONGEST_LINK = 4_000; // characters looked at for the end of a link's label or address

export function span(text, context, depth = 0) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(plain);
    plain = "";
  };
  for (let at = 0; at < text.length; ) {
    const [found, end] = token(text, at, context, depth);
    if (end > at) {
      if (typeof found === "string") plain += found;
      else {
        flush();
        nodes.push(found);
      }
      at = end;
    } else plain += text[at++];
  }
  flush();
  return nodes;
}

function token(text, at, context, depth) {
  const character = text[at];
  if (character === "\n") return [h("br"), at + 1];
  if (character === "\\" && /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "")) return [text[at + 1], at + 2];
  if (character === "`") return code(text, at);
  if (character === "&") {
    const entity = text.slice(at, at + 8).match(/^&(#39|\w+);/);
    if (entity && Object.hasOwn(ENTITIES, entity[1])) return [ENTITIES[entity[1]], at + entity[0].length];
  }
  if (character === "<") {
    const end = text.indexOf(">", at);
    const inside = end > 0 ? text.slice(at + 1, end) : "";
    if (isBracketed(inside)) return [bracketed(inside, context), end + 1];
  }
  if (character === "!" && text[at + 1] === "[") {
    const found = linked(text, at + 1);
    if (found) return [link(found.url, found.label || "image"), found.end];
  }
  if (character === "[" && depth < DEEPEST) {
    const found = linked(text, at);
    if (found) return [link(found.url, ...span(found.label, context, depth + 1)), found.end];
  }
  if (character === "h" && !/\w/.test(text[at - 1] ?? "")) {
    const url = text.slice(at, at + LONGEST_LINK).match(/^https?:\/\/[^\s<>"'`|\\]*[^\s<>"'`|\\.,;:!?)\]*_~]/);
    if (url) return [link(url[0]), at + url[0].length];
  }
  if (character === ":") {
    const name = text.slice(at, at + 40).match(/^:([a-z0-9_+'-]+):/);
    if (name && isEmoji(name[1])) return [emoji(name[1]), at + name[0].length];
  }
  return depth < DEEPEST ? emphasis(text, at, context, depth) : [null, at];
}

function code(text, at) {
  const mark = text.slice(at).match(/^`+/)[0];
  let end = text.indexOf(mark, at + mark.length);
  while (end > 0 && text[end + mark.length] === "`") end = text.indexOf(mark, end + mark.length + 1);
  if (end < 0) return [mark, at + mark.length];
  return [h("code", {}, text.slice(at + mark.length, end).replace(/^ (.+) $/, "$1")), end + mark.length];
}

/** `[label](url "title")`; labels may hold brackets, as in `[[1]](https://…)`. */
function linked(text, at) {
  const middle = matching(text, at, "[", "]");
  if (middle < 0 || text[middle + 1] !== "(") return null;
  const end = matching(text, middle + 1, "(", ")");
  if (end < 0) return null;
  const target = text.slice(middle + 2, end).trim().match(/^<?([^\s>]*)>?(?:\s+["'(].*)?$/s);
  return target ? { label: text.slice(at + 1, middle), url: target[1].replaceAll("&amp;", "&"), end: end + 1 } : null;
}

function matching(text, at, opener, closer) {
  let depth = 0;
  for (let end = at; end < Math.min(text.length, at + LONGEST_LINK); end += 1) {
    if (text[end] === "\\") end += 1;
    else if (text[end] === opener) depth += 1;
    else if (text[end] === closer && --depth === 0) return end;
  }
  return -1;
}

function emphasis(text, at, context, depth) {
  const found = MARKS.find(([mark]) => text.startsWith(mark, at));
  if (!found || !text[at + found[0].length] || /\s/.test(text[at + found[0].length])) return [null, at];
  const [mark, tag] = found;
  const isWordly = mark[0] === "_";
  if (isWordly && /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) return [mark, at + mark.length];
  const from = at + mark.length;
  for (let end = text.indexOf(mark, from); end > 0; end = text.indexOf(mark, end + 1)) {
    const isInside = mark.length === 1 && (text[end + 1] === mark || text[end - 1] === mark);
    if (end === from || isInside || /\s/.test(text[end - 1])) continue;
    if (isWordly && /[\p{L}\p{N}]/u.test(text[end + mark.length] ?? "")) continue;
    const inner = span(text.slice(from, end), context, depth + 1);
    return [h(tag, {}, mark === "***" ? h("i", {}, inner) : inner), end + mark.length];
  }
  return [mark, at + mark.length];
}
