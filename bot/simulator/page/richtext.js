// Rich text and tables of Block Kit.

import { h, listOf } from "./dom.js";
import { emoji } from "./emoji.js";
import { channelMention, link, mention } from "./links.js";

export function richText(block, context) {
  return listOf(block.elements).map((element) => part(element, context));
}

export function tableBlock(block, context) {
  const settings = Array.isArray(block.column_settings) ? block.column_settings : [];
  const row = (cells, tag) =>
    h("tr", {}, listOf(cells).map((cell, n) => h(`${tag}.${align(settings[n])}`, {}, tableCell(cell, context))));
  const [head, ...body] = listOf(block.rows);
  if (!head) return null;
  const drawn = h("table", {}, h("thead", {}, row(head, "th")), h("tbody", {}, body.map((cells) => row(cells, "td"))));
  return h("div.table", { tabindex: 0 }, drawn);
}

function align(setting) {
  return ["left", "center", "right"].includes(setting?.align) ? setting.align : "left";
}

function tableCell(cell, context) {
  if (cell.type === "rich_text") return richText(cell, context);
  return String(cell.text ?? cell.value ?? "");
}

function part(element, context) {
  const inner = listOf(element.elements);
  if (element.type === "rich_text_preformatted") {
    return h("pre", { tabindex: 0 }, h("code", {}, inner.map((leaf) => leaf.text ?? leaf.url ?? "").join("")));
  }
  if (element.type === "rich_text_quote") return h("blockquote", {}, leaves(inner, context));
  if (element.type === "rich_text_list") {
    const items = inner.map((item) => h("li", {}, leaves(listOf(item.elements), context)));
    return h(`${element.style === "ordered" ? "ol" : "ul"}.indent-${Math.min(4, element.indent ?? 0)}`, {}, items);
  }
  return h("p", {}, leaves(inner, context));
}

function leaves(elements, context) {
  return elements.flatMap((element) => {
    const style = element.style ?? {};
    let nodes = leaf(element, context);
    if (style.code) nodes = [h("code", {}, nodes)];
    if (style.bold) nodes = [h("b", {}, nodes)];
    if (style.italic) nodes = [h("i", {}, nodes)];
    if (style.strike) nodes = [h("s", {}, nodes)];
    return nodes;
  });
}

function leaf(element, context) {
  switch (element.type) {
    case "text":
      return String(element.text ?? "").split("\n").flatMap((line, n) => (n ? [h("br"), line] : [line]));
    case "link":
      return [link(element.url, element.text || element.url)];
    case "user":
      return [mention(element.user_id, context)];
    case "channel":
      return [channelMention(element.channel_id, "", context)];
    case "broadcast":
      return [h("span.mention.all", {}, `@${element.range}`)];
    case "emoji":
      return [emoji(element.name)];
    case "date":
      return [element.fallback ?? new Date(element.timestamp * 1000).toLocaleString()];
    default:
      return [String(element.text ?? element.value ?? "")];
  }
}
