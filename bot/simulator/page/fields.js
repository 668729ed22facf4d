// The inputs of a modal: how each is drawn with what stands in it at first, and the state that Slack makes of it.

import { html, listOf, nothing, textOf } from "./dom.js";

/** @typedef {{ value: string, label: string }} Choice */

/** Draws the element of an input block; null for one that is not known. @param {Slack.Block} block
 * @param {unknown} label @param {boolean} isInvalid @param {App} app */
export function drawField(block, label, isInvalid, app) {
  const { element, block_id } = block;
  switch (element.type) {
    case "radio_buttons":
      return drawChoices("radio", block_id, label, optionsOf(element), chosenOf(element), isInvalid);
    case "checkboxes":
    case "multi_static_select":
      return drawChoices("checkbox", block_id, label, optionsOf(element), chosenOf(element), isInvalid);
    case "multi_users_select":
      return drawChoices(
        "checkbox",
        block_id,
        label,
        peopleOf(app),
        listOfTexts(element.initial_users),
        isInvalid,
      );
    case "static_select":
      return drawSelect(block_id, label, optionsOf(element), chosenOf(element), isInvalid);
    case "conversations_select":
      return drawSelect(block_id, label, conversationsOf(element, app), [], isInvalid);
    case "plain_text_input":
      return html`<label>${label}
        <textarea name=${block_id} rows=${element.multiline ? 4 : 1} maxlength=${element.max_length ?? nothing}
          .value=${String(element.initial_value ?? "")} aria-invalid=${isInvalid}></textarea></label>`;
    default:
      return null;
  }
}

/** Returns the state that Slack would send for an input. @param {Slack.Block} element @param {string[]} typed */
export function stateOf(element, typed) {
  const { type } = element;
  const [first] = typed;
  const options = listOf(element.options).filter(({ value }) => typed.includes(value));
  switch (type) {
    case "radio_buttons":
    case "static_select":
      return { type, selected_option: options[0] ?? null };
    case "checkboxes":
    case "multi_static_select":
      return { type, selected_options: options };
    case "multi_users_select":
      return { type, selected_users: typed };
    case "conversations_select":
      return { type, selected_conversation: first ?? null };
    default:
      return { type, value: first ?? null };
  }
}

/** Returns the conversations to choose from, by the element's filter. @param {Slack.Block} element
 * @param {App} app @returns {Choice[]} */
export function conversationsOf({ filter }, app) {
  const kinds = Array.isArray(filter?.include) ? filter.include : [];
  return [...app.channels.values()]
    .filter(({ kind }) => !kinds.length || kinds.includes(kind))
    .map(({ id, name }) => ({ value: id, label: `#${name}` }));
}

/** @param {"radio" | "checkbox"} type @param {string} name @param {unknown} label @param {Choice[]} choices
 * @param {string[]} chosen @param {boolean} isInvalid */
function drawChoices(type, name, label, choices, chosen, isInvalid) {
  const drawn = choices.map(
    (choice) => html`<label>
      <input type=${type} name=${name} value=${choice.value} ?checked=${chosen.includes(choice.value)}
        aria-invalid=${isInvalid}> ${choice.label}</label>`,
  );
  return html`<fieldset><legend>${label}</legend> <div class="choices">${drawn}</div></fieldset>`;
}

/** @param {string} name @param {unknown} label @param {Choice[]} choices @param {string[]} chosen
 * @param {boolean} isInvalid */
function drawSelect(name, label, choices, chosen, isInvalid) {
  const drawn = choices.map(
    (choice) =>
      html`<option value=${choice.value} ?selected=${chosen.includes(choice.value)}>${choice.label}</option>`,
  );
  const empty = chosen.length ? nothing : html`<option value="">Choose…</option>`;
  return html`<label>${label} <select name=${name} aria-invalid=${isInvalid}>${empty}${drawn}</select></label>`;
}

/** @param {Slack.Block} element @returns {Choice[]} */
function optionsOf(element) {
  return listOf(element.options).map(({ text, value }) => ({ value: String(value), label: textOf(text) }));
}

/** Returns the values of the options that are chosen at first. @param {Slack.Block} element */
function chosenOf(element) {
  return listOf(element.initial_options ?? [element.initial_option]).map(({ value }) => String(value));
}

/** @param {App} app @returns {Choice[]} */
function peopleOf(app) {
  const people = [...app.users.values()].filter((user) => user.can_act);
  return people.map(({ id }) => ({ value: id, label: app.nameOf(id) }));
}

/** @param {unknown} list */
function listOfTexts(list) {
  return Array.isArray(list) ? list.map(String) : [];
}
