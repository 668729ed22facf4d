// The only way from HTML into the page. Promises that what comes out runs nothing, loads nothing, and links to web
// and mail addresses only, in a tab of their own.

import DOMPurify from "./vendor/dompurify/dist/purify.es.mjs";

const WEB = /^(?:https?:|mailto:)/i;
const TAGS =
  "a b blockquote br code div em h3 h4 h5 h6 hr i li ol p pre s span strong table tbody td th thead tr ul #text";
const RULES = {
  ALLOWED_TAGS: TAGS.split(" "),
  ALLOWED_ATTR: ["class", "href", "start", "tabindex"],
  ADD_URI_SAFE_ATTR: ["start", "tabindex"], // else their values would have to be addresses
  ALLOWED_URI_REGEXP: WEB,
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
};
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const EMOJI_NAMES = `
  +1 👍  -1 👎  thumbsup 👍  thumbsdown 👎  eyes 👀  white_check_mark ✅  x ❌  warning ⚠  tada 🎉  heart ❤  smile 😄
  wave 👋  pray 🙏  thinking_face 🤔  rocket 🚀  fire 🔥  bulb 💡  memo 📝  books 📚  book 📖  mag 🔍  calendar 📅
  link 🔗  question ❓  exclamation ❗  information_source ℹ  robot_face 🤖  point_right 👉  star ⭐  sparkles ✨
  lock 🔒  key 🔑  page_facing_up 📄  arrow_right →`;
const EMOJI = new Map([...EMOJI_NAMES.matchAll(/(\S+) (\S+)/g)].map(([, name, character]) => [name, character]));

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (!node.hasAttribute("href")) return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer");
  node.setAttribute("title", node.getAttribute("href") ?? "");
});

/** @param {string} html @returns {Node[]} */
export function sanitize(html) {
  return [...DOMPurify.sanitize(html, { ...RULES, RETURN_DOM_FRAGMENT: true }).childNodes];
}

/** Draws a link that leads nowhere if its address is not allowed. @param {string} url @param {string} label */
export function link(url, label) {
  return sanitize(`<a href="${escapeHtml(url)}">${escapeHtml(label)}</a>`);
}

/** @param {string} text */
export function escapeHtml(text) {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[/** @type {keyof typeof ENTITIES} */ (character)]);
}

/** Undoes the escaping of Slack's wire text. @param {string} text */
export function decode(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** Puts characters in place of names such as `:tada:`. @param {string} text */
export function drawEmoji(text) {
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI.get(name) ?? whole);
}

/**
 * Returns HTML for what Slack writes between angle brackets (`<@U1>`, `<#C1|name>`, `<!here>`, `<url|label>`), and
 * nothing for anything else.
 * @param {string} inside @param {App} app
 */
export function reference(inside, app) {
  const [target = "", label] = inside.split(/\|(.*)/s);
  const name = target.slice(1);
  if (/^@[UW][A-Z0-9]+$/.test(target)) return mention(`@${app.nameOf(name)}`, name === app.me);
  if (/^#C[A-Z0-9]+$/.test(target)) return mention(`#${app.channels.get(name)?.name ?? (label || name)}`, false);
  const [, group] = target.match(/^!subteam\^(S\w+)$/) ?? [];
  if (group) return mention(decode(label || `@${group.toLowerCase()}`), false);
  if (/^!\w/.test(target)) return mention(decode(label || `@${name}`), true);
  if (!WEB.test(target)) return "";
  const shown = label || target.replace("mailto:", "");
  return `<a href="${escapeHtml(decode(target))}">${escapeHtml(decode(shown))}</a>`;
}

/** @param {string} name @param {boolean} isMe */
function mention(name, isMe) {
  return `<span class="mention${isMe ? " me" : ""}">${escapeHtml(name)}</span>`;
}
