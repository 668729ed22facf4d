// Slack's own markup: *bold*, _italic_, ~strike~, `code`, <url|label>, quotes, bullets.

import { h } from "./dom.js";
import { emoji, isEmoji } from "./emoji.js";
import { bracketed, decoded, isBracketed } from "./links.js";

const MARKS = { "*": "b", _: "i", "~": "s" };
const DEEPEST = 12;

export function mrkdwn(text, context) {
  const nodes = [];
  text.split("```").forEach((part, position, parts) => {
    const isCode = position % 2 === 1 && position < parts.length - 1;
    if (isCode) nodes.push(h("pre", { tabindex: 0 }, h("code", {}, decoded(part.replace(/^\n|\n$/g, "")))));
    else if (position % 2 === 1) nodes.push(...lines("```" + part, context));
    else if (part.trim() || parts.length === 1) nodes.push(...lines(part.replace(/^\n|\n$/g, ""), context));
  });
  return nodes;
}

/** One line of mrkdwn, without blocks. */
export function inline(text, context, depth = 0) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(decoded(plain));
    plain = "";
  };
  for (let at = 0; at < text.length; ) {
    const [node, end] = token(text, at, context, depth);
    if (node) {
      flush();
      nodes.push(node);
      at = end;
    } else plain += text[at++];
  }
  flush();
  return nodes;
}

function lines(text, context) {
  const nodes = [];
  for (const line of text.split("\n")) {
    const quoted = line.match(/^(?:&gt;|>) ?(.*)$/);
    const bullet = line.match(/^\s*[•◦-] (.*)$/);
    const last = nodes.at(-1);
    if (quoted && last?.nodeName === "BLOCKQUOTE") last.append(h("br"), ...inline(quoted[1], context));
    else if (quoted) nodes.push(h("blockquote", {}, inline(quoted[1], context)));
    else if (bullet && last?.nodeName === "UL") last.append(h("li", {}, inline(bullet[1], context)));
    else if (bullet) nodes.push(h("ul", {}, h("li", {}, inline(bullet[1], context))));
    else if (last?.nodeName === "P") last.append(h("br"), ...inline(line, context));
    else nodes.push(h("p", {}, inline(line, context)));
  }
  return nodes;
}

function token(text, at, context, depth) {
  const character = text[at];
  if (character === "<") {
    const end = text.indexOf(">", at);
    const inside = text.slice(at + 1, end);
    if (end > 0 && isBracketed(inside)) return [bracketed(inside, context), end + 1];
  }
  if (character === "`") {
    const end = text.indexOf("`", at + 1);
    if (end > at + 1) return [h("code", {}, decoded(text.slice(at + 1, end))), end + 1];
  }
  if (character === ":") {
    const name = text.slice(at, at + 40).match(/^:([a-z0-9_+'-]+):/);
    if (name && isEmoji(name[1])) return [emoji(name[1]), at + name[0].length];
  }
  if (Object.hasOwn(MARKS, character) && depth < DEEPEST) {
    const end = closing(text, at);
    if (end > 0) return [h(MARKS[character], {}, inline(text.slice(at + 1, end), context, depth + 1)), end + 1];
  }
  return [null, at];
}

/** Where the mark at `at` ends: marks stand at the edges of words. */
function closing(text, at) {
  const isWord = (character) => character !== undefined && /[\p{L}\p{N}]/u.test(character);
  if (isWord(text[at - 1]) || !text[at + 1] || /\s/.test(text[at + 1])) return -1;
  for (let end = text.indexOf(text[at], at + 2); end > 0; end = text.indexOf(text[at], end + 1)) {
    if (!/\s/.test(text[end - 1]) && !isWord(text[end + 1])) return end;
  }
  return -1;
}
