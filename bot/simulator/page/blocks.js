// Block Kit as far as the app's messages need it, and the steps of a stream. An unknown type shows as such.

import { html, listOf, nothing, textOf } from "./dom.js";
import { conversationsOf } from "./fields.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { mrkdwn } from "./mrkdwn.js";
import { link } from "./sanitize.js";

/** @typedef {Slack.Message | Slack.View | null} Holder what has the blocks, a message or the Home tab; null in a
 * modal */

const STEPS = {
  pending: { label: "Not started", drawing: nothing },
  in_progress: { label: "In progress", drawing: nothing },
  complete: { label: "Done", drawing: icon("check") },
  error: { label: "Failed", drawing: icon("close") },
};

/** @param {Slack.Block} block @param {Holder} message @param {App} app */
export function drawBlock(block, message, app) {
  const elements = listOf(block.elements);
  switch (block.type) {
    case "markdown":
      return html`<div class="markdown">${markdown(textOf(block.text), app)}</div>`;
    case "section":
      return drawSection(block, message, app);
    case "header":
      return html`<h2 class="block-header">${textOf(block.text)}</h2>`;
    case "divider":
      return html`<hr>`;
    case "context":
      return html`<div class="context">${elements.map((part) => html`<span>${drawText(part, app)}</span>`)}</div>`;
    case "task_card":
      return drawStep({ ...block, details: spell(block.details), output: spell(block.output) }, false, app);
    case "actions":
    case "context_actions":
      return html`<div class="actions">${elements.map((part) => drawElement(part, block, message, app))}</div>`;
    default:
      return html`<div class="unknown">block of type ${block.type}</div>`;
  }
}

/** @param {Slack.Block} block @param {Holder} message @param {App} app */
function drawSection(block, message, app) {
  const fields = listOf(block.fields).map((field) => html`<div class="text">${drawText(field, app)}</div>`);
  const text = block.text ? html`<div class="text">${drawText(block.text, app)}</div>` : nothing;
  const grid = fields.length ? html`<div class="fields">${fields}</div>` : nothing;
  if (!block.accessory) return html`${text}${grid}`;
  return html`<div class="beside"><div>${text}${grid}</div>
    <div class="actions">${drawElement(block.accessory, block, message, app)}</div></div>`;
}

/** Draws the steps that the app takes for an answer. @param {Slack.Stream} stream @param {App} app */
export function drawSteps(stream, app) {
  const isLive = stream.state === "in_progress";
  const steps = listOf(stream.tasks).map((task) => drawStep(task, isLive, app));
  return html`<div class="tasks" role="list" aria-label="Steps">${steps}</div>`;
}

/** Asks the person whether a click counts. @param {Slack.Block} question */
function confirms(question) {
  return window.confirm(`${textOf(question.title)}\n\n${textOf(question.text)}`);
}

/** Returns the text of a line of rich text. @param {any} rich */
const spell = (rich) => listOf(listOf(rich?.elements)[0]?.elements).map(textOf).join("");

/** @param {Slack.Block} task @param {boolean} isLive @param {App} app */
function drawStep(task, isLive, app) {
  /** @type {keyof typeof STEPS} */
  const status = Object.hasOwn(STEPS, task.status) ? task.status : "pending";
  const isActive = status === "in_progress" && isLive;
  const isStuck = status === "in_progress" && !isLive;
  const { label, drawing } = STEPS[status];
  const head = html`<span class="task-mark ${isStuck ? "pending" : status}" role="img"
    aria-label=${isStuck ? "Not finished" : label}>${drawing}</span> <span>${textOf(task.title)}</span>`;
  const texts = [task.details, task.output].filter(Boolean).map((text) => markdown(textOf(text), app));
  const sources = listOf(task.sources).map((source) => link(String(source.url), textOf(source)));
  if (!texts.length && !sources.length) {
    return html`<div class="task task-head" role="listitem" data-status=${status}>${head}</div>`;
  }
  return html`<div class="task" role="listitem" data-status=${status}>
    <details ?open=${isActive || status === "error"}>
      <summary class="task-head">${head}</summary>
      ${texts.map((text) => html`<div class="task-text">${text}</div>`)}
      <ul class="task-sources">${sources.map((source) => html`<li>${icon("link")} ${source}</li>`)}</ul>
    </details></div>`;
}

/** @param {any} text @param {App} app */
function drawText(text, app) {
  return text?.type === "mrkdwn" ? mrkdwn(textOf(text), app) : textOf(text);
}

/** @param {Slack.Block} element @param {Slack.Block} block @param {Holder} message @param {App} app */
function drawElement(element, block, message, app) {
  const click = (/** @type {string | null} */ choice) => message && app.click(message, block, element, choice);
  if (element.type === "button") {
    const style = ["primary", "danger"].includes(element.style) ? element.style : "plain";
    const press = () => (!element.confirm || confirms(element.confirm)) && click(null);
    return html`<button class=${style} ?disabled=${!message} @click=${press}>${textOf(element.text)}</button>`;
  }
  if (element.type === "conversations_select") return drawConversations(element, click, !message, app);
  if (element.type === "overflow") return drawMenu(element, click, !message);
  if (element.type !== "feedback_buttons")
    return html`<span class="unknown">element of type ${element.type}</span>`;
  const chosen = message && app.choiceOf(message, element);
  return ["positive", "negative"].map((side) => {
    const { text, accessibility_label } = element[`${side}_button`] ?? {};
    const label = accessibility_label || textOf(text);
    return html`<button class="feedback ${side}" title=${label} aria-label=${label} ?disabled=${!message}
      aria-pressed=${chosen === side} @click=${() => click(side)}>${icon("thumb")}</button>`;
  });
}

/** A choice that counts at once. @param {Slack.Block} element @param {(choice: string | null) => unknown} click
 * @param {boolean} isDisabled @param {App} app */
function drawConversations(element, click, isDisabled, app) {
  const choose = (/** @type {Event} */ event) => {
    const select = /** @type {HTMLSelectElement} */ (event.target);
    const chosen = select.value;
    select.value = "";
    if (chosen) click(chosen);
  };
  const label = textOf(element.placeholder) || "Choose…";
  return html`<select aria-label=${label} ?disabled=${isDisabled} @change=${choose}>
    <option value="">${label}</option>
    ${conversationsOf(element, app).map(({ value, label: name }) => html`<option value=${value}>${name}</option>`)}
  </select>`;
}

/** Three dots that open a menu. @param {Slack.Block} element @param {(choice: string | null) => unknown} click
 * @param {boolean} isDisabled */
function drawMenu(element, click, isDisabled) {
  /** @param {Event} event @param {string} value */
  const choose = (event, value) => {
    /** @type {HTMLElement} */ (event.currentTarget).closest("details")?.removeAttribute("open");
    click(value);
  };
  return html`<details class="menu">
    <summary title="More" aria-label="More">${icon("dots")}</summary>
    <div class="menu-items" role="menu">${listOf(element.options).map(
      (option) => html`<button role="menuitem" ?disabled=${isDisabled}
        @click=${(/** @type {Event} */ event) => choose(event, option.value)}>${textOf(option.text)}</button>`,
    )}</div></details>`;
}
