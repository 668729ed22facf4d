// Links and mentions. Promises that only web and mail addresses can be followed, in a tab of their own.

import { h } from "./dom.js";

const SAFE = new Set(["http:", "https:", "mailto:"]);

export function safeUrl(url) {
  try {
    const parsed = new URL(String(url));
    return SAFE.has(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

/** A link, or its label alone where the address is not one to follow. */
export function link(url, ...label) {
  const href = safeUrl(url);
  const shown = label.length ? label : [String(url)];
  if (!href) return h("span", { title: String(url) }, shown);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer", title: href }, shown);
}

export function mention(id, context) {
  const user = context.users.get(id);
  const name = user ? nameOf(user) : id;
  return h(id === context.me ? "span.mention.me" : "span.mention", {}, `@${name}`);
}

export function channelMention(id, name, context) {
  const place = context.channels.get(id);
  if (!place) return h("span.mention", {}, `#${name || id}`);
  return h("button.mention", { type: "button", onclick: () => context.open(id) }, `#${place.name}`);
}

/** `<@U…>`, `<#C…|name>`, `<!here>`, `<url|label>`: what stands between angle brackets in Slack's text. */
export function bracketed(inside, context) {
  const [target, label] = splitOnce(inside, "|");
  if (target.startsWith("@")) return mention(target.slice(1), context);
  if (target.startsWith("#")) return channelMention(target.slice(1), label, context);
  if (target.startsWith("!")) return h("span.mention.all", {}, label || `@${target.slice(1).split("^")[0]}`);
  return link(decoded(target), decoded(label || target.replace(/^mailto:/, "")));
}

export function isBracketed(inside) {
  return /^(@[UW][A-Z0-9]+|#C[A-Z0-9]+|!\w|https?:\/\/|mailto:)/.test(inside) && !inside.includes("\n");
}

export function decoded(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

export function nameOf(user) {
  return user.real_name || user.name;
}

function splitOnce(text, by) {
  const at = text.indexOf(by);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
