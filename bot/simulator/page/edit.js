// A person's own message while they change it: Enter saves, Escape leaves it as it was.

import { html } from "./dom.js";
import { toTyped } from "./mrkdwn.js";

/** @param {Slack.Message} message @param {App} app */
export function drawEditing(message, app) {
  const save = () => {
    const field = document.querySelector(".editing textarea");
    if (field instanceof HTMLTextAreaElement) app.edit(message, field.value);
  };
  const takeKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") app.beginEditing("");
    else if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    else save();
    event.preventDefault();
    event.stopPropagation();
  };
  const typed = toTyped(message.text, app);
  return html`<div class="editing">
    <textarea rows="2" aria-label="Your message" .value=${typed} @keydown=${takeKey}></textarea>
    <div class="actions"><button @click=${() => app.beginEditing("")}>Cancel</button>
      <button class="primary" @click=${save}>Save</button></div></div>`;
}
