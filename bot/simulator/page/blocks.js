// Block Kit, block by block. A type that is not known here shows as such.

import { h, listOf } from "./dom.js";
import { element, image, textOf } from "./elements.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { inline, mrkdwn } from "./mrkdwn.js";
import { richText, tableBlock } from "./richtext.js";
import { plan, taskCard } from "./tasks.js";

/** `message` is null in a modal. */
export function blocks(given, message, context) {
  return listOf(given).map((block, position) => {
    const draw = Object.hasOwn(BLOCKS, block.type) ? BLOCKS[block.type] : unknown;
    const drawn = draw(block, { message, block, context });
    if (drawn && !drawn.dataset.key) drawn.dataset.key = block.block_id || `block-${position}`;
    return drawn;
  });
}

export function text(given, context) {
  if (given?.type === "mrkdwn") return mrkdwn(textOf(given), context);
  return textOf(given).split("\n").flatMap((line, n) => (n ? [h("br"), line] : [line]));
}

function section(block, place) {
  const fields = listOf(block.fields).map((field) => h("div", {}, text(field, place.context)));
  return h(
    "div.section",
    {},
    h(
      "div.section-text",
      {},
      block.text ? text(block.text, place.context) : null,
      fields.length ? h("div.fields", {}, fields) : null,
    ),
    block.accessory ? h("div.accessory", {}, element(block.accessory, place)) : null,
  );
}

function context(block, place) {
  const parts = listOf(block.elements).map((part) =>
    part.type === "image" ? image(part) : h("span", {}, part.type === "mrkdwn" ? lines(part, place) : text(part, place.context)),
  );
  return h("div.context", {}, parts);
}

function lines(part, place) {
  return textOf(part).split("\n").flatMap((line, n) => (n ? [h("br"), ...inline(line, place.context)] : inline(line, place.context)));
}

function imageBlock(block) {
  return h("figure", {}, block.title ? h("figcaption", {}, textOf(block.title)) : null, image(block));
}

function alert(block, place) {
  const level = ["info", "warning", "error", "success"].includes(block.level) ? block.level : "default";
  const inner = typeof block.text === "string" ? mrkdwn(block.text, place.context) : text(block.text, place.context);
  return h(`div.alert.${level}`, { role: level === "error" ? "alert" : "note" }, icon("story"), h("div", {}, inner));
}

function card(block, place) {
  const part = (name, tag) => (block[name] ? h(tag, {}, text(block[name], place.context)) : null);
  const buttons = listOf(block.actions).map((one) => element(one, place));
  return h(
    "div.card",
    {},
    block.hero_image ? image(block.hero_image) : null,
    part("title", "strong"),
    part("subtitle", "div"),
    part("body", "div"),
    part("subtext", "small"),
    buttons.length ? h("div.actions", {}, buttons) : null,
  );
}

function container(block, place) {
  const title = textOf(block.title);
  const inner = blocks(block.child_blocks, place.message, place.context);
  return h("div.card", {}, title ? h("strong", {}, title) : null, inner);
}

function elements(name) {
  return (block, place) => h(`div.${name}`, {}, listOf(block.elements).map((one) => element(one, place)));
}

function unknown(block) {
  return h("div.unknown", {}, `block of type ${block.type}`);
}

const BLOCKS = {
  section,
  context,
  header: (block) => h("h3.header", {}, textOf(block.text)),
  divider: () => h("hr"),
  image: imageBlock,
  actions: elements("actions"),
  context_actions: elements("context-actions"),
  markdown: (block, place) => h("div.markdown", {}, markdown(textOf(block.text), place.context)),
  rich_text: (block, place) => h("div.rich-text", {}, richText(block, place.context)),
  table: (block, place) => tableBlock(block, place.context),
  task_card: (block, place) => h("div.tasks", {}, taskCard(block, place.context)),
  plan: (block, place) => plan(block, place.context),
  alert,
  card,
  carousel: (block, place) => h("div.carousel", {}, listOf(block.elements).map((one) => card(one, place))),
  container,
};
