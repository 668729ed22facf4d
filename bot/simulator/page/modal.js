// The app's form in front of the page: opened by the app, filled in and sent by the person.

import { drawBlock } from "./blocks.js";
import { element, html, listOf, nothing, render, textOf } from "./dom.js";
import { icon } from "./icons.js";
import { drawTool } from "./message.js";
import { act, sentenceOf } from "./server.js";

const MISSING = "Please fill this in.";

export class Modal {
  /** @type {Slack.View | null} */ #view = null;
  /** @type {Record<string, string>} per block */ #errors = {};
  /** @type {Set<string>} closed by the person, while the workspace does not know yet */ #closed = new Set();
  #problem = "";
  #isBusy = false;

  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.node = /** @type {HTMLDialogElement} */ (element("dialog", "modal"));
    this.node.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close();
    });
  }

  /** Shows the view that was opened last. */
  draw() {
    const view = this.app.screen.modals.filter(({ id }) => !this.#closed.has(id)).at(-1) ?? null;
    if (JSON.stringify(view) === JSON.stringify(this.#view)) return;
    if (view?.id !== this.#view?.id) render(nothing, this.node);
    this.#view = view;
    this.#errors = {};
    this.#problem = "";
    if (!view) return this.node.close();
    this.#drawForm(view);
    if (!this.node.open) this.node.showModal();
  }

  /** @param {Slack.View} view */
  #drawForm(view) {
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      this.#submit(view, new FormData(/** @type {HTMLFormElement} */ (event.target)));
    };
    const close = () => this.#close();
    const title = textOf(view.title);
    const hasInputs = listOf(view.blocks).some(({ type }) => type === "input");
    const submitLabel = textOf(view.submit) || "Submit";
    this.node.ariaLabel = title;
    render(
      html`<form novalidate @submit=${submit}>
        <header><h2>${title}</h2> ${drawTool("Close", icon("close"), close)}</header>
        ${listOf(view.blocks).map((block) => this.#drawBlock(block))}
        ${this.#problem ? html`<p class="problem" role="alert">${this.#problem}</p>` : nothing}
        <footer>
          <button type="button" @click=${close}>${textOf(view.close) || "Cancel"}</button>
          ${hasInputs ? html`<button class="primary" ?disabled=${this.#isBusy}>${submitLabel}</button>` : nothing}
        </footer></form>`,
      this.node,
    );
  }

  /** @param {Slack.Block} block */
  #drawBlock(block) {
    if (block.type !== "input") return drawBlock(block, null, this.app);
    const error = this.#errors[block.block_id];
    const optional = block.optional ? "(optional)" : "";
    const label = html`<b>${textOf(block.label)}</b> <span class="detail">${optional}</span>`;
    const isInvalid = Boolean(error);
    const problem = error ? html`<p class="problem">${error}</p>` : nothing;
    if (block.element.type === "radio_buttons") {
      const options = listOf(block.element.options).map(
        ({ text, value }) => html`<label>
        <input type="radio" name=${block.block_id} value=${value} aria-invalid=${isInvalid}>
        ${textOf(text)}</label>`,
      );
      return html`<fieldset class="input"><legend>${label}</legend> ${options} ${problem}</fieldset>`;
    }
    if (block.element.type === "checkboxes") {
      const options = listOf(block.element.options).map(
        ({ text, value }) => html`<label>
        <input type="checkbox" name=${block.block_id} value=${value} aria-invalid=${isInvalid}>
        ${textOf(text)}</label>`,
      );
      return html`<fieldset class="input"><legend>${label}</legend> ${options} ${problem}</fieldset>`;
    }
    if (block.element.type === "conversations_select") {
      const options = this.#conversations(block.element).map(
        ({ id, name }) => html`<option value=${id}>#${name}</option>`,
      );
      return html`<div class="input"><label>${label}
        <select name=${block.block_id} aria-invalid=${isInvalid}>
          <option value="">Choose…</option>${options}</select></label> ${problem}</div>`;
    }
    if (block.element.type !== "plain_text_input") {
      return html`<div class="unknown">input of type ${block.element.type}</div>`;
    }
    const { multiline, max_length, initial_value } = block.element;
    const rows = multiline ? Math.min(12, 4 + Math.floor(String(initial_value ?? "").length / 80)) : 1;
    return html`<div class="input"><label>${label}
      <textarea name=${block.block_id} rows=${rows} maxlength=${max_length ?? nothing}
        .value=${initial_value ?? ""} aria-invalid=${isInvalid}></textarea></label> ${problem}</div>`;
  }

  /** Returns the conversations to choose from, by the element's filter. @param {Slack.Block} element */
  #conversations({ filter }) {
    const kinds = Array.isArray(filter?.include) ? filter.include : [];
    return [...this.app.channels.values()].filter(({ kind }) => !kinds.length || kinds.includes(kind));
  }

  /** @param {Slack.View} view @param {FormData} form */
  async #submit(view, form) {
    if (this.#isBusy) return;
    /** @type {Record<string, Record<string, Slack.Block>>} */
    const values = {};
    this.#errors = {};
    this.#problem = "";
    for (const { block_id, element, optional } of listOf(view.blocks).filter(({ type }) => type === "input")) {
      const chosen = form.getAll(block_id).map((value) => String(value).trim());
      const typed = chosen[0] ?? "";
      if (!typed && !optional) this.#errors[block_id] = MISSING;
      values[block_id] = { [element.action_id]: stateOf(element, typed, chosen) };
    }
    if (!Object.keys(this.#errors).length) await this.#send(view, values);
    if (this.#view !== view) return;
    this.#drawForm(view);
    /** @type {HTMLElement | null} */ (this.node.querySelector("[aria-invalid=true]"))?.focus();
  }

  /** @param {Slack.View} view @param {Record<string, Record<string, Slack.Block>>} values */
  async #send(view, values) {
    this.#isBusy = true;
    this.#drawForm(view);
    try {
      const ack = /** @type {Slack.Ack} */ (await act(this.app.me, "submit", { view_id: view.id, values }));
      if (ack.body?.response_action === "errors") this.#errors = ack.body.errors ?? {};
      else if (ack.error) this.#problem = `The app did not take this (${ack.error}). Try again.`;
    } catch (error) {
      this.#problem = sentenceOf(error);
    }
    this.#isBusy = false;
  }

  #close() {
    const view = this.#view;
    if (!view) return;
    this.#closed.add(view.id);
    this.draw();
    this.app.try(() => act(this.app.me, "close", { view_id: view.id }));
  }
}

/** Returns the state that Slack would send for an input. @param {Slack.Block} element @param {string} typed
 * @param {string[]} chosen of several */
function stateOf({ type, options }, typed, chosen) {
  if (type === "checkboxes")
    return { type, selected_options: listOf(options).filter(({ value }) => chosen.includes(value)) };
  if (type === "radio_buttons")
    return { type, selected_option: listOf(options).find(({ value }) => value === typed) ?? null };
  if (type === "conversations_select") return { type, selected_conversation: typed || null };
  return { type, value: typed || null };
}
