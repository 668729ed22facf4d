// Markdown, as answers are written in: markdown-it makes HTML of it, and `sanitize` lets through what is harmless.
// Text that is still growing is drawn as far as it goes.

import { drawEmoji, escapeHtml, reference, sanitize } from "./sanitize.js";
import MarkdownIt from "./vendor/markdown-it/dist/browser/markdown-it.esm.min.mjs";

const REFERENCE = /<([^<>\n]+)>/y;

const parser = new MarkdownIt({ breaks: true, html: false, linkify: true });
// As in Slack: no code by indentation, no underlined headings, and only web addresses become links by themselves.
parser.disable(["code", "lheading", "reference"]);
parser.linkify.set({ fuzzyEmail: false, fuzzyLink: false }).add("ftp:", null).add("//", null);
parser.inline.ruler.before("autolink", "reference", (state, isSilent) => {
  REFERENCE.lastIndex = state.pos;
  const [whole, inside] = REFERENCE.exec(state.src) ?? [];
  const html = inside && reference(inside, /** @type {App} */ (state.env.app));
  if (!whole || !html) return false;
  if (!isSilent) state.push("html_inline", "", 0).content = html;
  state.pos += whole.length;
  return true;
});
parser.core.ruler.push("adapt", (state) => {
  for (const token of state.tokens) {
    if (/^h[1-4]$/.test(token.tag)) token.tag = `h${Number(token.tag[1]) + 2}`; // below the page's own
    const [, side] = String(token.attrGet("style")).match(/^text-align:(\w+)/) ?? [];
    if (side) token.attrs = [["class", side]]; // the page's policy forbids styles in attributes
  }
});
Object.assign(parser.renderer.rules, {
  fence: draw((token) => `<pre tabindex="0"><code>${escapeHtml(token.content.replace(/\n$/, ""))}</code></pre>`),
  image: draw(
    (token) => `<a href="${escapeHtml(token.attrGet("src") ?? "")}">${escapeHtml(token.content || "image")}</a>`,
  ),
  table_close: () => "</table></div>",
  table_open: () => '<div class="table" tabindex="0"><table>',
  text: draw((token) => drawEmoji(escapeHtml(token.content))),
});

/** @param {string} text @param {App} app */
export function markdown(text, app) {
  return sanitize(parser.render(text, { app }));
}

/** @typedef {{ content: string, attrGet(name: string): string | null }} Token */

/** @param {(token: Token) => string} rule */
function draw(rule) {
  return (/** @type {Token[]} */ tokens, /** @type {number} */ n) => rule(/** @type {Token} */ (tokens[n]));
}
