// Input blocks of a modal. Each gives the state object Slack would send for it.

import { h, listOf } from "./dom.js";
import { textOf } from "./elements.js";
import { mrkdwn } from "./mrkdwn.js";
import { nameOf } from "./links.js";

/** An input block with its error, if there is one; `read(node)` later gives its value. */
export function input(block, error, context) {
  const { element } = block;
  const draw = Object.hasOwn(INPUTS, element.type) ? INPUTS[element.type] : null;
  if (!draw) return h("div.unknown", {}, `input of type ${element.type}`);
  const id = `input-${block.block_id}`;
  const described = [block.hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  const common = {
    id,
    name: block.block_id,
    "aria-describedby": described || null,
    "aria-invalid": error ? "true" : null,
    "aria-required": String(!block.optional),
  };
  const label = [textOf(block.label), block.optional ? h("span.detail", {}, " (optional)") : null];
  const isGroup = ["radio_buttons", "checkboxes", "multi_static_select"].includes(element.type);
  return h(
    isGroup ? "fieldset.input" : "div.input",
    { "data-key": block.block_id, "data-block": block.block_id },
    isGroup ? h("legend", {}, label) : h("label", { for: id }, label),
    draw(element, common, context),
    error ? h("p.problem", { id: `${id}-error` }, error) : null,
    block.hint ? h("p.hint", { id: `${id}-hint` }, textOf(block.hint)) : null,
  );
}

/** The state object of a drawn input block, and whether it is empty. */
export function valueOf(block, form) {
  const { element } = block;
  const fields = [...form.querySelectorAll(`[name="${CSS.escape(block.block_id)}"]`)];
  const { type } = element;
  const options = allOptions(element);
  const option = (value) => options.find((o) => o.value === value) ?? null;
  if (type === "radio_buttons") {
    const selected_option = option(fields.find((field) => field.checked)?.value);
    return { value: { type, selected_option }, isEmpty: !selected_option };
  }
  if (type === "checkboxes" || type === "multi_static_select") {
    const selected_options = fields.filter((field) => field.checked).map((field) => option(field.value));
    return { value: { type, selected_options }, isEmpty: !selected_options.length };
  }
  const typed = fields[0]?.value ?? "";
  const isEmpty = !typed.trim();
  if (type === "static_select") return { value: { type, selected_option: option(typed) }, isEmpty };
  const name = STATES[type] ?? "value";
  return { value: { type, [name]: typed || null }, isEmpty };
}

const STATES = {
  datepicker: "selected_date",
  timepicker: "selected_time",
  users_select: "selected_user",
  channels_select: "selected_channel",
  conversations_select: "selected_conversation",
};

function text(element, common) {
  const properties = {
    ...common,
    placeholder: textOf(element.placeholder) || null,
    maxlength: element.max_length ?? null,
    minlength: element.min_length ?? null,
    value: element.initial_value ?? "",
    autofocus: element.focus_on_load ?? false,
  };
  return element.multiline ? h("textarea", { ...properties, rows: 4 }) : h("input", { type: "text", ...properties });
}

function select(element, common) {
  const initial = element.initial_option?.value ?? "";
  const option = (o) => h("option", { value: o.value, selected: o.value === initial }, textOf(o.text));
  const groups = listOf(element.option_groups).map((group) =>
    h("optgroup", { label: textOf(group.label) }, listOf(group.options).map(option)),
  );
  const empty = h("option", { value: "", selected: !initial }, textOf(element.placeholder) || "Choose…");
  return h("select", common, empty, listOf(element.options).map(option), groups);
}

function selectOf(entries) {
  return (element, common, context) => {
    const options = entries(context).map(([value, label]) => h("option", { value }, label));
    return h("select", common, h("option", { value: "" }, textOf(element.placeholder) || "Choose…"), options);
  };
}

function choices(type) {
  return (element, common, context) => {
    const initial = [element.initial_option, ...listOf(element.initial_options)].filter(Boolean).map((o) => o.value);
    return h(
      "div.choices",
      {},
      allOptions(element).map((o, n) =>
        h(
          "label",
          {},
          h("input", { ...common, id: `${common.id}-${n}`, type, value: o.value, checked: initial.includes(o.value) }),
          h("span", {}, mrkdwn(textOf(o.text), context), o.description ? h("small", {}, textOf(o.description)) : null),
        ),
      ),
    );
  };
}

function allOptions(element) {
  return [...listOf(element.options), ...listOf(element.option_groups).flatMap((group) => listOf(group.options))];
}

const people = selectOf((context) => [...context.users.values()].filter((u) => u.can_act).map((u) => [u.id, nameOf(u)]));
const places = selectOf((context) => [...context.channels.values()].filter((p) => p.kind !== "im").map((p) => [p.id, `#${p.name}`]));
const INPUTS = {
  plain_text_input: text,
  static_select: select,
  multi_static_select: choices("checkbox"),
  radio_buttons: choices("radio"),
  checkboxes: choices("checkbox"),
  users_select: people,
  channels_select: places,
  conversations_select: places,
  datepicker: (element, common) => h("input", { type: "date", ...common, value: element.initial_date ?? "" }),
  timepicker: (element, common) => h("input", { type: "time", ...common, value: element.initial_time ?? "" }),
};
