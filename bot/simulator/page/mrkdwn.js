// Slack's own markup, as `*bold* _italic_ ~strike~ <url|label>`, and the way from typed text to it.

import { decode, drawEmoji, escapeHtml, reference, sanitize } from "./sanitize.js";

const FENCE = /\n?```\n?([\s\S]+?)\n?```\n?/g;
const CODE = /`([^`\n]+)`/g;
const REFERENCE = /<([^<>\n]+)>/g;
const QUOTE = /(?:^&gt;.*(?:\n|$))+/gm;
const LIST = /(?:^ *[•◦-] .*(?:\n|$))+/gm;
const KEPT = /\uE000(\d+)\uE001/g;
const MARKS = /** @type {const} */ ([
  ["b", /(?<![\p{L}\p{N}])\*(?![\s*])([^\n*]*[^\s*])\*(?![\p{L}\p{N}])/gu],
  ["i", /(?<![\p{L}\p{N}])_(?![\s_])([^\n_]*[^\s_])_(?![\p{L}\p{N}])/gu],
  ["s", /(?<![\p{L}\p{N}])~(?![\s~])([^\n~]*[^\s~])~(?![\p{L}\p{N}])/gu],
]);

/** @param {string} text @param {App} app */
export function mrkdwn(text, app) {
  /** @type {string[]} code and links, which no mark may change */
  const kept = [];
  const keep = (/** @type {string} */ html) => `\uE000${kept.push(html) - 1}\uE001`;
  const plain = (/** @type {string} */ code) => escapeHtml(decode(code));
  let html = text
    .replace(/[\uE000\uE001]/g, "")
    .replace(FENCE, (_, code) => keep(`<pre tabindex="0"><code>${plain(code)}</code></pre>`))
    .replace(CODE, (_, code) => keep(`<code>${plain(code)}</code>`))
    .replace(REFERENCE, (whole, inside) => {
      const found = reference(inside, app);
      return found ? keep(found) : whole;
    });
  html = drawEmoji(plain(html));
  for (const [tag, mark] of MARKS) html = html.replace(mark, `<${tag}>$1</${tag}>`);
  html = html
    .replace(QUOTE, (lines) => `<blockquote>${lines.trimEnd().replace(/^&gt; ?/gm, "")}</blockquote>`)
    .replace(LIST, (lines) => `<ul>${lines.replace(/^ *[•◦-] (.*)\n?/gm, "<li>$1</li>")}</ul>`)
    .replaceAll("\n", "<br>")
    .replace(KEPT, (_, n) => kept[Number(n)] ?? "");
  return sanitize(html);
}

/** Returns what a person would type for wire text: the other way. @param {string} text @param {App} app */
export function toTyped(text, app) {
  const named = text.replace(/<([@#])([A-Z0-9]+)(?:\|[^>]*)?>/g, (whole, kind, id) => {
    const name = kind === "@" ? app.nameOf(id) : app.channels.get(id)?.name;
    return name ? `${kind}${name}` : whole;
  });
  return decode(named);
}

/** Returns wire text: `@Docent a < b` becomes `<@U…> a &lt; b`. @param {string} typed @param {App} app */
export function toWire(typed, app) {
  /** @type {Map<string, string>} */
  const tokens = new Map();
  for (const { id, name } of app.channels.values())
    if (name) tokens.set(`#${name}`.toLowerCase(), `<#${id}|${name}>`);
  for (const { id, name, real_name } of app.users.values()) {
    for (const label of [name, real_name]) if (label) tokens.set(`@${label}`.toLowerCase(), `<@${id}>`);
  }
  const names = [...tokens.keys()]
    .sort((a, b) => b.length - a.length)
    .map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`(?<=^|[\\s(,;])(?:${names.join("|")})(?![\\p{L}\\p{N}])`, "giu");
  return escapeHtml(typed.trim())
    .replaceAll("&quot;", '"')
    .replace(pattern, (name) => tokens.get(name.toLowerCase()) ?? name);
}
