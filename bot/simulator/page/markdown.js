// Standard Markdown, as answers are written in: the blocks. Text that is still growing is drawn as far as it goes.

import { h } from "./dom.js";
import { span } from "./spans.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}([-*_])( *\1){2,} *$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+•]|\d{1,9}[.)])( +|$)/;
const DIVIDER = /^ *\|?( *:?-+:? *\|)* *:?-+:? *\|? *$/;
const DEEPEST = 10;

export function markdown(text, context) {
  return blocks(text.replaceAll("\r", "").replaceAll("\t", "    ").split("\n"), context, 0);
}

function blocks(lines, context, depth) {
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (!line.trim()) at += 1;
    else if (FENCE.test(line)) at = fence(lines, at, nodes);
    else if (HEADING.test(line)) {
      const [, marks, title] = line.match(HEADING);
      nodes.push(h(`h${Math.min(6, marks.length + 2)}.heading-${marks.length}`, {}, span(title, context)));
      at += 1;
    } else if (RULE.test(line)) {
      nodes.push(h("hr"));
      at += 1;
    } else if (QUOTE.test(line) && depth < DEEPEST) at = quote(lines, at, nodes, context, depth);
    else if (ITEM.test(line) && depth < DEEPEST) at = list(lines, at, nodes, context, depth);
    else if (isTable(lines, at)) at = table(lines, at, nodes, context);
    else at = paragraph(lines, at, nodes, context);
  }
  return nodes;
}

function fence(lines, start, nodes) {
  const [, mark, language] = lines[start].match(FENCE);
  let end = start + 1;
  while (end < lines.length && !lines[end].trim().startsWith(mark)) end += 1;
  const code = h("code", {}, lines.slice(start + 1, end).join("\n"));
  nodes.push(h("pre", { tabindex: 0, "data-language": language || null }, code));
  return end + 1;
}

function quote(lines, start, nodes, context, depth) {
  let end = start;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const inner = lines.slice(start, end).map((line) => line.replace(QUOTE, ""));
  nodes.push(h("blockquote", {}, blocks(inner, context, depth + 1)));
  return end;
}

function list(lines, start, nodes, context, depth) {
  const [, margin, first] = lines[start].match(ITEM);
  const isOrdered = /\d/.test(first);
  const items = [];
  let at = start;
  while (at < lines.length) {
    const found = lines[at].match(ITEM);
    const indent = lines[at].match(/^ */)[0].length;
    if (found && indent <= margin.length + 1 && indent >= margin.length && /\d/.test(found[2]) === isOrdered) {
      items.push({ width: indent + found[2].length + Math.max(1, Math.min(found[3].length, 4)), lines: [] });
      items.at(-1).lines.push(lines[at].slice(found[0].length));
    } else if (!lines[at].trim()) {
      const next = lines.slice(at + 1).find((line) => line.trim());
      const follows = next && (next.match(/^ */)[0].length > margin.length || continues(next, margin, isOrdered));
      if (!follows) break;
      items.at(-1).lines.push("");
    } else if (indent > margin.length || (!isStart(lines, at) && lines[at - 1].trim())) {
      const { width } = items.at(-1);
      items.at(-1).lines.push(lines[at].slice(Math.min(width, indent)));
    } else break;
    at += 1;
  }
  const start_at = isOrdered && parseInt(first, 10) !== 1 ? parseInt(first, 10) : null;
  const rendered = items.map((item) => h("li", {}, itemContent(item.lines, context, depth)));
  nodes.push(h(isOrdered ? "ol" : "ul", { start: start_at }, rendered));
  return at;
}

function continues(line, margin, isOrdered) {
  const found = line.match(ITEM);
  return found && found[1].length >= margin.length && /\d/.test(found[2]) === isOrdered;
}

function itemContent(lines, context, depth) {
  const box = lines[0].match(/^\[([ xX])\] /);
  if (box) lines = [(box[1] === " " ? "☐ " : "☑ ") + lines[0].slice(4), ...lines.slice(1)];
  const inner = blocks(lines, context, depth + 1);
  return inner.flatMap((node, position) => (position === 0 && node.nodeName === "P" ? [...node.childNodes] : [node]));
}

function isTable(lines, at) {
  return lines[at].includes("|") && at + 1 < lines.length && lines[at + 1].includes("-") && DIVIDER.test(lines[at + 1]);
}

function table(lines, start, nodes, context) {
  const aligns = cells(lines[start + 1]).map((cell) =>
    cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "left",
  );
  const row = (line, tag) =>
    h("tr", {}, cells(line).map((cell, n) => h(`${tag}.${aligns[n] ?? "left"}`, {}, span(cell, context))));
  let end = start + 2;
  while (end < lines.length && lines[end].includes("|") && lines[end].trim()) end += 1;
  const body = lines.slice(start + 2, end).map((line) => row(line, "td"));
  const drawn = h("table", {}, h("thead", {}, row(lines[start], "th")), h("tbody", {}, body));
  nodes.push(h("div.table", { tabindex: 0 }, drawn));
  return end;
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function paragraph(lines, start, nodes, context) {
  let end = start + 1;
  while (end < lines.length && lines[end].trim() && !isStart(lines, end)) end += 1;
  const text = lines.slice(start, end).map((line) => line.trim()).join("\n");
  nodes.push(h("p", {}, span(text, context)));
  return end;
}

function isStart(lines, at) {
  const line = lines[at];
  return [FENCE, HEADING, RULE, QUOTE, ITEM].some((start) => start.test(line)) || isTable(lines, at);
}
