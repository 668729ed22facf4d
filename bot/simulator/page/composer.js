// Where a person writes. Enter sends, Shift+Enter makes a line; what was not sent is kept per place.

import { Completion } from "./completion.js";
import { element, html, nothing } from "./dom.js";
import { icon } from "./icons.js";
import { sentenceOf } from "./server.js";

const TALLEST = 220; // px

export class Composer {
  /** @type {Map<string, string>} */ #drafts = new Map();
  #place = "";
  #problem = "";

  /** What `send` throws is told below the field. @param {App} app @param {(typed: string) => any} send */
  constructor(app, send) {
    this.app = app;
    this.send = send;
    this.field = /** @type {HTMLTextAreaElement} */ (element("textarea", "", { rows: 1 }));
    this.completion = new Completion(this.field, app);
    this.field.addEventListener("input", () => this.#takeInput());
    this.field.addEventListener("keydown", (event) => this.#takeKey(event));
  }

  /** @param {string} place whose draft is shown @param {string} placeholder */
  draw(place, placeholder) {
    this.field.placeholder = placeholder;
    this.field.ariaLabel = placeholder;
    if (place !== this.#place) {
      this.#drafts.set(this.#place, this.field.value);
      this.#place = place;
      this.#problem = "";
      this.#setText(this.#drafts.get(place) ?? "");
    }
    return html`<div class="composer">
      ${this.completion.node}
      <div class="composer-box">
        ${this.field}
        <div class="composer-tools"><span class="tip">Enter to send, Shift+Enter for a line</span>
          <button class="send" aria-label="Send" @click=${() => this.#submit()}>${icon("send")}</button>
        </div></div>
      ${this.#problem ? html`<p class="problem" role="alert">${this.#problem}</p>` : nothing}
    </div>`;
  }

  /** @param {string} text */
  #setText(text) {
    this.field.value = text;
    this.completion.close();
    this.#resize();
  }

  #resize() {
    this.field.style.height = "auto";
    if (this.field.value) this.field.style.height = `${Math.min(this.field.scrollHeight, TALLEST)}px`;
  }

  #takeInput() {
    this.#resize();
    this.completion.update();
  }

  /** @param {KeyboardEvent} event */
  #takeKey(event) {
    if (this.completion.takeKey(event) || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  async #submit() {
    const typed = this.field.value;
    const place = this.#place;
    if (!typed.trim()) return;
    this.#setText("");
    this.#problem = "";
    try {
      await this.send(typed);
    } catch (error) {
      if (this.#place === place && !this.field.value) this.#setText(typed);
      else this.#drafts.set(place, typed);
      this.#problem = sentenceOf(error);
    }
    this.app.draw();
  }
}
