// Interactive elements in messages. `context.use` tells the app; what was chosen stays visible as in Slack.

import { ask } from "./dialog.js";
import { h, listOf } from "./dom.js";
import { icon } from "./icons.js";
import { safeUrl } from "./links.js";
import { openMenu } from "./menu.js";
import { mrkdwn } from "./mrkdwn.js";

const DRAWINGS = { trash: "trash", edit: "edit", delete: "trash", refresh: "reply" };

export function element(given, place) {
  const draw = Object.hasOwn(ELEMENTS, given.type) ? ELEMENTS[given.type] : null;
  return draw ? draw(given, place) : h("span.unknown", {}, `element of type ${given.type}`);
}

/** `place`: {message, block, context}. */
async function use(given, place, value = null) {
  const { confirm } = given;
  const agreed =
    !confirm ||
    (await ask({
      title: textOf(confirm.title) || "Are you sure?",
      text: confirm.text ? mrkdwn(textOf(confirm.text), place.context) : null,
      confirm: textOf(confirm.confirm) || "Yes",
      deny: textOf(confirm.deny) || "Cancel",
      isDanger: confirm.style === "danger",
    }));
  const { context, message } = place;
  if (agreed) return context.use(message, place.block, given, value);
  context.touch(message.ts); // what was picked shows: back to what is chosen
  context.draw();
}

function button(given, place) {
  const style = ["primary", "danger"].includes(given.style) ? `.${given.style}` : "";
  const label = { "aria-label": given.accessibility_label || null };
  const href = given.url && safeUrl(given.url);
  const onclick = () => use(given, place);
  if (href) {
    return h(`a.button${style}`, { ...label, href, target: "_blank", rel: "noopener noreferrer", onclick }, textOf(given.text));
  }
  return h(`button${style}`, { ...label, type: "button", ...unless(place), onclick }, textOf(given.text));
}

function feedbackButtons(given, place) {
  const chosen = place.context.chosen(place.message, given.action_id);
  const one = (side, drawing) => {
    const { text, accessibility_label } = given[`${side}_button`] ?? {};
    const label = accessibility_label || textOf(text);
    const isChosen = chosen === side;
    const properties = { type: "button", title: label, "aria-label": label, "aria-pressed": String(isChosen) };
    return h("button.feedback", { ...properties, ...unless(place), onclick: () => use(given, place, side) }, icon(drawing));
  };
  return h("span.feedback-buttons", { role: "group", "aria-label": "Feedback" }, one("positive", "thumbUp"), one("negative", "thumbDown"));
}

function iconButton(given, place) {
  const label = given.accessibility_label || textOf(given.text);
  const drawing = icon(Object.hasOwn(DRAWINGS, given.icon) ? DRAWINGS[given.icon] : "more");
  const properties = { type: "button", title: label, "aria-label": label, ...unless(place) };
  return h("button.feedback", { ...properties, onclick: () => use(given, place) }, drawing);
}

function staticSelect(given, place) {
  const chosen = place.context.chosen(place.message, given.action_id) ?? given.initial_option?.value ?? "";
  const decided = { "data-chosen": "one" };
  const option = (o) => h("option", { value: o.value, selected: o.value === chosen, ...decided }, textOf(o.text));
  const groups = listOf(given.option_groups).map((group) =>
    h("optgroup", { label: textOf(group.label) }, listOf(group.options).map(option)),
  );
  const placeholder = textOf(given.placeholder) || "Choose…";
  const empty = h("option", { value: "", disabled: true, selected: chosen === "", ...decided }, placeholder);
  return h(
    "select",
    {
      "aria-label": placeholder,
      ...unless(place),
      onchange: (event) => use(given, place, event.target.value),
    },
    empty,
    listOf(given.options).map(option),
    groups,
  );
}

function overflow(given, place) {
  const open = (event) =>
    openMenu(
      event.currentTarget,
      "More actions",
      listOf(given.options).map((o) => ({ label: textOf(o.text), detail: textOf(o.description), choose: () => use(given, place, o.value) })),
    );
  const properties = { type: "button", "aria-label": "More actions", "aria-haspopup": "menu", ...unless(place) };
  return h("button.feedback", { ...properties, onclick: open }, icon("more"));
}

function choices(type) {
  return (given, place) => {
    const initial = [given.initial_option, ...listOf(given.initial_options)].map((o) => o?.value);
    const now = place.context.chosen(place.message, given.action_id);
    const chosen = now === undefined ? initial : [now];
    const name = `${place.message?.ts}-${given.action_id}`;
    const decided = type === "radio" ? { "data-chosen": "one" } : {}; // of boxes the page knows the last use only
    return h(
      "fieldset.choices",
      {},
      listOf(given.options).map((o) =>
        h(
          "label",
          {},
          h("input", {
            type,
            name,
            value: o.value,
            checked: chosen.includes(o.value),
            ...decided,
            ...unless(place),
            onchange: () => use(given, place, o.value),
          }),
          mrkdwn(textOf(o.text), place.context),
        ),
      ),
    );
  };
}

/** Nothing is loaded from elsewhere: an image is its description and a link to it. */
export function image(given) {
  const label = [icon("image"), given.alt_text || "image"];
  const href = given.image_url && safeUrl(given.image_url);
  if (!href) return h("span.image", {}, label);
  return h("a.image", { href, target: "_blank", rel: "noopener noreferrer" }, label);
}

export function textOf(text) {
  return typeof text === "string" ? text : String(text?.text ?? "");
}

/** Elements of a modal cannot be used one by one here. */
function unless(place) {
  return place.message ? {} : { disabled: true };
}

const ELEMENTS = {
  button,
  feedback_buttons: feedbackButtons,
  icon_button: iconButton,
  static_select: staticSelect,
  overflow,
  radio_buttons: choices("radio"),
  checkboxes: choices("checkbox"),
  image,
};
